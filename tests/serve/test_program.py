"""The program from outside: start, stop, what it refuses to start with, and what it leaves behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support import artefact
from tests.support.processes import alive
from tests.support.server import ROOT, Server


def test_a_start_a_prediction_and_a_stop(dogs: list[bytes]) -> None:
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        assert server.invoke(dogs[0]).status == 200
        first_answer = time.monotonic() - server.started
        tree = server.tree()
        server.process.send_signal(signal.SIGTERM)
        start = time.monotonic()
        assert server.wait_end(20) == (0, "")
        seconds = time.monotonic() - start
        time.sleep(0.2)
        print(f"first answer {first_answer:.2f} s after launch, stopped in {seconds:.2f} s")
        assert len(tree) == 2 and alive(tree) == []
        assert [path.name for path in Path(server.folder.name).iterdir()] == ["log"]
        events = [event for event in ("worker_ready", "serving", "draining", "stopped") if server.events(event)]
        assert events == ["worker_ready", "serving", "draining", "stopped"]


def test_the_best_precision_or_the_one_asked_for_is_served(dogs: list[bytes]) -> None:
    probabilities = {}
    for asked in ("auto", "float32"):
        with Server(artefact.quantised(), SAGEMAKER_MODEL_SERVER_WORKERS=1, KENNEL_PRECISION=asked) as server:
            answer = server.invoke(dogs[0]).json()["predictions"]
            probabilities[server.event("serving")["precision"]] = {row["class"]: row["probability"] for row in answer}
    exact = probabilities.pop("float32")
    assert set(probabilities) <= {"int8", "bfloat16"}, "a processor without either serves both times in float32"
    for other in probabilities.values():
        assert max(abs(exact[name] - other[name]) for name in exact) < 0.1


def test_an_artefact_from_before_precisions_is_served_in_float32(dogs: list[bytes], tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    path = base / "model" / "model.json"
    body = json.loads(path.read_text()) | {"format_version": 1}
    del body["precision"]
    path.write_text(json.dumps(body))
    with Server(base, SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        assert server.invoke(dogs[0]).status == 200
        assert server.event("serving")["precision"] == "float32"
    with Server(base, ready=False, SAGEMAKER_MODEL_SERVER_WORKERS=1, KENNEL_PRECISION="int8") as server:
        status, errors = server.wait_end(60)
    assert status == 1 and errors.startswith("serve: KENNEL_PRECISION is int8; ") and errors.count("\n") == 1


def test_ctrl_c_stops_it_too() -> None:
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        server.process.send_signal(signal.SIGINT)
        assert server.wait_end(20) == (0, "")


def test_a_killed_front_leaves_no_process_behind() -> None:
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=2) as server:
        tree = server.tree()
        server.process.kill()
        end = time.monotonic() + 5
        while alive(tree) and time.monotonic() < end:
            time.sleep(0.05)
        left = alive(tree)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert left == []


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Server(artefact.small(), ready=False, SAGEMAKER_BIND_TO_PORT=port, SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
            status, errors = server.wait_end(60)
    assert status == 1 and f"127.0.0.1:{port}" in errors and "SAGEMAKER_BIND_TO_PORT" in errors and errors.count("\n") == 1


def test_a_bad_environment_is_one_line() -> None:
    with Server(artefact.small(), ready=False, SAGEMAKER_MODEL_SERVER_WORKERS="many", KENNEL_ENGINE="x") as server:
        status, errors = server.wait_end(20)
    assert status == 1 and errors.count("\n") == 1 and "'many'" in errors and "KENNEL_ENGINE" in errors


def test_a_start_that_takes_too_long_is_given_up() -> None:
    with Server(artefact.small(), ready=False, SAGEMAKER_STARTUP_TIMEOUT=1, SAGEMAKER_MODEL_SERVER_WORKERS=24) as server:
        status, errors = server.wait_end(20)
    assert status == 1 and "SAGEMAKER_STARTUP_TIMEOUT" in errors and errors.count("\n") == 1


def test_any_other_argument_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "serve", "train"], cwd=ROOT, capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 2 and "'train'" in done.stderr


def test_requests_that_wait_are_taken_up_together_and_answered_as_alone(dogs: list[bytes]) -> None:
    exact = {"KENNEL_ENGINE": "openvino"}  # torch rounds otherwise where pictures are together
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1, KENNEL_BATCH=4, **exact) as server:
        alone = [server.invoke(dog).json() for dog in dogs]
        with ThreadPoolExecutor(len(dogs)) as pool:
            together = list(pool.map(lambda dog: server.invoke(dog).json(), dogs))
        assert together == alone
