"""What each verb is asked to do, as frozen values; configure.py builds them. The only file here that sees os.environ."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.rulebook import Rule
from scripts.settings import Settings

HOME = Path(".kennel")
"""Where a checkout keeps what its launchers make; nothing is written elsewhere."""
UDACITY = "https://s3-us-west-1.amazonaws.com/udacity-aind/dog-project/dogImages.zip"
RESNET18 = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
PORT = 4566

SCRATCH = {"arch": "resnet18", "train-layers": "all", "picture-size": "64", "epochs": "12", "lr": "0.001", "batch-size": "32"}
"""Hyperparameters without pretrained weights: the whole of a small-picture network."""
PRETRAINED = {
    "arch": "resnet18",
    "train-layers": "head",
    "epochs": "4",
    "lr": "0.005",
    "batch-size": "32",
    "precision": "auto",
}
"""Hyperparameters with pretrained weights: a new head."""
FINE_TUNE = {
    "arch": "resnet18",
    "train-layers": "last",
    "picture-size": "288",
    "crop-pct": "1",
    "epochs": "8",
    "lr": "0.003",
    "batch-size": "32",
    "weight-decay": "0.05",
    "backbone-factor": "0.05",
    "batch-norm": "kept",
    "warmup": "0.1",
    "ema-decay": "0.98",
    "precision": "auto",
}
"""Hyperparameters of `--fine-tune`: the last block and the head of pretrained weights, on larger pictures and all of them."""
SCRATCH_TRIAL = {"epochs": "2", "picture-size": "32", "loader-workers": "0", "profile": "off", "export": "weights"}
PRETRAINED_TRIAL = {"epochs": "2", "picture-size": "128", "loader-workers": "0", "profile": "off", "export": "weights"}
"""What one job of a tuning has instead: enough to tell good from bad. Several run at a time, so none starts helpers."""
FEATURES_TRIAL = {"views": "2", "profile": "off", "export": "weights"}
"""The same where it trains a head on kept features: as many epochs, of as large pictures, as the final training has."""

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What every verb has."""

    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class UpConfig(Config):
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopConfig(Config):
    job: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildConfig(Config):
    """`base`: the image that all are built on, None for the usual one. `ca` and `pip`: files that no layer keeps."""

    images: tuple[str, ...]
    base: str | None = None
    ca: Path | None = None
    """Certificate authorities that pip trusts."""
    pip: Path | None = None
    """A pip.conf: which index to ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushConfig(Config):
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig(Config):
    """`folder`: the pictures as they are; `url`: a zip to fetch; neither: draw. `expected`: classes and pictures, where known."""

    name: str
    folder: Path | None = None
    url: str | None = None
    expected: tuple[int, int] | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsConfig(Config):
    file: Path | None = None
    url: str = RESNET18


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneConfig(JobConfig):
    jobs: int = 20
    parallel: int = 2
    strategy: str = "Bayesian"
    early_stopping: str = "Auto"
    seed: int = 0
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
    model_data: str
    job: str | None = None
    model: Path | None = None
    """A model.tar.gz on this machine, to be uploaded as `model_data`."""
    instances: int = 1
    startup_timeout: int = 300
    """Seconds until the container has to be healthy."""
    detach: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeConfig(Config):
    endpoint: str
    pictures: tuple[Path, ...]
    top: int = 3
    json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsConfig(Config):
    name: str
    follow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportConfig(Config):
    """`place`, `other`: a job's or tuning job's name, a folder, or an S3 prefix. `pictures`: a place with the channels."""

    place: str
    other: str | None = None
    output: Path
    pictures: str | None = None
    tuning: bool = False
    """`place` is a tuning job's name, whatever else has that name."""
    everything: bool = False
    show: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DownConfig(Config):
    """`config` and `model`: what the last deploy made beside the endpoint, where that is remembered."""

    endpoint: str
    config: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LintImageConfig(Config):
    """`model`: a model.tar.gz to serve with. `processing`: it is started with neither `train` nor `serve`."""

    image: str
    model: Path | None = None
    processing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SalvageConfig(Config):
    """`file`: what torch.save wrote. `out`: the model.tar.gz to write. The rest is what the file cannot say."""

    file: Path
    out: Path
    classes: Path | None = None
    arch: str | None = None
    entry: str | None = None
    picture_size: int = 224


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorConfig(Config):
    endpoint_url: str | None = None
    """AWS_ENDPOINT_URL of the environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoConfig(Config):
    """`data`: a folder with train, valid and test; None draws it. `weights`: a state dict; None starts from scratch."""

    data: Path | None = None
    weights: Path | None = None
    seed: int = 0
    jobs: int = 20
    parallel: int = 2
    chosen: Mapping[str, str] = field(default_factory=dict)
    """Hyperparameters of the final training that the person set."""
    rules: tuple[Rule, ...] = ()
    keep: bool = False
    moment: str = ""
    """In the names of what the demo makes."""
    previous: Mapping[str, str] = field(default_factory=dict)
    """`tuning_job` and `training_job` of a demo that was left running."""


def target_of_environment() -> str:
    """TARGET, as the Makefile passes it on; the local server without it, so nothing is billed by accident."""
    return os.environ.get("TARGET") or "local"


def region_of_environment() -> str | None:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None


def inherited_environment() -> dict[str, str]:
    """What a started program inherits: enough to run, nothing of the person's credentials."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def engine_environment() -> dict[str, str]:
    """What the docker client inherits: enough to find its engine."""
    return inherited_environment() | {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}


def ca_of_environment() -> Path | None:
    """PIP_CERT: whom the person's own pip trusts."""
    return Path(found) if (found := os.environ.get("PIP_CERT")) else None


def backend_of_environment() -> str | None:
    """BACKEND, as the Makefile passes it on."""
    return os.environ.get("BACKEND") or None


def whole_environment() -> dict[str, str]:
    """For a program that talks to AWS as the person does."""
    return dict(os.environ)


def endpoint_url() -> str | None:
    """Where the environment sends every AWS client, if it does."""
    return os.environ.get("AWS_ENDPOINT_URL") or None
