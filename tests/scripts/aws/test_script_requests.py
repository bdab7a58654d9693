"""scripts.aws.script_requests: the requests of jobs that run a script, as golden files say and as botocore's model wants them.

The golden files are written again as those of test_api_requests.py are.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.checker import problems
from tests.support.person import AWS, Kennel

GOLDEN = Path(__file__).parent / "golden"
METRICS = ("--metric", r"average test loss=Test set: Average loss: ([0-9\.]+)", "--metric", r"accuracy=\(([0-9]+)%\)")
SET = ("--set", "epochs=2", "--set", "net=resnet18", "--set", "layers=[64, 32]", "--set", "augment=true")
RANGES = ("--range", "lr=0.0001:0.1:log", "--range", "batch-size=16,32,64", "--range", "depth=1:5")
CASES = {
    "script-train": ("train", "--name", "kennel-train-golden", *SET, *METRICS),
    "script-train-network": ("train", "--name", "kennel-train-golden", *METRICS, "--no-network-isolation", "--rules", "Overfit"),
    "script-tune": ("tune", "--name", "kennel-tune-golden", *SET, *METRICS, *RANGES),
}


@pytest.fixture()
def person(kennel: Kennel) -> Kennel:
    (kennel.folder / "code" / "lib").mkdir(parents=True)
    (kennel.folder / "code" / "train.py").write_text("import lib.net\n")
    (kennel.folder / "code" / "lib" / "net.py").write_text("")
    return kennel


def request(kennel: Kennel, *words: str) -> dict[str, Any]:
    return kennel.plan(*words, "--script", "train.py", "--source", "code", "--data-name", "dogs")[-1]["request"]


@pytest.mark.parametrize("target", ["aws", "local"])
@pytest.mark.parametrize("case", CASES)
def test_a_dry_run_prints_what_the_golden_file_says(person: Kennel, case: str, target: str) -> None:
    person.settings(AWS if target == "aws" else "")
    calls = person.plan(*CASES[case], "--script", "train.py", "--source", "code", "--data-name", "dogs", "--target", target)
    assert not [problem for call in calls for problem in problems(call)]
    assert calls[1]["operation"] == "PutObject" and calls[1]["request"].pop("Body").endswith("bytes>")
    file = GOLDEN / f"{case}-{target}.json"
    if os.environ.get("KENNEL_GOLDEN") == "write":
        file.write_text(json.dumps(calls, indent=2) + "\n")
    assert calls == json.loads(file.read_text())


def test_every_value_is_json_as_framework_estimators_send_it(person: Kennel) -> None:
    sent = request(person, *CASES["script-train"])["HyperParameters"]
    assert {name: json.loads(value) for name, value in sent.items()} == {
        "epochs": 2,
        "net": "resnet18",
        "layers": [64, 32],
        "augment": True,
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": "/opt/ml/input/data/code/sourcedir.tar.gz",
        "sagemaker_container_log_level": 20,
        "sagemaker_job_name": "kennel-train-golden",
        "sagemaker_region": "us-east-1",
    }


def test_a_container_without_a_network_gets_the_script_as_a_channel_and_another_fetches_it(person: Kennel) -> None:
    cut_off = request(person, *CASES["script-train"])
    open_one = request(person, *CASES["script-train-network"])
    *_, code = cut_off["InputDataConfig"]
    folder = code["DataSource"]["S3DataSource"]["S3Uri"]
    assert code["ChannelName"] == "code" and cut_off["EnableNetworkIsolation"]
    assert json.loads(open_one["HyperParameters"]["sagemaker_submit_directory"]) == f"{folder}sourcedir.tar.gz"
    assert "code" not in [channel["ChannelName"] for channel in open_one["InputDataConfig"]]


def test_a_tuning_searches_what_was_asked_for_by_the_first_metric(person: Kennel) -> None:
    search = request(person, *CASES["script-tune"])
    config, definition = search["HyperParameterTuningJobConfig"], search["TrainingJobDefinition"]
    assert config["HyperParameterTuningJobObjective"] == {"Type": "Minimize", "MetricName": "average test loss"}
    names = {row["Name"] for kind in config["ParameterRanges"].values() for row in kind}
    assert names == {"lr", "batch-size", "depth"} and not names & set(definition["StaticHyperParameters"])
    assert json.loads(definition["StaticHyperParameters"]["sagemaker_estimator_class_name"]) == "PyTorch"
    assert [row["Name"] for row in definition["AlgorithmSpecification"]["MetricDefinitions"]] == ["average test loss", "accuracy"]


def test_the_same_script_lies_in_one_place_whatever_the_job(person: Kennel) -> None:
    first, second = (person.plan(*CASES[case], "--script", "code/train.py", "--source", "code", "--data-name", "dogs") for case in
                     ("script-train", "script-tune"))  # fmt: skip
    assert first[1]["request"]["Key"] == second[1]["request"]["Key"]
    (person.folder / "code" / "lib" / "net.py").write_text("x = 1\n")
    changed = person.plan(*CASES["script-train"], "--script", "train.py", "--source", "code", "--data-name", "dogs")
    assert changed[1]["request"]["Key"] != first[1]["request"]["Key"]
