"""Features for a tuning: made once, found by the next, looked at again when anything changed. Real jobs of a tiny image."""

import json
from pathlib import Path

import pytest

from scripts.aws import features
from tests.support.local_server import LocalServer
from tests.support.person import WEIGHTS, Kennel


def test_what_names_a_folder_is_what_a_trial_must_share_with_its_features() -> None:
    from train.data.features import SHARED

    assert {name.replace("-", "_") for name in features._VALUES} == set(SHARED)


def ready(kennel: Kennel, pictures: Path) -> Kennel:
    weights = kennel.folder / "w.pth"
    weights.write_bytes(WEIGHTS)
    kennel.run("data", "--folder", str(pictures))
    kennel.run("weights", str(weights))
    return kennel


def channels(call: dict) -> list[str]:
    request = call["request"].get("TrainingJobDefinition", call["request"])
    return [channel["ChannelName"] for channel in request["InputDataConfig"]]


def test_only_a_tuning_of_heads_goes_by_features_and_plain_turns_it_off(kennel: Kennel) -> None:
    tune = ("tune", "--data-name", "dogs")
    assert [channels(kennel.plan(*tune)[-1])] == [["train", "validation"]], "from scratch all layers are trained"
    kennel.state(weights="resnet18")
    calls = kennel.plan(*tune)
    assert [call["operation"] for call in calls[-3:]] == ["ListObjectsV2", "CreateTrainingJob", "CreateHyperParameterTuningJob"]
    assert channels(calls[-1]) == ["features"] and channels(calls[-2]) == ["train", "validation", "pretrained"]
    for words in (("--plain",), ("--set", "train-layers=last"), ("--set", "train_layers=all")):
        assert channels(kennel.plan(*tune, *words)[-1]) == ["train", "validation", "pretrained"]


def test_the_place_follows_what_is_asked_for(kennel: Kennel) -> None:
    def place(*words: str) -> str:
        calls = kennel.plan("tune", "--data-name", "dogs", *words)
        job, search = calls[-2]["request"], calls[-1]["request"]
        folder = job["CheckpointConfig"]["S3Uri"]
        assert search["TrainingJobDefinition"]["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] == folder
        return folder

    kennel.state(weights="resnet18")
    usual = place()
    assert usual.startswith("s3://kennel-local/kennel/features/") and usual.endswith("/")
    assert usual == place("--set", "epochs=9", "--set", "max-bad-images=0", "--jobs", "3")
    changed = [("views=3",), ("seed=1",), ("picture_size=64",), ("crop_pct=1",), ("augment=none",), ("arch=resnet34",)]
    assert len({usual, place("--data-name", "cats"), *(place("--set", *words) for words in changed)}) == 8


def test_they_are_made_once_and_a_second_tuning_starts_no_job(local: Kennel, server: LocalServer, pictures: Path) -> None:
    kennel = ready(local, pictures)
    first = kennel.run("tune", "--name", "kennel-one", "--jobs", "2").stdout
    assert "features job kennel-one-features started" in first and "features are computed" in first
    second = kennel.run("tune", "--name", "kennel-two", "--jobs", "2").stdout
    assert "found, 0.0 MB" in second and "kennel-two-features" not in second
    trial = server.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName="kennel-two")
    name = trial["TrainingJobSummaries"][0]["TrainingJobName"]
    found = server.sagemaker.describe_training_job(TrainingJobName=name)
    assert [channel["ChannelName"] for channel in found["InputDataConfig"]] == ["features"]
    assert found["HyperParameters"]["export"] == "weights" and "task" not in found["HyperParameters"]

    place = found["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"].removeprefix("s3://bucket/")
    server.s3.put_object(Bucket="bucket", Key=f"{place}features.json", Body=b"damaged")
    third = kennel.run("tune", "--name", "kennel-three", "--jobs", "1", "--parallel", "1").stdout
    assert "they, the pictures or the weights changed; a job looks whether they can be used" in third
    assert "features are computed" in third
    (kennel.folder / ".kennel" / "features-local.json").unlink()
    fourth = kennel.run("tune", "--name", "kennel-four", "--jobs", "1", "--parallel", "1").stdout
    assert "they were not made here; a job looks" in fourth and "features are there already" in fourth


def test_changed_pictures_are_looked_at_again(local: Kennel, pictures: Path) -> None:
    kennel = ready(local, pictures)
    kennel.run("tune", "--name", "kennel-five", "--jobs", "1", "--parallel", "1")
    next((pictures / "train").glob("*/*.jpg")).unlink()
    kennel.run("data", "--folder", str(pictures))
    again = kennel.run("tune", "--name", "kennel-six", "--jobs", "1", "--parallel", "1").stdout
    assert "the pictures or the weights changed" in again and "features are computed" in again


def test_a_tuning_that_comes_to_nothing_has_them_looked_at_next_time(local: Kennel, pictures: Path) -> None:
    kennel = ready(local, pictures)
    words = ("--jobs", "1", "--parallel", "1", "--set", "views=7")
    failed = kennel.run("tune", "--name", "kennel-seven", "--set", "fail=FeaturesError", *words, status=1).stderr
    assert "kennel-seven Failed" in failed
    memory = json.loads((kennel.folder / ".kennel" / "features-local.json").read_text())
    assert not memory
    assert "they were not made here; a job looks" in kennel.run("tune", "--name", "kennel-eight", *words).stdout


def test_a_features_job_that_fails_ends_the_tuning_before_it_begins(local: Kennel, pictures: Path, server: LocalServer) -> None:
    kennel = ready(local, pictures)
    kennel.run("tune", "--name", "kennel-nine", "--jobs", "1", "--parallel", "1", "--train-image", "no-such:1", status=1)
    with pytest.raises(server.sagemaker.exceptions.ClientError, match="kennel-nine"):
        server.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="kennel-nine")
