"""Features for a tuning of heads: one training job runs the frozen network over the pictures, its trials train on what it kept.

They lie in S3 below a name made of all that is asked for; whether they are whole, and of the pictures and weights that are
there today, the job itself finds out: it computes nothing where they are. A checkout that saw them made, and sees that
neither they nor what they are made of changed since, starts no job at all.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypedDict

from scripts.aws import idempotent, uploads, waiting
from scripts.aws.api import Target
from scripts.aws.api_requests import features_job
from scripts.aws.calls import Call
from scripts.aws.job_config import JobConfig, TuneConfig
from scripts.aws.settings import kennel_command
from scripts.errors import RunError
from scripts.files import state
from scripts.output import Output

CHANNEL = "features"
_VALUES = ("arch", "picture-size", "crop-pct", "augment", "seed", "views", "precision")
"""Hyperparameters of a trial that its features must have been made with."""
_PASSED = (*_VALUES, "train-layers", "max-bad-images", "loader-workers")
_TOLD = re.compile(r"^features ")


class Seen(TypedDict):
    """What there was when features were made: they, and what they are made of, each as a digest of names, sizes and ETags."""

    inputs: str
    files: str


def heads_only(hyperparameters: Mapping[str, str]) -> bool:
    """Whether jobs with these train nothing but heads."""
    return _dashed(hyperparameters).get("train-layers", "head") == "head"


def place(config: TuneConfig) -> str:
    """The folder in S3 that features for this tuning are kept in."""
    values = {name: value for name, value in _dashed(config.hyperparameters).items() if name in _VALUES}
    asked = [values, dict(config.channels), config.settings.train_image]
    return config.settings.uri(CHANNEL, hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16])


def trial(config: TuneConfig) -> TuneConfig:
    """The tuning with features in place of pictures and weights."""
    return replace(config, channels={CHANNEL: place(config)})


def plan(config: TuneConfig) -> list[Call]:
    """The listings, then the job: whether it is sent, the listings' answers decide."""
    folders = [*config.channels.values(), place(config)]
    return [*(uploads.listing(config.settings, _prefix(config, folder)) for folder in folders), _request(config)]


def ensure(target: Target, config: TuneConfig, output: Output) -> None:
    """See that the features are there. Raises RunError when the job that should make them fails."""
    folder, memory = place(config), _memory(config)
    known, now = state.read(memory).get(folder), _seen(target, config)
    if now["files"] and known == now:
        output.line(f"features {folder}: found, {_megabytes(target, config):.1f} MB")
        return
    if now["files"]:
        changed = "they were not made here" if known is None else "they, the pictures or the weights changed"
        output.line(f"features {folder}: {changed}; a job looks whether they can be used")
    job = _job(config)
    with waiting.left_running(f"features job {job.name}", config.settings, f"logs {job.name} --follow", f"stop {job.name}"):
        name = idempotent.start(target, idempotent.FEATURES, job, partial(features_job, folder=folder), output)
    with waiting.left_running(f"features job {name}", config.settings, f"logs {name} --follow", f"stop {name}"):
        waiting.training_job(target, name, output, kennel_command(f"logs {name}", config.settings), told=_TOLD)
    files = _seen(target, config)["files"]
    if not files:
        shown = kennel_command(f"logs {name}", config.settings)
        raise RunError(f"features job {name} left nothing in {folder}; {shown} shows all it printed")
    # Of what they are made as it was before: a change while the job ran must be seen next time.
    state.remember(memory, {folder: Seen(inputs=now["inputs"], files=files)})


def forget(config: TuneConfig) -> None:
    """No trial came to an end: let a job look at the features next time."""
    with state.changing(_memory(config)) as remembered:
        remembered.pop(place(config), None)


def _job(config: TuneConfig) -> JobConfig:
    passed = {name: value for name, value in _dashed(config.hyperparameters).items() if name in _PASSED}
    return JobConfig(
        settings=config.settings,
        name=f"{config.name}-features",
        named=config.named,
        previous=config.features_job,
        channels=config.channels,
        hyperparameters=passed | {"task": "features"},
        metrics={},
        max_runtime=config.max_runtime,
        spot=config.spot,
    )


def _request(config: TuneConfig) -> Call:
    return features_job(_job(config), place(config))


def _seen(target: Target, config: TuneConfig) -> Seen:
    """The digests of what is there now."""
    inputs = [
        row for folder in config.channels.values() for row in uploads.listed(target, config.settings, _prefix(config, folder))
    ]
    files = list(uploads.listed(target, config.settings, _prefix(config, place(config))))
    return {"inputs": _digest(inputs), "files": _digest(files) if files else ""}


def _digest(rows: list[dict[str, Any]]) -> str:
    text = json.dumps([[row["Key"], row["Size"], row["ETag"]] for row in rows])
    return hashlib.sha256(text.encode()).hexdigest()


def _megabytes(target: Target, config: TuneConfig) -> float:
    return sum(row["Size"] for row in uploads.listed(target, config.settings, _prefix(config, place(config)))) / 1e6


def _prefix(config: TuneConfig, folder: str) -> str:
    return folder.removeprefix(f"s3://{config.settings.bucket}/")


def _memory(config: TuneConfig) -> state.StateFile[dict[str, Seen]]:
    """What was seen, by the folder of the features."""
    return state.StateFile(config.settings.home / f"features-{config.settings.target}.json")


def _dashed(hyperparameters: Mapping[str, str]) -> dict[str, str]:
    """The train program takes underscores for dashes, and so a person may have typed them."""
    return {name.replace("_", "-"): value for name, value in hyperparameters.items()}
