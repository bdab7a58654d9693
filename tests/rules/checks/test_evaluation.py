"""An evaluation follows a job to its end, stops at the first evidence, and never says nothing."""

import json
import threading
import time
from pathlib import Path

import pytest

from rules.checks.catalog import make
from rules.checks.evaluation import Evaluation, Status
from tests.rules.conftest import Evaluate, Trained
from tests.support.saved_tensors import end, write, write_collections, write_step


def test_a_job_is_followed_to_its_end(tmp_path: Path) -> None:
    """The evaluation begins before the job has written anything."""
    folder = tmp_path / "later"
    evaluation = Evaluation(rule=make("ExplodingTensor", {}), place=str(folder), follow=True, interval=0.02)
    results = []
    thread = threading.Thread(target=lambda: results.append(evaluation.run()))
    thread.start()
    write_collections(folder)
    for step in range(5):
        write_step(folder, step, {"a": 1.0})
        time.sleep(0.03)
    assert thread.is_alive(), "the job has not ended"
    end(folder)
    thread.join(20)
    assert results[0].status is Status.NO_ISSUES and evaluation.rule.tested == 5


def test_it_ends_at_the_first_evidence_and_tells_once(tmp_path: Path) -> None:
    fired = []
    write(tmp_path, {step: {"a": float("nan"), "b": float("inf")} for step in range(5)})
    result = Evaluation(rule=make("ExplodingTensor", {}), place=str(tmp_path), follow=True, on_fire=fired.append).run()
    assert result.found == 2 and {one.step for one in result.evidence} == {0}
    assert [one.subject for one in fired] == ["a"]


def test_while_the_job_runs_it_does_not_wait_for_the_end(tmp_path: Path) -> None:
    write_collections(tmp_path)
    write_step(tmp_path, 7, {"a": float("nan")})
    result = Evaluation(rule=make("ExplodingTensor", {}), place=str(tmp_path), follow=True).run()
    assert result.details == (
        "RuleEvaluationConditionMet: Evaluation of the rule ExplodingTensor at step 7 resulted in the condition being met"
    )


def test_it_can_be_stopped(tmp_path: Path) -> None:
    evaluation = Evaluation(rule=make("ExplodingTensor", {}), place=str(tmp_path), follow=True, interval=60)
    threading.Timer(0.2, evaluation.stop.set).start()
    assert evaluation.run().status is Status.STOPPED


def test_a_stall_is_seen_while_waiting(tmp_path: Path) -> None:
    write_collections(tmp_path)
    write_step(tmp_path, 3, {"a": 1.0})
    rule = make("StalledTrainingRule", {"threshold": "0.1"})
    result = Evaluation(rule=rule, place=str(tmp_path), follow=True, interval=0.03).run()
    assert result.status is Status.ISSUES and result.evidence[0].step == 3


def test_only_the_steps_that_were_asked_for(tmp_path: Path) -> None:
    write(tmp_path, {step: {"a": float("nan")} for step in range(10)})
    evaluation = Evaluation(rule=make("ExplodingTensor", {}), place=str(tmp_path), exhaustive=True, start_step=3, end_step=6)
    assert [one.step for one in evaluation.run().evidence] == [3, 4, 5]


@pytest.mark.parametrize("rule", ["VanishingGradient", "ExplodingTensor", "Overfit", "StalledTrainingRule", "LowGPUUtilization"])
def test_a_job_that_saved_nothing_is_no_good_news(tmp_path: Path, rule: str) -> None:
    end(tmp_path)
    result = Evaluation(rule=make(rule, {}), place=str(tmp_path), follow=True).run()
    assert result.status is Status.ERROR and result.details.startswith(f"ClientError: {rule} could not be evaluated: ")


def test_a_damaged_file_is_an_error_of_the_evaluation(tmp_path: Path) -> None:
    write(tmp_path, {0: {"a": 1.0}})
    next((tmp_path / "index").rglob("*.json")).write_text("{")
    result = Evaluation(rule=make("ExplodingTensor", {}), place=str(tmp_path)).run()
    assert result.status is Status.ERROR and "000000000000_worker_0.json is not JSON" in result.details


def test_results_are_plain_json(evaluate: Evaluate, trained: Trained) -> None:
    result = evaluate("ExplodingTensor", "exploding")
    body = json.loads(json.dumps(evaluate("LossNotDecreasing", "exploding").as_json(), allow_nan=False))
    assert any(one["value"] is None for one in body["evidence"]), "a loss that is not a number becomes null"
    assert body["status"] == "IssuesFound" and body["series"]["MSELoss_output_0"]
    assert set(result.as_json()["evidence"][0]) == {"subject", "step", "value", "threshold", "message"}


def test_a_stop_within_ten_saved_steps(trained: Trained) -> None:
    """What StopTraining waits for: the first evidence of a diseased training, not its end."""
    result = Evaluation(rule=make("VanishingGradient", {}), place=str(trained("vanishing")), follow=True).run()
    assert result.evidence[0].step < 10


DEEP = b"[" * 200_000


@pytest.mark.parametrize(
    ("rule", "name", "content"),
    [
        ("ExplodingTensor", "collections/000000000/worker_0_collections.json", DEEP),
        (
            "ExplodingTensor",
            "collections/000000000/worker_0_collections.json",
            b'{"_meta": {"num_workers": 1}, "collections": []}',
        ),
        ("ExplodingTensor", "index/000000000/000000000000_worker_0.json", DEEP),
        ("ExplodingTensor", "index/000000000/000000000000_worker_0.json", b"[]"),
        ("BatchSize", "system/incremental/2026112809/1764320000.algo-1.json", DEEP + b"\n"),
        ("StepOutlier", "framework/pevents/2026112809/1764320000000000_7-algo-1_pythontimeline.json", DEEP),
    ],
)
def test_a_file_that_no_reader_was_made_for_is_an_error_and_no_crash(
    rule: str, name: str, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(content)
    result = Evaluation(rule=make(rule, {}), place=str(tmp_path)).run()
    assert result.status is Status.ERROR and result.details.startswith("ClientError: ") and Path(name).name in result.details
