"""ProfilerReport's page shows what the profiler's files tell, and has no section for what they cannot tell."""

from pathlib import Path

from rules.checks.overall import ProfilerReport
from rules.reading.profile import Profile
from rules.reading.source import Folder
from rules.report.profiler_report import profiler_page
from tests.support import rule_jobs


def test_the_page_of_a_profile(tmp_path: Path) -> None:
    rule_jobs.profile(tmp_path)
    profile = Profile(Folder(tmp_path))
    profile.poll(final=True)
    rule = ProfilerReport.build({})
    rule.scan(profile)
    html = profiler_page(rule, "a <job>")
    assert "<h1>a &lt;job&gt;</h1>" in html and "Made by Kennel from the job&#39;s profile." in html
    assert [part in html for part in ('id="findings"', 'id="time"', 'id="machine"')] == [True] * 3
    assert not any(part in html for part in ('id="learning"', 'id="predictions"', 'id="settings"', 'id="warnings"'))
    assert "130 steps, median" in html and "StepOutlier" in html and "0.4" in html
