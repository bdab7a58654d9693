"""Row 39: Ctrl-C or SIGHUP while a launcher waits. The job goes on, the two commands are printed, and the next run finds it."""

import signal
import subprocess
import time

import pytest

from tests.support.local_server import LocalServer, wait_for_job, wait_until
from tests.support.person import Kennel


def until_it_waits(launcher: "subprocess.Popen[str]") -> None:
    """Reads what it prints up to the first state of the job that it follows."""
    assert launcher.stdout is not None
    for line in launcher.stdout:
        if line.startswith("   Starting: "):
            return
    raise AssertionError("it ended before it followed a job")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_a_training_job_goes_on(kennel: Kennel, server: LocalServer, number: signal.Signals) -> None:
    words = ("train", "--set", "epochs=1", "--set", f"until={kennel.folder / 'over'}")
    waiting = kennel.start(*words)
    until_it_waits(waiting)
    name = kennel.state()["training_job"]
    status = lambda: server.sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"]  # noqa: E731
    start = time.monotonic()
    waiting.send_signal(number)
    _, error = waiting.communicate(timeout=30)
    print(f"{number.name}: gave way in {time.monotonic() - start:.2f} s")
    assert waiting.returncode == 130 and "Traceback" not in error
    assert f"training job {name} goes on" in error and f"train --follow {name}" in error and f"stop {name}" in error
    assert status() == "InProgress"
    again = kennel.start(*words)
    assert again.stdout is not None
    assert again.stdout.readline() == f"training job {name} runs already: following it\n"
    (kennel.folder / "over").touch()
    out, error = again.communicate(timeout=60)
    assert again.returncode == 0 and "Completed" in out, error
    assert len(server.sagemaker.list_training_jobs(NameContains=name)["TrainingJobSummaries"]) == 1


def test_a_tuning_job_goes_on_and_its_best_is_written_later(kennel: Kennel, server: LocalServer) -> None:
    waiting = kennel.start("tune", "--jobs", "2", "--name", "kennel-left", "--set", "epochs=1", "--set", "wait=3")
    wait_until(lambda: server.sagemaker.list_training_jobs(NameContains="kennel-left")["TrainingJobSummaries"], 30)
    waiting.send_signal(signal.SIGINT)
    _, error = waiting.communicate(timeout=30)
    assert waiting.returncode == 130 and "tune --follow kennel-left" in error
    kennel.run("tune", "--follow", "kennel-left")
    assert '"tuning_job": "kennel-left"' in (kennel.folder / ".kennel" / "best.json").read_text()


def test_a_hang_up_that_is_ignored_stays_ignored(kennel: Kennel, server: LocalServer) -> None:
    until = f"until={kennel.folder / 'over'}"
    waiting = kennel.start("train", "--name", "kennel-nohup", "--set", "epochs=1", "--set", until, ignore_hangup=True)
    until_it_waits(waiting)
    waiting.send_signal(signal.SIGHUP)
    (kennel.folder / "over").touch()
    out, error = waiting.communicate(timeout=60)
    assert waiting.returncode == 0 and "Completed" in out, error
    assert wait_for_job(server, "kennel-nohup")["TrainingJobStatus"] == "Completed"
