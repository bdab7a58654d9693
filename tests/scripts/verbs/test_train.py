"""`kennel tune`, `train`, `logs`, `status` and `stop` against a real local SageMaker.

Also scripts.verbs.tune, scripts.verbs.logs, scripts.verbs.status, scripts.aws.logs, scripts.aws.idempotent
and scripts.aws.waiting.
"""

import json
import time

from scripts.aws.idempotent import difference
from tests.support.local_server import LocalServer, wait_until
from tests.support.person import Kennel


def ready(local: Kennel) -> Kennel:
    if not local.state().get("data"):
        from tests.support.person import write_pictures

        local.run("data", "--folder", str(write_pictures(local.folder / "pictures")), "--data-name", "tiny")
    return local


def test_a_tuning_job_then_a_training_job_with_what_it_found(local: Kennel, server: LocalServer) -> None:
    kennel = ready(local)
    done = kennel.run("tune", "--jobs", "3", "--name", "kennel-tuned", "--set", "epochs=1").stdout
    best = json.loads((kennel.folder / ".kennel" / "best.json").read_text())
    assert "3 of 3" in done and best["tuning_job"] == "kennel-tuned" and "train" in done.splitlines()[-1]
    found = server.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="kennel-tuned")
    assert best["hyperparameters"] == found["BestTrainingJob"]["TunedHyperParameters"]
    done = kennel.run("train", "--set", "epochs=1").stdout
    name = kennel.state()["training_job"]
    job = server.sagemaker.describe_training_job(TrainingJobName=name)
    assert job["HyperParameters"]["lr"] == best["hyperparameters"]["lr"] and "hyperparameters of tuning job kennel-tuned" in done
    assert "Completed" in done and "test:accuracy" in done and "model.tar.gz" in done
    printed = kennel.run("logs").stdout
    assert printed.count("metric validation:loss=") == 1 and printed == kennel.run("logs", name, "--follow").stdout
    assert "validation:loss" in kennel.run("logs", "kennel-tuned").stdout
    status = kennel.run("status").stdout
    assert "kennel-tuned" in status and name in status and "next" in status


def test_a_failed_job_ends_with_1_and_its_reason(local: Kennel) -> None:
    kennel = ready(local)
    failed = kennel.run("train", "--name", "kennel-bad", "--set", "epochs=1", "--set", "fail=no GPU here", status=1).stderr
    assert "training job kennel-bad Failed" in failed and "no GPU here" in failed and "logs kennel-bad" in failed
    assert failed.count("\n") == 1


def test_what_runs_is_followed_and_another_request_is_not(local: Kennel, server: LocalServer) -> None:
    kennel = ready(local)
    words = ("train", "--rules", "none", "--set", "epochs=1", "--set", "wait=20")
    assert "train --follow" not in kennel.run(*words, "--detach").stdout
    name = kennel.state()["training_job"]
    other = kennel.run("train", "--rules", "none", "--set", "epochs=2", "--set", "wait=20", status=2).stderr
    assert f"{name} (InProgress) was started with another HyperParameters.epochs" in other
    assert "another HyperParameters.wait" in kennel.run("train", "--rules", "none", "--set", "epochs=1", status=2).stderr
    assert f"{name} runs already: following it" in kennel.run(*words).stdout
    assert len(server.sagemaker.list_training_jobs(NameContains=name)["TrainingJobSummaries"]) == 1
    assert f"{name} exists (Completed)" in kennel.run(*words, "--name", name).stdout
    assert "no training job of this name" in kennel.run("train", "--follow", "kennel-none", status=2).stderr


def test_a_job_is_stopped_by_name(local: Kennel, server: LocalServer) -> None:
    kennel = ready(local)
    kennel.run("train", "--name", "kennel-long", "--set", "epochs=1", "--set", "wait=60", "--detach")
    follower = kennel.start("train", "--follow", "kennel-long")
    wait_until(lambda: "Training" in server.sagemaker.describe_training_job(TrainingJobName="kennel-long")["SecondaryStatus"], 20)
    assert "kennel-long: stopping" in kennel.run("stop", "kennel-long").stdout
    out, error = follower.communicate(timeout=60)
    assert follower.returncode == 1 and "kennel-long Stopped: stopped before its end" in error, (out, error)
    assert "kennel-long: Stopped already" in kennel.run("stop", "kennel-long").stdout
    assert "no training or tuning job of this name" in kennel.run("stop", "kennel-none", status=2).stderr


def test_logs_follow_line_by_line(local: Kennel) -> None:
    kennel = ready(local)
    kennel.run("train", "--name", "kennel-lines", "--set", "epochs=3", "--set", "wait=3", "--detach")
    start = time.monotonic()
    follower = kennel.start("logs", "kennel-lines", "--follow")
    assert follower.stdout is not None
    first = follower.stdout.readline()
    early = time.monotonic() - start
    rest = follower.stdout.read()
    follower.wait(60)
    assert "metric" in first and early < time.monotonic() - start and (first + rest).count("validation:loss") == 3
    assert "no job or endpoint of this name" in kennel.run("logs", "kennel-none", status=2).stderr


def test_the_difference_between_two_requests_is_named() -> None:
    assert difference({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 2, "d": 3}], "e": 0}}) is None
    assert difference({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 3}]}}) == "a.b.c"
    assert difference({"a": 1}, {}) == "a"
    assert difference({"a": [1]}, {"a": [1, 2]}) == "a"


def test_fine_tuning_takes_its_recipe_and_not_what_tuning_found(kennel: Kennel) -> None:
    from train.config import parse

    kennel.state(data="tiny")
    assert "needs pretrained weights; upload some with kennel weights" in kennel.run("train", "--fine-tune", status=2).stderr
    kennel.state(data="tiny", weights="resnet18")
    (kennel.folder / ".kennel" / "best.json").write_text(json.dumps({"hyperparameters": {"lr": "0.5"}, "tuning_job": "t"}))
    (job,) = json.loads(kennel.run("train", "--fine-tune", "--set", "epochs=2", "--dry-run").stdout)
    sent = job["request"]["HyperParameters"]
    assert sent["lr"] == "0.003" and sent["epochs"] == "2" and parse(sent).train_layers == "last"
