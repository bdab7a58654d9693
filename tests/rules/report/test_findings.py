"""What the rules of a job left is shown as they left it; what nobody asked for is evaluated here; silence is never good news."""

import json
from pathlib import Path

from rules.__main__ import main
from rules.reading.job_files import JobFiles, find
from rules.reading.source import Folder
from rules.report import findings as module
from rules.report.finding_cards import cards, count_of_issues
from rules.report.findings import findings
from rules.report.time_breakdown import read_profile
from tests.support import rule_jobs, saved_profile

LEFT = {
    "rule": "VanishingGradient",
    "status": "IssuesFound",
    "details": "RuleEvaluationConditionMet: Evaluation of the rule VanishingGradient at step 20 resulted in the condition",
    "parameters": {"threshold": 1e-07},
    "evidence": [{"subject": "gradient/a", "step": 20, "value": 1e-9, "threshold": 1e-7, "message": "mean |gradient| is 1e-09"}],
    "found": 3,
    "advice": "Use a residual network.",
    "series": {"gradient/a": [[0, 1e-3], [10, 1e-6], [20, 1e-9]], "gradient/b": [[0, 1.0]]},
    "numbers": {},
}


def leave(folder: Path, name: str = "my-rule", **changes: object) -> Path:
    path = folder / "rule-output" / name / "VanishingGradient.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(LEFT | changes))
    return folder


def test_a_result_of_the_job_is_shown_with_its_evidence_and_series(tmp_path: Path) -> None:
    part = findings(find(str(leave(tmp_path))))
    (row,) = part["rules"]
    assert (row["name"], row["rule"], row["evaluated"], row["found"]) == ("my-rule", "VanishingGradient", "by the job", 3)
    assert set(row["series"]) == {"gradient/a"}, "the tensors with evidence"
    html = cards(part)
    for words in ("my-rule", "step 20, gradient/a: mean |gradient| is 1e-09", "and 2 more", "Use a residual", "threshold 1e-7"):
        assert words in html
    assert 'data-y="1e-09,0.001,1,"' in html, "six decades need a logarithmic axis"
    assert count_of_issues(part) == 1


def test_a_rule_of_the_job_is_not_evaluated_again(tmp_path: Path) -> None:
    rule_jobs.tensors(tmp_path / "debug-output")
    rows = findings(find(str(leave(tmp_path))))["rules"]
    assert [row["evaluated"] for row in rows if row["rule"] == "VanishingGradient"] == ["by the job"]
    assert {row["evaluated"] for row in rows if row["rule"] == "ExplodingTensor"} == {"for this report"}


def test_the_rules_of_the_job_are_told_apart_from_those_evaluated_here(tmp_path: Path) -> None:
    rule_jobs.tensors(tmp_path / "debug-output")
    html = cards(findings(find(str(leave(tmp_path, status="NoIssuesFound", details="", evidence=[], found=0)))))
    assert "None of the job&#39;s 1 rule that could judge found an issue; 3 of 4 rules that were evaluated for this" in html


def test_statuses_without_a_result_are_shown(tmp_path: Path) -> None:
    job = {
        "DebugRuleConfigurations": [
            {"RuleConfigurationName": "mine", "RuleParameters": {"rule_to_invoke": "Overfit"}},
            {"RuleConfigurationName": "my-rule", "RuleParameters": {"rule_to_invoke": "VanishingGradient"}},
        ],
        "DebugRuleEvaluationStatuses": [
            {"RuleConfigurationName": "mine", "RuleEvaluationStatus": "Error", "StatusDetails": "InternalServerError: oh"},
            {"RuleConfigurationName": "my-rule", "RuleEvaluationStatus": "IssuesFound"},
            {"RuleConfigurationName": "aws-own", "RuleEvaluationStatus": "NoIssuesFound"},
        ],
    }
    place = Folder(leave(tmp_path) / "rule-output")
    files = JobFiles(name="j", location="", rule_outputs=(place,), description=job)
    rows = {row["name"]: row for row in findings(files)["rules"]}
    assert set(rows) == {"mine", "my-rule", "aws-own"}
    assert rows["mine"]["rule"] == "Overfit" and rows["mine"]["details"] == "InternalServerError: oh"
    assert rows["aws-own"]["status"] == "NoIssuesFound"


def test_what_had_nothing_to_judge_is_no_good_news(tmp_path: Path) -> None:
    leave(tmp_path, status="NoIssuesFound", details="LowGPUUtilization had nothing to evaluate: no GPU", evidence=[], found=0)
    part = findings(find(str(tmp_path)))
    assert part["rules"][0]["status"] == "NotJudged" and count_of_issues(part) is None
    html = cards(part)
    assert "No rule could judge this job." in html and "no GPU" in html and "found nothing wrong" not in html


def test_the_parts_of_a_profiler_report_are_shown_with_its_parameters(tmp_path: Path) -> None:
    """The job's report was told to judge after 50 samples; by the default nothing could be judged."""
    profile = tmp_path / "profiler-output"
    saved_profile.sample(profile, {"GPUUtilization": {"gpu0": [3.0] * 100}})
    job = find(str(tmp_path))
    rows = {row["rule"]: row for row in findings(job, read_profile(job, []))["rules"]}
    assert rows["LowGPUUtilization"]["status"] == "NotJudged"
    given = ["ProfilerReport", str(profile), "LowGPUUtilization_patience=50"]
    assert main([*given, "--output", str(tmp_path / "rule-output" / "ProfilerReport-1")]) == 1
    job = find(str(tmp_path))
    rows = {row["rule"]: row for row in findings(job, read_profile(job, []))["rules"]}
    assert rows["LowGPUUtilization"]["status"] == "IssuesFound" and "ProfilerReport" not in rows
    assert rows["LowGPUUtilization"]["evaluated"] == "as the job's ProfilerReport"


def test_broken_results_are_told(tmp_path: Path) -> None:
    leave(tmp_path, "one", evidence=[{}])
    (leave(tmp_path, "two") / "rule-output" / "two" / "VanishingGradient.json").write_text("{")
    part = findings(find(str(tmp_path)))
    assert "absent" in part and len(part["warnings"]) == 2


def test_of_large_tensors_only_losses_are_read_unless_asked(tmp_path: Path) -> None:
    rule_jobs.tensors(tmp_path / "debug-output")
    file = next((tmp_path / "debug-output" / "events").rglob("*.tfevents"))
    with file.open("r+b") as large:
        large.truncate(module.LARGE + 1)
    job = find(str(tmp_path))
    part = findings(job)
    assert {row["rule"] for row in part["rules"]} == set(module.OVER_LOSSES) and "--all evaluates every one" in part["warnings"][
        0
    ]
    assert "ExplodingTensor" in {row["rule"] for row in findings(job, everything=True)["rules"]}


def test_nothing_to_look_at_is_said() -> None:
    part = findings(JobFiles(name="j", location=""))
    assert "No rule could look at this job" in cards(part) and count_of_issues(part) is None
