"""What is to be evaluated comes from a Processing job's files, from its environment, or from a command line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rules.config import read_config
from tests.rules.conftest import Trained
from tests.support.saved_tensors import write, write_collections, write_step

ROOT = Path(__file__).resolve().parents[2]


def start(base: Path, environment: dict[str, str] | None = None, **about: Any) -> subprocess.Popen[str]:
    """The program as a container runs it: no arguments, everything below /opt/ml."""
    if environment is not None:
        (base / "config").mkdir(parents=True, exist_ok=True)
        (base / "config" / "processingjobconfig.json").write_text(json.dumps({"Environment": environment, **about}))
    own = {"PATH": os.environ["PATH"], "SAGEMAKER_BASE_DIR": str(base), **(about if environment is None else {})}
    return subprocess.Popen(
        [sys.executable, "-m", "rules"], cwd=ROOT, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def run(base: Path, environment: dict[str, str] | None = None, **about: Any) -> tuple[int, str, str]:
    """Exit code, what it printed, and what it left as the job's exit message."""
    process = start(base, environment, **about)
    said, _ = process.communicate(timeout=60)
    message = base / "output" / "message"
    return process.returncode, said, message.read_text() if message.exists() else ""


def test_a_processing_job_that_finds_something(tmp_path: Path, trained: Trained) -> None:
    code, said, message = run(
        tmp_path,
        {"rule_to_invoke": "VanishingGradient", "base_trial": str(trained("vanishing")), "threshold": "1e-6", "AWS_REGION": "x"},
    )
    assert code == 1
    assert message == (
        "RuleEvaluationConditionMet: Evaluation of the rule VanishingGradient at step 0 resulted in the condition being met"
    )
    lines = said.splitlines()
    assert lines[0] == f"VanishingGradient: InProgress, looking at {trained('vanishing')}"
    assert lines[1].startswith("VanishingGradient: IssuesFound at step 0, gradient/")
    assert f"VanishingGradient: IssuesFound: {message}" in lines
    result = json.loads((tmp_path / "processing" / "output" / "rule" / "VanishingGradient.json").read_text())
    assert result["parameters"] == {"threshold": 1e-6} and result["found"] == len(result["evidence"])


def test_inputs_and_outputs_of_the_processing_job(tmp_path: Path) -> None:
    """Without base_trial: what SageMaker has put below /opt/ml/processing/input; it grows no more."""
    base, output = tmp_path / "ml", tmp_path / "elsewhere"
    write_collections(base / "processing" / "input" / "tensors")
    write_step(base / "processing" / "input" / "tensors", 0, {"a": 1.0})
    outputs = {"Outputs": [{"OutputName": "rule", "S3Output": {"LocalPath": str(output), "S3Uri": "s3://b/k"}}]}
    code, said, message = run(base, {"rule_to_invoke": "ExplodingTensor"}, ProcessingOutputConfig=outputs)
    assert (code, message) == (0, "") and "ExplodingTensor: NoIssuesFound" in said
    assert json.loads((output / "ExplodingTensor.json").read_text())["status"] == "NoIssuesFound"


def test_parameters_from_the_environment_alone(tmp_path: Path, trained: Trained) -> None:
    code, said, _ = run(tmp_path, rule_to_invoke="Overfit", base_trial=str(trained("overfit")), patience="2")
    assert code == 1 and "Overfit: IssuesFound" in said


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "ClientError: rule_to_invoke is not set"),
        ({"rule_to_invoke": "Overfit", "base_trial": "x", "patienec": "2"}, "ClientError: Overfit has no parameter 'patienec'."),
        (
            {"rule_to_invoke": "Overfit", "base_trial": "x", "start_step": "soon"},
            "ClientError: start_step: 'soon' is not",
        ),
        ({"rule_to_invoke": "Overfit", "base_trial": "x", "action_json": "{"}, "ClientError: action_json is not JSON."),
        (
            {"rule_to_invoke": "Overfit", "base_trial": "x", "action_json": '{"name": "email", "endpoint": "a@b"}'},
            "ClientError: action_json: 'email' is not supported; stoptraining is.",
        ),
        (
            {"rule_to_invoke": "StalledTrainingRule", "base_trial": "x", "stop_training_on_fire": "True"},
            "ClientError: StalledTrainingRule.stop_training_on_fire needs training_job_name_prefix.",
        ),
    ],
)
def test_what_is_wrong_is_the_jobs_last_word(tmp_path: Path, environment: dict[str, str], message: str) -> None:
    code, said, left = run(tmp_path, environment)
    assert code == 2 and left.startswith(message) and "Traceback" not in said


def test_sigterm_ends_it(tmp_path: Path) -> None:
    place = write(tmp_path / "tensors", {0: {"a": 1.0}})
    (place / "training_job_end.ts").unlink()
    process = start(tmp_path, {"rule_to_invoke": "ExplodingTensor", "base_trial": str(place)})
    assert process.stdout.readline().startswith("ExplodingTensor: InProgress")
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 143 and "ExplodingTensor: Stopped" in said


def test_a_command_line(tmp_path: Path) -> None:
    config = read_config(["Overfit", "s3://bucket/key", "patience=3", "start_step=7", "--all", "--output", str(tmp_path)])
    assert config.rule.parameters()["patience"] == 3 and config.start_step == 7 and config.exhaustive and not config.follow
    assert config.place == "s3://bucket/key" and config.output == tmp_path
