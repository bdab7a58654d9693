"""The life of a training job's record, whatever happens in whatever order."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from local_sagemaker.jobs import training_state

ACTIONS = ["Downloading", "Training", "Uploading", "stop", "interrupt", "complete", "fail", "timeout"]
ALLOWED = {
    "InProgress": {"InProgress", "Completed", "Failed", "Stopping", "Stopped"},
    "Stopping": {"Stopping", "Stopped", "Failed"},
    "Completed": {"Completed"},
    "Failed": {"Failed"},
    "Stopped": {"Stopped"},
}


def act(record: training_state.TrainingJob, action: str, now: float) -> None:
    if record["status"] not in training_state.LIVE:
        training_state.finish(record, "Completed", now)
        return
    match action:
        case "stop":
            if record["status"] == "InProgress":
                record["status"] = "Stopping"
                training_state.enter(record, "Stopping", now)
        case "interrupt":
            training_state.end_attempt(record, now)
            training_state.enter(record, "Interrupted", now)
        case "complete":
            training_state.finish(record, "Completed", now)
        case "fail":
            training_state.finish(record, "Failed", now, reason="R" * 5000)
        case "timeout":
            training_state.finish(record, "Stopped", now, secondary="MaxRuntimeExceeded")
        case _:
            training_state.enter(record, action, now)
            if action == "Training" and record["attempt_started"] is None:
                training_state.begin_attempt(record, now)


@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.floats(0.0, 100.0)), max_size=30))
def test_statuses_move_along_the_allowed_edges_and_times_add_up(steps: list[tuple[str, float]]) -> None:
    request = {"TrainingJobName": "j", "OutputDataConfig": {"S3OutputPath": "s3://b/o"}}
    now = 1000.0
    record = training_state.new(request, "arn", now)
    for action, seconds in steps:
        before, now = record["status"], now + seconds
        act(record, action, now)
        assert record["status"] in ALLOWED[before]
    answer = training_state.describe(record, "s3://b/o/j")
    assert answer["OutputDataConfig"] == {"S3OutputPath": "s3://b/o", "KmsKeyId": ""}  # the SageMaker SDK reads it unasked
    transitions = answer["SecondaryStatusTransitions"]
    assert transitions[0]["Status"] == "Starting"
    assert transitions[-1]["Status"] == answer["SecondaryStatus"]
    for one, following in itertools.pairwise(transitions):
        assert one["EndTime"] == following["StartTime"] and one["Status"] != following["Status"]
    if record["status"] in training_state.ENDED:
        assert answer["TrainingEndTime"] == transitions[-1]["EndTime"]
        assert record["attempt_started"] is None
        assert answer.get("BillableTimeInSeconds", 1) <= answer.get("TrainingTimeInSeconds", 1)
    if record["status"] == "Failed":
        assert len(answer["FailureReason"]) == 1024


def test_an_error_of_the_program_keeps_its_exit_code_in_1024_characters() -> None:
    assert training_state.algorithm_error("boom\n", 3) == "AlgorithmError: boom, exit code: 3"
    long = training_state.algorithm_error("x" * 9000, 137)
    assert len(long) == 1024 and long.endswith("x, exit code: 137")
