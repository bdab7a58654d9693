"""`kennel train --script` and `kennel tune --script` against a real local SageMaker, with an image that runs scripts.

Also scripts.aws.idempotent, for jobs whose requests hold their own names.
"""

import json
from pathlib import Path

import pytest

from tests.support.local_server import LocalServer
from tests.support.person import LOCAL, SCRIPTS, Kennel

SCRIPT = """
import argparse, os, time
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1.0)
parser.add_argument("--net")
parser.add_argument("--wait", type=float, default=0)
given = parser.parse_args()
rows = open(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "rows.csv")).read().split()
print(f"{given.net} reads {len(rows)} rows")
print(f"INFO Test set: average loss: {abs(given.lr - 0.3):.4f}", flush=True)
time.sleep(given.wait)
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.pt"), "w").write(str(given.lr))
"""
LOSS, WRONG = ("--metric", "loss=average loss: ([0-9.]+)"), ("--metric", "accuracy=Average Loss = ([0-9.]+)")


@pytest.fixture()
def person(local: Kennel) -> Kennel:
    local.settings(LOCAL.replace('train-image = "tiny-dogs:1"', f'train-image = "{SCRIPTS}"'))
    (local.folder / "train.py").write_text(SCRIPT)
    (local.folder / "data").mkdir()
    (local.folder / "data" / "rows.csv").write_text("1\n2\n3\n")
    return local


def words(verb: str, *more: str) -> tuple[str, ...]:
    return (verb, "--script", "train.py", "--channel", "train=data", *more)


def test_a_script_trains_and_a_metric_without_a_value_is_told_with_the_nearest_line(person: Kennel, server: LocalServer) -> None:
    asked = words("train", "--name", "kennel-script", "--set", "net=resnet18", "--set", "lr=0.5", *LOSS, *WRONG)
    done = person.run(*asked).stdout
    assert "resnet18 reads 3 rows" in done and "1 uploaded" in done and "no rule looks into it" in done
    assert "   loss                       0.2000" in done
    wrong = next(line for line in done.splitlines() if line.startswith("   accuracy: no value"))
    assert wrong.endswith("'Average Loss = ([0-9.]+)'; the nearest: INFO Test set: average loss: 0.2000")
    job = server.sagemaker.describe_training_job(TrainingJobName="kennel-script")
    assert json.loads(job["HyperParameters"]["sagemaker_program"]) == "train.py"
    assert job["DebugHookConfig"]["CollectionConfigurations"] and "DebugRuleConfigurations" not in job
    again = person.run(*asked).stdout
    assert "kennel-script exists (Completed)" in again and "1 unchanged" in again


def test_a_script_that_runs_is_followed_and_a_changed_one_is_refused(person: Kennel) -> None:
    asked = words("train", "--set", "wait=15", "--spot", *LOSS)
    person.run(*asked, "--detach")
    name = person.state()["training_job"]
    assert f"{name} runs already: following it" in person.run(*asked, "--detach").stdout
    assert 'runs the script "train.py"; give --script FILE as well' in person.run("train", "--follow", name, status=2).stderr
    (person.folder / "train.py").write_text(SCRIPT + "# changed\n")
    assert f"{name} (InProgress) was started with another InputDataConfig" in person.run(*asked, status=2).stderr
    done = person.run("train", "--follow", name, "--script", "train.py").stdout
    assert "average loss: 0.7000" in done and "no rule" not in done and "   loss " in done


def test_the_best_of_a_script_is_its_own(person: Kennel, server: LocalServer) -> None:
    person.write(".kennel/best.json", {"tuning_job": "kept", "hyperparameters": {"epochs": "9"}})
    search = words("tune", "--name", "kennel-search", "--range", "lr=0.1:0.9", "--range", "net=a,b", "--jobs", "3", *LOSS)
    done = person.run(*search).stdout
    assert (
        "3 of 3" in done
        and "lower loss is better" in done
        and "train --script train.py --channel train=data --metric 'loss=average loss: ([0-9.]+)'" in done.splitlines()[-1]
    )
    kept = json.loads((person.folder / ".kennel" / "best-scripts.json").read_text())
    best = kept[str((person.folder / "train.py").resolve())]
    assert best["tuning_job"] == "kennel-search" and best["hyperparameters"]["net"] in ('"a"', '"b"')
    assert json.loads((person.folder / ".kennel" / "best.json").read_text())["tuning_job"] == "kept"
    done = person.run(*words("train", "--name", "kennel-final", *LOSS)).stdout
    assert "hyperparameters of tuning job kennel-search" in done and "best-scripts.json" in done
    job = server.sagemaker.describe_training_job(TrainingJobName="kennel-final")
    assert job["HyperParameters"].items() >= best["hyperparameters"].items()


def test_a_tuning_whose_metric_never_matches_says_which_line_was_meant(person: Kennel) -> None:
    search = words("tune", "--name", "kennel-blind", "--range", "lr=0.1:0.9", "--jobs", "1", "--parallel", "1")
    done = person.run(*search, "--metric", "loss=Avg loss=([0-9.]+)", status=1)
    assert "   loss: no value; no line of the log matches 'Avg loss=([0-9.]+)'" in done.stdout
    assert "the nearest: INFO Test set: average loss: 0." in done.stdout and "kennel-blind" in done.stderr


def test_a_script_that_python_cannot_compile_sends_nothing(person: Kennel, server: LocalServer) -> None:
    (person.folder / "train.py").write_text("x = 1\nimport = 2\n")
    status, said = person.fail(*words("train", "--name", "kennel-never"))
    assert status == 2 and said == "train: --script train.py: train.py:2: invalid syntax; mend it, nothing was sent\n"
    assert "kennel-never" not in [row["TrainingJobName"] for row in server.sagemaker.list_training_jobs()["TrainingJobSummaries"]]


def test_a_folder_of_a_channel_is_sent_once(person: Kennel, server: LocalServer) -> None:
    (person.folder / "data" / "link.csv").symlink_to(Path("rows.csv"))
    assert "--channel train data: link.csv is a link" in person.fail(*words("train"))[1]
