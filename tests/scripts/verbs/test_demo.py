"""The demo on tiny images: every step through a real local SageMaker, and a summary of it. Also scripts.cli.demo_summary."""

import json
from pathlib import Path

from scripts.aws.builtin_rules import DEFAULT
from tests.support.local_server import LocalServer
from tests.support.person import Kennel, write_pictures


def test_the_whole_story(local: Kennel, server: LocalServer) -> None:
    folder = write_pictures(local.folder / "pictures", classes=3, each=3)
    done = local.run("demo", "--data", str(folder), "--jobs", "4")
    summary = json.loads((local.folder / ".kennel" / "demo" / "summary.json").read_text())
    assert summary["accuracy"]["test_by_http"] == summary["accuracy"]["test_by_training"] == 1.0
    assert summary["same_answer_as_training"] == {"same": 9, "of": 9} and len(summary["predictions"]) == 9
    assert summary["jobs"]["trials"] == {"Completed": 4} and summary["tuning_status"] == "Completed"
    assert set(summary["seconds"]) == {"data", "tune", "train", "deploy", "invoke", "down", "report"}
    best = json.loads((local.folder / ".kennel" / "best.json").read_text())
    assert summary["best"] == best and set(best["hyperparameters"]) == {"lr", "weight-decay", "eps", "batch-size"}
    assert summary["hyperparameters"]["lr"] == best["hyperparameters"]["lr"]
    assert not server.sagemaker.list_endpoints()["Endpoints"] and not server.sagemaker.list_models()["Models"]
    job = server.sagemaker.describe_training_job(TrainingJobName=summary["jobs"]["training"])
    collections = job["DebugHookConfig"]["CollectionConfigurations"]
    assert [row["CollectionName"] for row in collections] == ["losses", "gradients", "first_losses", "relu_input"]
    assert {name: one["status"] for name, one in summary["rules"].items()} == dict.fromkeys(DEFAULT, "NoIssuesFound")
    assert "rule   Overfit" in done.stdout
    pages = [Path(local.folder / place).read_text() for place in summary["reports"].values()]
    assert summary["jobs"]["training"] in pages[0] and "9 of 9 test pictures are right" in pages[0] and "by trial" in pages[1]
    assert all(place in done.stdout for place in summary["reports"].values())
    assert "test accuracy 1.000 through InvokeEndpoint" in done.stdout and "next" in done.stdout
