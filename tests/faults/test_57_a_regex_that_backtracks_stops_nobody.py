"""Row 57: a metric's regular expression that backtracks for ever on a line that the job prints."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.support.local_server import LocalServer, job_request, log_lines, wait_for_job, wait_until

HOSTILE = {
    "(a+)+b": "a" * 40 + "c",
    "^(a|aa)+$": "a" * 60 + "b",
    r"(x.*?y.*?)+z(\d)": "xy" * 40,
    r"^(([a-z])+.)+[A-Z]([a-z])+$": "a" * 60,
}
PATIENCE = 10.0
"""Seconds that a call of somebody else may take beside it: in the version before, a hundred and more."""


@pytest.fixture()
def server(tmp_path: Path) -> Iterator[LocalServer]:
    """A server of the test's own: it is stopped and killed."""
    started = LocalServer(tmp_path / "root")
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.kill()


def request(name: str, regexes: list[str], say: list[str], **hyperparameters: str) -> dict:
    definitions = [{"Name": f"m{number}", "Regex": regex} for number, regex in enumerate(regexes)]
    change = job_request(name, HyperParameters={"say": "|".join(say), **hyperparameters})
    change["AlgorithmSpecification"]["MetricDefinitions"] = [*definitions, {"Name": "loss", "Regex": "loss=([0-9.]+);"}]
    return change


def slowest_call(server: LocalServer, seconds: float) -> float:
    until, slowest = time.monotonic() + seconds, 0.0
    while time.monotonic() < until:
        asked = time.monotonic()
        server.sagemaker.list_models()
        slowest = max(slowest, time.monotonic() - asked)
    return slowest


def messages(job: dict) -> str:
    return " ".join(transition["StatusMessage"] for transition in job["SecondaryStatusTransitions"])


@pytest.mark.parametrize("regex", HOSTILE)
def test_others_are_answered_and_the_job_ends_with_its_other_metrics(server: LocalServer, regex: str) -> None:
    server.sagemaker.create_training_job(**request("hostile", [regex], ["loss=0.5;", HOSTILE[regex], "loss=0.25;"], wait="1"))
    slowest = slowest_call(server, 3.0)
    began = time.monotonic()
    job = wait_for_job(server, "hostile")
    assert job["TrainingJobStatus"] == "Completed" and slowest < PATIENCE
    assert {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}["loss"] == 0.25
    given_up = repr(regex) in messages(job)
    assert given_up == any("is not looked for any more" in line for line in log_lines(server, "hostile"))
    print(
        f"{regex}: slowest call {slowest:.2f} s, ended {time.monotonic() - began:.1f} s later,"
        f" {'named in the status message' if given_up else 'searched to its end'}"
    )


def test_forty_of_them_a_stop_and_a_restart(server: LocalServer) -> None:
    regexes = [f"^(a|aa)+{number}$" for number in range(39)]  # AWS takes 40 definitions
    server.sagemaker.create_training_job(**request("forty", regexes, ["a" * 60 + "b"] * 30, wait="60"))
    wait_until(lambda: any("started" in line for line in log_lines(server, "forty")))
    asked = time.monotonic()
    server.stop()
    stopped = time.monotonic() - asked
    server.start()
    job = wait_for_job(server, "forty", 60)
    assert job["TrainingJobStatus"] == "Failed" and stopped < 30
    with pytest.raises(ClientError, match="is not valid"):
        server.sagemaker.create_training_job(**request("recursive", ["(?R)"], []))
    print(f"forty expressions: SIGTERM ended the server in {stopped:.1f} s, and the next start took the job up")
