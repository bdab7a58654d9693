"""Every request that creates something: as the golden files say, and as botocore's model wants it.

It covers scripts.aws.calls and scripts.aws.job_config too.

A golden file is written again with `KENNEL_GOLDEN=write` in the environment; what changed in it is then for a person to read.
"""

import json
import os
from pathlib import Path

import pytest

from contract import metrics
from tests.support.checker import problems
from tests.support.person import AWS, WEIGHTS, Kennel

GOLDEN = Path(__file__).parent / "golden"
NAMED = {
    "tune": ["tune", "--name", "kennel-tune-golden", "--data-name", "dogs"],
    "tune-plain": ["tune", "--name", "kennel-tune-golden", "--data-name", "dogs", "--plain"],
    "train": ["train", "--name", "kennel-train-golden", "--data-name", "dogs"],
    "train-spot": ["train", "--name", "kennel-train-golden", "--data-name", "dogs", "--spot", "--instances", "2", "--no-hooks"],
    "rules": ["rules", "kennel-train-golden", "--name", "kennel-rules-golden", "--rules", "Overfit:patience=2,LowGPUUtilization"],
    "deploy": ["deploy", "--name", "kennel-golden", "--job", "kennel-train-golden"],
    "down": ["down", "--endpoint", "kennel"],
    "logs": ["logs", "kennel-train-golden"],
    "report": ["report", "kennel-train-golden"],
    "status": ["status"],
    "doctor": ["doctor"],
    "stop": ["stop", "kennel-train-golden"],
}
PLACES = {"aws": AWS, "local": ""}


@pytest.mark.parametrize("target", PLACES)
@pytest.mark.parametrize("case", NAMED)
def test_a_dry_run_prints_what_the_golden_file_says(kennel: Kennel, case: str, target: str) -> None:
    kennel.settings(PLACES[target])
    kennel.state(target, weights="resnet18-f37072fd")
    calls = kennel.plan(*NAMED[case], "--target", target)
    assert not [problem for call in calls for problem in problems(call)]
    file = GOLDEN / f"{case}-{target}.json"
    if os.environ.get("KENNEL_GOLDEN") == "write":
        file.write_text(json.dumps(calls, indent=2) + "\n")
    assert calls == json.loads(file.read_text())


def test_a_dry_run_needs_no_network_no_key_and_leaves_nothing(kennel: Kennel) -> None:
    kennel.settings(AWS)
    kennel.run("train", "--data-name", "dogs", "--dry-run", "--target", "aws", HTTPS_PROXY="http://127.0.0.1:9")
    assert not (kennel.folder / ".kennel").exists()


def test_data_weights_invoke_and_demo_have_dry_runs(kennel: Kennel, pictures: Path) -> None:
    weights, picture = kennel.folder / "w.pth", next(pictures.glob("test/*/*.jpg"))
    weights.write_bytes(WEIGHTS)
    kennel.settings(AWS)
    calls = kennel.plan("data", "--folder", str(pictures), "--target", "aws")
    assert calls[0]["operation"] == "ListObjectsV2" and len(calls) == 13
    put = calls[1]["request"]
    assert (
        put["Bucket"] == "my-kennel"
        and put["ServerSideEncryption"] == "aws:kms"
        and put["Key"].startswith("kennel/data/pictures/")
    )
    assert kennel.plan("weights", str(weights), "--target", "aws")[1]["request"]["Key"] == "kennel/weights/w/w.pth"
    asked = kennel.plan("invoke", str(picture), "--target", "aws")[0]
    assert asked["request"]["ContentType"] == "image/jpeg" and asked["request"]["Body"].endswith("bytes>")
    operations = [call["operation"] for call in kennel.plan("demo", "--target", "aws")]
    assert operations[:5] == [
        "CreateHyperParameterTuningJob",
        "CreateTrainingJob",
        "CreateModel",
        "CreateEndpointConfig",
        "CreateEndpoint",
    ]
    assert not [problem for call in kennel.plan("demo", "--target", "aws") for problem in problems(call)]


def test_the_original_ranges_are_searched(kennel: Kennel) -> None:
    search = kennel.plan("tune", "--data-name", "dogs")[-1]["request"]["HyperParameterTuningJobConfig"]
    ranges = {row["Name"]: row for kind in search["ParameterRanges"].values() for row in kind}
    limits = {name: (float(row["MinValue"]), float(row["MaxValue"])) for name, row in ranges.items() if "MinValue" in row}
    assert limits == {"lr": (1e-4, 1e-1), "weight-decay": (1e-3, 1e-1), "eps": (1e-9, 1e-7)}
    assert ranges["lr"]["ScalingType"] == "Logarithmic" and ranges["batch-size"]["Values"] == ["32", "64"]
    assert search["ResourceLimits"] == {"MaxNumberOfTrainingJobs": 20, "MaxParallelTrainingJobs": 2}
    assert (search["Strategy"], search["TrainingJobEarlyStoppingType"]) == ("Bayesian", "Auto")
    assert search["HyperParameterTuningJobObjective"] == {"Type": "Minimize", "MetricName": metrics.OBJECTIVE}


def test_hyperband_and_grid_are_asked_for_as_sagemaker_wants_them(kennel: Kennel) -> None:
    def search(*words: str) -> dict:
        call = kennel.plan("tune", "--data-name", "dogs", *words)[-1]
        assert not problems(call)
        return call["request"]

    band = search("--strategy", "Hyperband", "--set", "epochs=9")["HyperParameterTuningJobConfig"]
    assert band["StrategyConfig"] == {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}}
    assert band["TrainingJobEarlyStoppingType"] == "Off"
    grid = search("--strategy", "Grid", "--set", "eps=1e-6")
    ranges = grid["HyperParameterTuningJobConfig"]["ParameterRanges"]
    assert list(ranges) == ["CategoricalParameterRanges"]
    assert [row["Name"] for row in ranges["CategoricalParameterRanges"]] == ["lr", "weight-decay", "batch-size"]
    assert grid["TrainingJobDefinition"]["StaticHyperParameters"]["eps"] == "1e-6"
    for words, told in (
        (("Grid", "--jobs", "5"), "--jobs 5: a grid has 20 combinations"),
        (("Grid", "--set", "lr=1"), "--set lr: this is what tuning searches"),
        (("Hyperband", "--early-stopping", "Auto"), "Hyperband stops jobs itself"),
    ):
        assert told in kennel.fail("tune", "--data-name", "dogs", "--dry-run", "--strategy", *words)[1]


def test_tuning_never_sees_the_test_pictures(kennel: Kennel) -> None:
    definition = kennel.plan("tune", "--data-name", "dogs")[-1]["request"]["TrainingJobDefinition"]
    assert [channel["ChannelName"] for channel in definition["InputDataConfig"]] == ["train", "validation"]


def test_what_is_printed_is_what_is_sent(local: Kennel, pictures: Path) -> None:
    """The request on the wire beside the dry run's, through a proxy that writes it down."""
    from tests.support.fakes import FaultyProxy

    with FaultyProxy(local.url) as proxy:
        local.use(proxy.url, local.server)
        local.run("data", "--folder", str(pictures))
        words = ["train", "--name", "kennel-printed", "--set", "epochs=1"]
        printed = local.plan(*words)
        local.run(*words)
        sent = [json.loads(body) for name, body in proxy.bodies if name == "CreateTrainingJob"]
        assert sent == [call["request"] for call in printed]
