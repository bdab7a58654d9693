"""The report of a tuning job, from what SageMaker says of it."""

import json
from pathlib import Path

import pytest

from rules.errors import SourceError
from rules.report import command
from rules.report.importance import FEWEST
from rules.report.tuning import best_so_far, gather
from rules.report.tuning_page import page as tuning_page
from tests.support.tuning_job import search


def test_every_trial_with_its_objective_and_its_end() -> None:
    body = gather(search())
    first, last = body["trials"][0], body["trials"][-1]
    assert (first["number"], first["after"], last["after"]) == (1, 50, 9 * 60 + 50)
    assert body["trials"][5]["objective"] is None and body["trials"][5]["reason"] == "loss is nan at step 12"
    assert sum(trial["stopped_early"] for trial in body["trials"]) == 2
    measured = [trial for trial in body["trials"] if trial["objective"] is not None]
    assert body["best"] == min(measured, key=lambda trial: trial["objective"])["name"]


def test_what_mattered_is_found_though_its_best_is_in_the_middle() -> None:
    rows = {row["name"]: row for row in gather(search(40))["importance"]}
    assert rows["lr"]["importance"] > 0.5 and rows["weight-decay"]["importance"] < 0.2 and rows["batch-size"]["importance"] < 0.2
    assert gather(search(40))["importance"][0]["name"] == "lr" and rows["batch-size"]["trend"] is None


def test_too_few_trials_are_said() -> None:
    body = gather(search(FEWEST))
    assert all(row["importance"] is None for row in body["importance"]), "nine of ten have an objective"
    assert "Too few trials to say: 9 have an objective, and importance needs 10" in tuning_page(body)


def test_the_best_so_far() -> None:
    assert (
        best_so_far([3, 1, 2], "low") == [3, 1, 1] and best_so_far([3, 1, 4], "high") == [3, 3, 4] and not best_so_far([], "low")
    )


def test_a_search_without_an_objective_or_a_trial_is_a_page() -> None:
    given = search(3)
    for row in given["TrainingJobs"]:
        del row["FinalHyperParameterTuningJobObjectiveMetric"]
    assert "No trial printed validation:loss, so there is nothing to plot." in tuning_page(gather(given))
    assert "<svg" not in tuning_page(gather(given | {"TrainingJobs": []}))


def test_the_page_has_every_way_to_look_at_it() -> None:
    html = tuning_page(gather(search()))
    for words in ("by trial", "by time", "validation:loss by lr", "by batch-size", "stopped early", "best so far", "loss is nan"):
        assert words in html


@pytest.mark.parametrize(
    "given", [{"HyperParameterTuningJob": {}, "TrainingJobs": []}, {"HyperParameterTuningJob": 1, "TrainingJobs": 2}]
)
def test_what_is_no_tuning_job_is_told(given: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SourceError, match="no tuning job's description"):
        gather(given)
    file = tmp_path / "x.json"
    file.write_text(json.dumps(given))
    assert command.main([str(file), "--output", str(tmp_path)]) == 2
    assert capsys.readouterr().out.startswith("error: this is no tuning job's description")
