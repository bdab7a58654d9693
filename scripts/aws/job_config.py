"""Frozen values that say what a job or an endpoint is asked for; api_requests.py makes the requests of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contract import metrics
from scripts.aws.builtin_rules import Rule
from scripts.aws.settings import Settings
from scripts.files.model_code import ModelCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What every verb has."""

    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A person's own training script, packed. `program`: its name in the archive; `digest`: of what is in it, in hex."""

    path: Path
    """Where it lies on this machine, resolved: what its best hyperparameters are kept by."""
    options: str
    """The options that name it and what it reads, as they can be typed again."""
    program: str
    archive: bytes = field(repr=False)
    digest: str
    folders: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)
    """What is uploaded for its channels: prefixes in the bucket to files by their names below."""
    notes: tuple[str, ...] = ()
    """What the person is told before the job starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobConfig(Config):
    """What a training job and a tuning job share. `previous`: the last job of this kind here, to be found again."""

    name: str
    named: bool = False
    """The person gave the name."""
    previous: str | None = None
    channels: Mapping[str, str]
    hyperparameters: Mapping[str, str]
    max_runtime: int = 86_400
    spot: bool = False
    detach: bool = False
    follow: bool = False
    """Start nothing: wait for the job of this name."""
    script: Script | None = None
    """What the job runs in place of the classifier."""
    metrics: Mapping[str, str] = field(default_factory=lambda: {row.name: row.regex for row in metrics.METRICS})
    """What SageMaker takes from the job's log: names with their regexes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneConfig(JobConfig):
    jobs: int = 20
    parallel: int = 2
    strategy: str = "Bayesian"
    early_stopping: str = "Auto"
    seed: int = 0
    ranges: Mapping[str, Any] | None = None
    """What is searched, as ParameterRanges has it; None: the classifier's hyperparameters."""
    objective: str = metrics.OBJECTIVE
    better: str = metrics.metric(metrics.OBJECTIVE).better
    """`low` or `high`."""
    by_features: bool = False
    """Its jobs train heads on features that one job keeps for all of them."""
    features_job: str | None = None
    """The last such job here, to be found again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig(JobConfig):
    instances: int = 1
    hooks: bool = True
    save_interval: int = 100
    rules: tuple[Rule, ...] = ()
    stop_on_issue: bool = False
    """A Debugger rule that finds something stops the job."""
    tuned_by: str | None = None
    """The tuning job that found the hyperparameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesConfig(Config):
    """`name`: what the names of the Processing jobs begin with."""

    name: str
    job: str
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployConfig(Config):
    """`name`: of the model and the endpoint config. `job`: the training job whose model it is, where one is known."""

    endpoint: str
    name: str
    image: str
    model_data: str
    job: str | None = None
    model: Path | None = None
    """A model.tar.gz on this machine, to be uploaded as `model_data`, with the code where there is some."""
    code: ModelCode | None = None
    """A person's own inference code, to be put into the model."""
    source: str = ""
    """The model in S3 that the code is put into; empty for one of this machine."""
    instances: int = 1
    startup_timeout: int = 300
    """Seconds until the container has to be healthy."""
    detach: bool = False
