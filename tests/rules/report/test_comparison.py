"""Two jobs side by side: what differs, and nothing else, is shown as different."""

import json
from pathlib import Path

import pytest

from rules.reading.job_files import find
from rules.report import command
from rules.report.comparison import compare, differences, side_by_side, statuses
from rules.report.comparison_page import page as comparison_page
from rules.report.findings import NoFindings
from rules.report.job_report import gather
from tests.support import rule_jobs


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, dict]:
    folder = tmp_path_factory.mktemp("two")
    one, other = rule_jobs.whole(folder / "one"), rule_jobs.whole(folder / "other")
    rule_jobs.manifest(other, lr=0.5, augment="none")
    rule_jobs.profile(other / "output" / "profiler2", [0.2] * 50)
    (other / "output" / "profiler").rename(other / "output" / "before")
    (other / "output" / "profiler2").rename(other / "output" / "profiler")
    return gather(find(str(one))), gather(find(str(other)))


def test_only_what_differs_in_the_settings_is_listed(bodies: tuple[dict, dict]) -> None:
    body = compare(*bodies)
    assert body["settings"] == [("hyperparameters", "augment", "–", "none"), ("hyperparameters", "lr", "0.01", "0.5")]
    assert differences(bodies[0]["settings"], bodies[0]["settings"]) == []


def test_metrics_and_steps_are_side_by_side(bodies: tuple[dict, dict]) -> None:
    assert side_by_side({"a": 1.0, "b": 2.0}, {"b": 1.5, "c": 3.0}) == [
        ("a", 1.0, None, None),
        ("b", 2.0, 1.5, -0.5),
        ("c", None, 3.0, None),
    ]
    body = compare(*bodies)
    medians = [groups[0]["median"] for groups in body["steps"]]
    assert medians == [pytest.approx(0.4, rel=0.05), pytest.approx(0.2, rel=0.01)]
    assert body["curves"]["loss"][0]["train"] == bodies[0]["learning"]["loss"]["train"]


def test_rules_of_both() -> None:
    one, other = ({"rules": [{"rule": name, "status": status}]} for name, status in (("A", "Error"), ("B", "IssuesFound")))
    assert statuses(one, other) == [("A", "Error", "–"), ("B", "–", "IssuesFound")]
    nothing: NoFindings = {"absent": "x", "warnings": []}
    assert statuses(nothing, nothing) == []


def test_the_page_says_what_there_is_and_what_not(bodies: tuple[dict, dict], tmp_path: Path) -> None:
    html = comparison_page(compare(*bodies))
    assert "one beside other" in html and "augment" in html and "one, train" in html and html.count('class="whole"') == 2
    rule_jobs.learnt(tmp_path)
    bare = gather(find(str(tmp_path)))
    html = comparison_page(compare(bare, bare))
    assert "Neither job saved step events." in html and "No rule could look at either job." in html
    assert f"{tmp_path.name} (1)" in html and f"{tmp_path.name} (2)" in html, "two of one name are told apart"


def test_the_program_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        rule_jobs.learnt(tmp_path / name)
    assert command.main([str(tmp_path / "a"), "--compare", str(tmp_path / "b"), "--output", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out" / "report.json").read_text())["kind"] == "comparison"
    capsys.readouterr()
    search = tmp_path / "t.json"
    search.write_text(json.dumps({"HyperParameterTuningJob": {}, "TrainingJobs": []}))
    assert command.main([str(search), "--compare", str(tmp_path / "b"), "--output", str(tmp_path)]) == 2
    assert capsys.readouterr().out == "error: --compare: a tuning job cannot be compared; give two training jobs.\n"
