"""Row 31: SIGKILL with a job training and an endpoint live.

The next server reconciles in 5 s: adopted, or failed with the reason; no orphan, no port kept. Of local_sagemaker.reconcile.
"""

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError, HTTPClientError

from local_sagemaker.storage.store import Store
from tests.support.local_server import (
    PROCESSING_IMAGE,
    LocalServer,
    ask,
    job_request,
    log_lines,
    make_config,
    make_endpoint,
    processing_request,
    wait_for_job,
    wait_for_processing,
    wait_until,
)
from tests.support.processes import words


@pytest.fixture()
def server(tmp_path: Path) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path / "root")
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.stop()


def containers(root: Path) -> list[psutil.Process]:
    """Every process of this root's containers, the server's own left out."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(root) in process.environ().get("SAGEMAKER_BASE_DIR", ""):
                found.append(process)
        except psutil.Error:
            continue
    return found


SECONDS = 20.0
"""A server is ready by then, and has looked at what it takes up, on a busy machine too."""


def begin(server: LocalServer, job: str) -> None:
    """A job in its sixth epoch of thirty, that ends once there is a file `over` beside the server's root."""
    given = {"epochs": "30", "until": str(server.root.with_name("over"))}
    request = job_request(job, HyperParameters=given, CheckpointConfig={"S3Uri": f"s3://bucket/{job}"})
    server.sagemaker.create_training_job(**request)
    wait_until(lambda: any("epoch=5" in line for line in log_lines(server, job)))


def test_living_containers_are_adopted(server: LocalServer) -> None:
    begin(server, "adopted")
    make_endpoint(server, "stays")
    serving = ask(server, "stays", "pid")
    server.kill()
    time.sleep(0.5)
    ready = server.start()
    job = server.sagemaker.describe_training_job(TrainingJobName="adopted")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("InProgress", "Training")
    assert server.sagemaker.describe_endpoint(EndpointName="stays")["EndpointStatus"] == "InService"
    assert ask(server, "stays", "pid") == serving
    print(f"ready with both adopted after {ready:.2f} s")
    assert ready < SECONDS
    server.root.with_name("over").touch()
    assert wait_for_job(server, "adopted")["TrainingJobStatus"] == "Completed"
    epochs = [line.split()[0] for line in log_lines(server, "adopted") if line.startswith("epoch=")]
    assert epochs == [f"epoch={number}" for number in range(1, 31)]
    server.sagemaker.delete_endpoint(EndpointName="stays")
    wait_until(lambda: not containers(server.root))


def test_dead_containers_fail_the_job_and_the_endpoint_comes_up_again(server: LocalServer) -> None:
    begin(server, "lost")
    make_endpoint(server, "again")
    server.kill()
    for process in containers(server.root):
        process.kill()
    started = time.monotonic()
    server.start()
    job = wait_for_job(server, "lost", SECONDS)
    took = time.monotonic() - started
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].endswith("exit code: 137")
    wait_until(lambda: server.sagemaker.describe_endpoint(EndpointName="again")["EndpointStatus"] == "InService")
    assert ask(server, "again") == "again"
    print(f"job failed {took:.2f} s after the start of the next server")
    assert took < SECONDS


def test_what_ended_while_no_server_ran_is_finished(server: LocalServer) -> None:
    request = job_request("finished", HyperParameters={"wait": "1.5", "say": "loss=0.125;", "write": '{"model/w": "W"}'})
    server.sagemaker.create_training_job(**request)
    wait_until(lambda: "loss=0.125;" in log_lines(server, "finished"))
    server.kill()
    wait_until(lambda: not containers(server.root))
    server.start()
    job = wait_for_job(server, "finished", SECONDS)
    assert job["TrainingJobStatus"] == "Completed"
    assert job["FinalMetricDataList"][0]["Value"] == 0.125
    assert server.s3.head_object(Bucket="bucket", Key="out/finished/output/model.tar.gz")["ContentLength"] > 0


def test_a_processing_job_and_the_evaluator_of_a_rule_are_adopted(server: LocalServer) -> None:
    output = {"S3Uri": "s3://bucket/kept", "LocalPath": "/opt/ml/processing/output/x", "S3UploadMode": "EndOfJob"}
    outputs = {"Outputs": [{"OutputName": "x", "S3Output": output}]}
    environment = {"say": "working", "wait": "12", "write": '{"processing/output/x/a": "A"}'}
    server.sagemaker.create_processing_job(**processing_request("kept", environment, ProcessingOutputConfig=outputs))
    rule = {"RuleConfigurationName": "r", "RuleEvaluatorImage": PROCESSING_IMAGE, "RuleParameters": {"wait": "end"}}
    hook = {"DebugHookConfig": {"S3OutputPath": "s3://bucket/t"}, "DebugRuleConfigurations": [rule]}
    server.sagemaker.create_training_job(**job_request("ruled", HyperParameters={"wait": "12"}, **hook))

    def evaluation() -> dict[str, str]:
        return server.sagemaker.describe_training_job(TrainingJobName="ruled")["DebugRuleEvaluationStatuses"][0]

    def initial_processes() -> list[int]:
        return sorted(process.pid for process in containers(server.root) if "container_init.py" in " ".join(words(process)))

    wait_until(lambda: "working" in log_lines(server, "kept", kind="ProcessingJobs") and len(initial_processes()) == 3)
    before, arn = initial_processes(), evaluation()["RuleEvaluationJobArn"]
    server.kill()
    server.start()
    assert initial_processes() == before and evaluation()["RuleEvaluationJobArn"] == arn
    job = wait_for_processing(server, "kept")
    assert job["ProcessingJobStatus"] == "Completed"
    assert log_lines(server, "kept", kind="ProcessingJobs") == ["working"]
    assert server.s3.get_object(Bucket="bucket", Key="kept/a")["Body"].read() == b"A"
    wait_until(lambda: evaluation()["RuleEvaluationStatus"] == "NoIssuesFound", 30)
    assert wait_for_job(server, "ruled")["TrainingJobStatus"] == "Completed"


def test_an_endpoint_in_service_is_known_from_the_first_moment(server: LocalServer) -> None:
    """Its container is frozen, so that it takes a while to be found: it cannot be reached, and is not unknown."""
    make_endpoint(server, "known")
    pid = int(ask(server, "known", "pid"))
    os.kill(pid, signal.SIGSTOP)
    try:
        server.kill()
        server.start()
        with pytest.raises(ClientError, match="can be reached at the moment"):
            ask(server, "known")
    finally:
        os.kill(pid, signal.SIGCONT)

    def answers() -> bool:
        with contextlib.suppress(ClientError):
            return ask(server, "known") == "known"
        return False

    wait_until(answers)


@pytest.mark.parametrize("kind", ["training", "processing"])
def test_a_job_that_was_being_stopped_is_stopped(server: LocalServer, kind: str) -> None:
    """Its container ends by our signal while no server runs: the next one knows why the exit code is not 0."""
    slow_to_end = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1.5), sys.exit(143)))"
    code = json.dumps(f"{slow_to_end}; print('ready', flush=True); time.sleep(60)")
    if kind == "training":
        server.sagemaker.create_training_job(**job_request("ending", HyperParameters={"python": code}))
    else:
        server.sagemaker.create_processing_job(**processing_request("ending", {"python": code}))
    logs = {"training": "TrainingJobs", "processing": "ProcessingJobs"}[kind]
    wait_until(lambda: "ready" in log_lines(server, "ending", kind=logs))
    if kind == "training":
        server.sagemaker.stop_training_job(TrainingJobName="ending")
    else:
        server.sagemaker.stop_processing_job(ProcessingJobName="ending")
    time.sleep(0.7)
    server.kill()
    wait_until(lambda: not containers(server.root))
    server.start()
    job = wait_for_job(server, "ending") if kind == "training" else wait_for_processing(server, "ending")
    assert (job.get("TrainingJobStatus") or job["ProcessingJobStatus"], job.get("FailureReason")) == ("Stopped", None)


def test_no_line_comes_twice_and_no_metric_is_lost(server: LocalServer) -> None:
    """Killed after the lines of a log were kept, and before it was written down how far that was."""
    lines = [f"loss={number};" for number in range(200)]
    request = job_request("once", HyperParameters={"say": "|".join(lines), "wait": "4"})
    server.sagemaker.create_training_job(**request)
    code = "[print(f'loss={number};', flush=True) for number in range(200)]"
    server.sagemaker.create_processing_job(**processing_request("once", {"python": json.dumps(code), "wait": "4"}))
    make_endpoint(server, "once", START=code)

    def kept() -> dict[str, list[str]]:
        events = server.logs.filter_log_events(logGroupName="/aws/sagemaker/Endpoints/once")["events"]
        return {
            "training": log_lines(server, "once"),
            "processing": log_lines(server, "once", kind="ProcessingJobs"),
            "serving": [event["message"] for event in events],
        }

    wait_until(lambda: all(lines[-1] in found for found in kept().values()))
    server.kill()
    store = Store(server.root)
    store.update("training-job", "once", lambda record: record.update(offsets={"algo-1": 0}, metrics={}, history=[]))
    store.update("processing-job", "once", lambda record: record.update(offset=0))
    store.update("endpoint", "once", lambda record: record["blue"]["variants"][0]["instances"][0].update(offset=0))
    store.close()
    server.start()
    job = wait_for_job(server, "once")
    assert wait_for_processing(server, "once")["ProcessingJobStatus"] == "Completed"
    assert job["FinalMetricDataList"][0]["Value"] == 199
    server.sagemaker.delete_endpoint(EndpointName="once")
    wait_until(lambda: not server.sagemaker.list_endpoints()["Endpoints"])
    for what, found in kept().items():
        assert [line for line in found if line.startswith("loss=")] == lines, what


def test_a_fleet_that_was_being_retired_is_not_left_over(server: LocalServer) -> None:
    make_endpoint(server, "old")
    make_config(server, "new")
    pid = int(ask(server, "old", "pid"))

    def wait_for_an_answer() -> None:
        with pytest.raises(HTTPClientError):
            ask(server, "old", "sleep 20")

    busy = threading.Thread(target=wait_for_an_answer)
    busy.start()
    time.sleep(0.2)
    server.sagemaker.update_endpoint(EndpointName="old", EndpointConfigName="new")
    wait_until(lambda: server.sagemaker.describe_endpoint(EndpointName="old")["EndpointConfigName"] == "new")
    assert psutil.pid_exists(pid)  # it still answers a request
    server.kill()
    busy.join()
    server.start()
    wait_until(lambda: not psutil.pid_exists(pid), 5)
    wait_until(lambda: server.sagemaker.describe_endpoint(EndpointName="old")["EndpointStatus"] == "InService")
    assert ask(server, "old") == "new"


def test_a_server_killed_at_any_moment_leaves_no_orphan_and_no_stuck_job(server: LocalServer) -> None:
    """Kills it at moments spread over the start of a job and an endpoint, then asks that both come to an end."""
    make_endpoint(server, "model")
    for round_, delay in enumerate((0.0, 0.02, 0.05, 0.1, 0.2)):
        name = f"moment-{round_}"
        server.sagemaker.create_training_job(**job_request(name, HyperParameters={"wait": "0.3"}))
        server.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="model")
        time.sleep(delay)
        server.kill()
        server.start()
    for round_ in range(5):
        name = f"moment-{round_}"
        assert wait_for_job(server, name)["TrainingJobStatus"] == "Completed"
        wait_until(lambda name=name: server.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService")
    ports = [
        int(process.environ()["SAGEMAKER_BIND_TO_PORT"])
        for process in containers(server.root)
        if "SAGEMAKER_BIND_TO_PORT" in process.environ()
    ]
    inits = [process for process in containers(server.root) if "container_init.py" in " ".join(words(process))]
    assert len(inits) == 6, inits
    for name in ["model", *(f"moment-{round_}" for round_ in range(5))]:
        server.sagemaker.delete_endpoint(EndpointName=name)
    wait_until(lambda: not containers(server.root), 20)
    for port in set(ports):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_stopped_server_leaves_nothing_running_and_brings_its_endpoints_back(server: LocalServer) -> None:
    begin(server, "cut")
    server.sagemaker.create_processing_job(**processing_request("cut-too", {"wait": "60"}))
    make_endpoint(server, "back")
    pid = int(ask(server, "back", "pid"))
    os.kill(server.process.pid, signal.SIGTERM)
    began = time.monotonic()
    assert server.process.wait(30) == 0
    print(f"stopped in {time.monotonic() - began:.2f} s")
    assert not psutil.pid_exists(pid)
    assert not containers(server.root)
    server.start()
    job = server.sagemaker.describe_training_job(TrainingJobName="cut")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "InternalServerError: The local SageMaker was stopped while the job ran."
    cut = server.sagemaker.describe_processing_job(ProcessingJobName="cut-too")
    assert (cut["ProcessingJobStatus"], cut["FailureReason"]) == ("Failed", job["FailureReason"])
    wait_until(lambda: server.sagemaker.describe_endpoint(EndpointName="back")["EndpointStatus"] == "InService")
    assert ask(server, "back") == "back"
