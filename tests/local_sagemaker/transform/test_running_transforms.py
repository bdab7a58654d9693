"""Transform jobs and the server's end: killed, it is followed by one that takes up what runs; stopped, it ends the jobs.

Of local_sagemaker.transform.running_transforms and local_sagemaker.reconcile."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local_sagemaker.storage.store import Store
from local_sagemaker.transform.transform_state import KIND
from tests.support.local_server import SUPPORT, LocalServer, wait_until
from tests.support.transform_jobs import make_model, outputs, put_inputs, request_of, requests, said, wait_for_transform


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path / "root")
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.stop()


def containers(root: Path) -> list[psutil.Process]:
    """The live programs of the containers of transform jobs below a root."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        base = (process.info["environ"] or {}).get("SAGEMAKER_BASE_DIR", "")
        command = process.info["cmdline"] or []
        if base.startswith(f"{root}/transform/") and command[1:2] == [str(SUPPORT / "transform_container.py")]:
            found.append(process)
    return found


def begin(server: LocalServer, name: str, gate: Path, count: int = 2) -> None:
    """A job of `a`, `b` and `c`, of which the container answers `b` only once the gate is there, once `a` is stored."""
    waits = f"body == b'b' and not os.path.exists({str(gate)!r})"
    answer = f"[[time.sleep(0.05) for _ in iter(lambda: {waits}, False)], body][1]"
    make_model(server, name, answer)
    put_inputs(server, name, {"a": b"a", "b": b"b", "c": b"c"})
    server.sagemaker.create_transform_job(**request_of(name, InstanceCount=count))
    wait_until(lambda: "a.out" in outputs(server, name))
    wait_until(lambda: any(one["body"] == "b" for one in requests(server, name)))


def test_a_killed_server_is_followed_by_one_that_goes_on(server: LocalServer, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    begin(server, "kept", gate)
    wait_until(lambda: "c.out" in outputs(server, "kept"))
    before = sorted(process.pid for process in containers(server.root))
    assert len(before) == 2
    server.kill()
    server.start()
    assert sorted(process.pid for process in containers(server.root)) == before
    server.s3.put_object(Bucket="bucket", Key="in/kept/late", Body=b"came later")
    gate.touch()
    job = wait_for_transform(server, "kept")
    assert job["TransformJobStatus"] == "Completed"
    assert outputs(server, "kept") == {f"{name}.out": name.encode() for name in "abc"}
    bodies = [one["body"] for one in requests(server, "kept")]
    assert bodies.count("a") == bodies.count("c") == 1 and bodies.count("b") == 2  # what was done is not sent again
    wait_until(lambda: not containers(server.root))


def test_instances_that_died_with_the_server_are_started_anew(server: LocalServer, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    begin(server, "anew", gate)
    server.kill()
    for process in containers(server.root):
        process.kill()
    wait_until(lambda: not containers(server.root))
    gate.touch()
    server.start()
    assert wait_for_transform(server, "anew")["TransformJobStatus"] == "Completed"
    assert outputs(server, "anew") == {f"{name}.out": name.encode() for name in "abc"}
    wait_until(lambda: not (server.root / "transform" / "anew").exists())


def test_a_job_that_was_being_stopped_is_stopped(server: LocalServer, tmp_path: Path) -> None:
    begin(server, "ending", tmp_path / "never", count=1)
    server.kill()
    store = Store(server.root)
    store.update(KIND, "ending", lambda record: record.update(status="Stopping"))
    store.close()
    server.start()
    assert wait_for_transform(server, "ending")["TransformJobStatus"] == "Stopped"
    assert outputs(server, "ending") == {"a.out": b"a"}
    wait_until(lambda: not containers(server.root))


def test_a_stopped_server_ends_its_jobs_and_says_why(server: LocalServer, tmp_path: Path) -> None:
    begin(server, "ended", tmp_path / "never")
    server.stop()
    assert not containers(server.root)
    server.start()
    job = wait_for_transform(server, "ended")
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == "InternalServerError: The local SageMaker was stopped while the job ran."


def test_what_an_ended_job_left_is_ended_and_removed(server: LocalServer, tmp_path: Path) -> None:
    """A server that was killed between the end of a job in its record and the removal of its folder."""
    begin(server, "left", tmp_path / "never", count=1)
    server.kill()
    store = Store(server.root)
    store.update(KIND, "left", lambda record: record.update(status="Failed", failure="f", ended=1.0))
    store.close()
    server.start()
    wait_until(lambda: not containers(server.root) and not (server.root / "transform" / "left").exists())
    assert said(server, "left", data=False)
