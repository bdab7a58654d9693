"""Hyperparameters and platform files become one frozen config, or one message that says all that is wrong."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.layout import FAILURE_LIMIT
from train import config, hyperparameter_types
from train.config import Config, Job, parse
from train.errors import ConfigError

GOLDEN = {
    "arch": "resnet18",
    "train-layers": "head",
    "epochs": 5,
    "lr": 1e-3,
    "weight-decay": 1e-2,
    "eps": 1e-8,
    "batch-size": 64,
    "seed": 0,
    "picture-size": 224,
    "crop-pct": 0.875,
    "lr-schedule": "cosine",
    "warmup": 0.0,
    "backbone-factor": 1.0,
    "layer-decay": 1.0,
    "batch-norm": "trained",
    "label-smoothing": 0.0,
    "ema-decay": 0.0,
    "precision": "float32",
    "augment": "standard",
    "max-bad-images": 10,
    "checkpoint-interval": 0,
    "loader-workers": None,
    "processes": None,
    "serve-precision": "auto",
    "task": "train",
    "views": 1,
    "export": "full",
    "profile": "on",
    "profile-steps": 2,
}
"""The public surface: a name or a default that changes breaks people's jobs."""


def test_the_hyperparameters_and_their_defaults_are_these() -> None:
    assert {name: getattr(parse({}), name.replace("-", "_")) for name in config.names()} == GOLDEN


@pytest.mark.parametrize(
    ("name", "given_value", "expected"),
    [
        ("epochs", "7", 7),
        ("epochs", '"7"', 7),
        ("epochs", 7, 7),
        ("lr", "1e-2", 0.01),
        ("lr", "1", 1.0),
        ("lr", '"0.5"', 0.5),
        ("train-layers", '"all"', "all"),
        ("train_layers", "last", "last"),
        ("arch", '"squeezenet1_1"', "squeezenet1_1"),
        ("loader-workers", "auto", None),
        ("loader-workers", "0", 0),
        ("weight-decay", "0", 0.0),
    ],
)
def test_values_arrive_as_strings_perhaps_quoted(name: str, given_value: object, expected: object) -> None:
    assert getattr(parse({name: given_value}), name.replace("-", "_")) == expected


def test_what_belongs_to_the_platform_is_left_aside() -> None:
    assert (
        parse({"sagemaker_program": "x.py", "sagemaker_anything": "1", "_tuning_objective_metric": "validation:loss"}) == Config()
    )


def test_one_name_given_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="batch-size: given twice"):
        parse({"batch-size": "8", "batch_size": "16"})


def test_the_architectures_are_torchvisions() -> None:
    from torchvision import models

    assert set(hyperparameter_types.architectures()) == set(models.list_models(module=models))


def test_the_picture_is_scaled_in_torchvisions_ratio() -> None:
    assert [Config(picture_size=size).resize for size in (224, 64, 32)] == [256, 73, 37]
    assert [Config(picture_size=size, crop_pct=share).resize for size, share in ((288, 1), (2048, 0.5))] == [288, 4096]


@given(st.dictionaries(st.text(max_size=300), st.text(max_size=2500) | st.integers() | st.floats() | st.none(), max_size=100))
@settings(max_examples=200, deadline=None)
def test_no_input_gives_anything_but_a_config_or_a_short_message(raw: dict) -> None:
    try:
        assert isinstance(parse(raw), Config)
    except ConfigError as error:
        assert 0 < len(f"ConfigError: {error}") <= FAILURE_LIMIT


def test_a_job_survives_being_written_for_its_processes(tmp_path: Path) -> None:
    job = Job(
        config=Config(epochs=3, loader_workers=2),
        base=tmp_path,
        name="dogs-1",
        channels=("train", "validation"),
        hosts=("algo-1", "algo-2"),
        current_host="algo-2",
        network_interface="eth0",
        gpus=0,
        checkpoints=tmp_path / "c",
        hook_config=tmp_path / "hook.json",
    )
    job.save(tmp_path / "job.json")
    assert Job.load(tmp_path / "job.json") == job
    assert json.loads((tmp_path / "job.json").read_text())["config"]["epochs"] == 3
    assert job.world_size == 2


def test_a_platform_path_is_moved_below_the_base() -> None:
    base = Path("/private/ml")
    assert config.remap(Path("/opt/ml/checkpoints/x"), base) == base / "checkpoints/x"
    assert config.remap(Path("/data/checkpoints"), base) == Path("/data/checkpoints")
