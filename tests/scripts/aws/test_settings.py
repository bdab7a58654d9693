"""kennel.toml and flags: who wins, and what is said about what is wrong.

Also scripts.cli.configure, scripts.cli.configure_jobs, scripts.cli.presets, scripts.aws.defaults and scripts.config.
"""

import pytest

from tests.support.person import AWS, Kennel

DIGEST = "@sha256:" + "cd" * 32


def training(kennel: Kennel, *words: str) -> dict:
    return kennel.plan("train", "--data-name", "dogs", "--target", "aws", *words)[0]["request"]


def test_a_flag_wins_over_the_file(kennel: Kennel) -> None:
    kennel.settings(AWS)
    assert training(kennel)["ResourceConfig"]["InstanceType"] == "ml.p3.2xlarge"
    request = training(kennel, "--train-instance", "ml.m5.xlarge", "--subnets", "subnet-0", "--tags", "a=b,c=d")
    assert request["ResourceConfig"]["InstanceType"] == "ml.m5.xlarge" and request["VpcConfig"]["Subnets"] == ["subnet-0"]
    assert {"Key": "c", "Value": "d"} in request["Tags"]
    assert request["EnableNetworkIsolation"] is True
    assert training(kennel, "--no-network-isolation")["EnableNetworkIsolation"] is False


@pytest.mark.parametrize(
    ("toml", "words", "said"),
    [
        ("", [], "bucket, train-image: not given for target aws; use --role-arn, --bucket, --train-image, or [aws] in kennel"),
        ("[aws", [], "kennel.toml: cannot be read"),
        ("[gcp]", [], "kennel.toml: 'gcp' is not known there; it has the tables [local], [aws] and [script]"),
        ('[aws]\nbuket = "x"', [], "kennel.toml: [aws] buket: not known; did you mean bucket?"),
        ("[aws]\nbucket = 3", [], "kennel.toml: [aws] bucket = 3: need a string"),
        ('[aws]\nsubnets = "subnet-1"', [], "need a list of strings"),
        ("[aws]\nnetwork-isolation = 1", [], "need true or false"),
        (AWS, ["--train-image", "1.dkr.ecr.eu-central-1.amazonaws.com/kennel:latest"], "has no digest"),
        (AWS.replace('security-groups = ["sg-0123abcd"]\n', ""), [], "security-groups: not given, but subnets is"),
        (AWS, ["--train-instance", "ml.g5.xlarge"], "volume-kms-key: train-instance ml.g5.xlarge encrypts its own NVMe disk"),
        (AWS, ["--name", "a_b"], "--name a_b: need letters, digits and single dashes"),
        (AWS, ["--name=-a"], "--name -a: need letters"),
        (AWS, ["--set", "epochs"], "--set epochs: need NAME=VALUE"),
        (AWS, ["--max-runtime", "5"], "--max-runtime 5: need at least 60"),
        (AWS, ["--instances", "0"], "need at least 1 of each"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_with_its_name(kennel: Kennel, toml: str, words: list[str], said: str) -> None:
    kennel.settings(toml)
    status, error = kennel.fail("train", "--data-name", "dogs", "--target", "aws", "--region", "eu-central-1", *words)
    assert status == 2 and said in error and error.count("\n") == 1, error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train"], "--data-name: no set of pictures was uploaded from here yet; start with kennel data"),
        (["deploy"], "--job: no training job was started from here yet; start with kennel train"),
        (["logs"], "nothing was started from here yet"),
        (["invoke", "no.jpg"], "no.jpg: no such picture or folder"),
        (["data", "--folder", "."], "--folder .: no folder 'train'"),
        (["weights", "no.pth"], "no.pth: no such file"),
        (["deploy", "--model-data", "model.tar.gz"], "need s3://BUCKET/KEY"),
        (["tune", "--data-name", "x", "--set", "lr=1"], "--set lr: this is what tuning searches"),
        (["tune", "--data-name", "x", "--jobs", "1"], "--jobs 1 --parallel 2"),
        (["demo", "--data", "nowhere"], "DATA nowhere: no folder 'train'"),
        (["demo", "--weights", "nowhere"], "WEIGHTS nowhere: no such file"),
        (["tune", "--data-name", "x", "--name", "k" * 33], "at most 32"),
    ],
)
def test_what_is_missing_is_named_before_anything_starts(kennel: Kennel, words: list[str], said: str) -> None:
    status, error = kennel.fail(*words)
    assert status == 2 and said in error and error.count("\n") == 1, error
    assert not (kennel.folder / ".kennel" / "local").exists()


def test_the_target_comes_from_the_makefile_and_local_is_the_default(kennel: Kennel) -> None:
    assert "need local or aws" in kennel.run("status", status=2, TARGET="azure").stderr
    assert "for target aws" in kennel.run("train", "--data-name", "x", status=2, TARGET="aws").stderr
    assert kennel.plan("train", "--data-name", "x")[0]["request"]["AlgorithmSpecification"]["TrainingImage"] == "kennel-train"


def test_training_takes_the_best_hyperparameters_and_set_wins(kennel: Kennel) -> None:
    best = {"tuning_job": "t", "hyperparameters": {"lr": "0.02", "eps": "1e-8"}}
    (kennel.folder / ".kennel").mkdir()
    kennel.write(".kennel/best.json", best)
    words = ("train", "--data-name", "x")
    found = kennel.plan(*words, "--set", "eps=1e-9")[0]["request"]["HyperParameters"]
    assert (found["lr"], found["eps"]) == ("0.02", "1e-9")
    assert kennel.plan(*words, "--no-best")[0]["request"]["HyperParameters"]["lr"] == "0.001"


def test_credentials_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from scripts.config import inherited_environment

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert not [name for name in inherited_environment() if name.startswith("AWS")]
