"""Frozen values that say what a verb is asked to do; configure.py builds them. Those of jobs are in aws/job_config.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.aws.builtin_rules import Rule
from scripts.aws.job_config import Config
from scripts.aws.server_options import ServerOptions
from scripts.files.state import LaunchState
from scripts.files.training_script import TrainingScript

UDACITY = "https://s3-us-west-1.amazonaws.com/udacity-aind/dog-project/dogImages.zip"
CODE = "code"
"""The folder of a project that `kennel init` copies the script to."""
RESNET18 = "https://download.pytorch.org/models/resnet18-f37072fd.pth"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpConfig(Config):
    """`options`: what is kept of the server, with what the person changes."""

    port: int | None = None
    options: ServerOptions = field(default_factory=ServerOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvConfig(Config):
    """`shell`: whose lines are printed. `undo`: those that take the variables away again."""

    shell: str = "sh"
    undo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeLocalConfig(Config):
    """`model`: a model.tar.gz or its folder. `code`: a person's own, put into it. `environment`: what the container gets."""

    model: Path
    code: Path | None = None
    port: int = 8080
    content_type: str = "image/jpeg"
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookConfig(Config):
    """`folder`: what JupyterLab shows, and the `notebook` in it that is opened. `python`: of another environment than ours."""

    folder: Path
    notebook: str = ""
    python: Path | None = None
    port: int = 8888
    show: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig(Config):
    """`copy`: where the executed notebook is written. `parameters`: go into the cell tagged "parameters", or before the first."""

    notebook: Path
    copy: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    keep_going: bool = False
    python: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusConfig(Config):
    json: bool = False


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
class InitConfig(Config):
    """`folder`: of the new project. `files`: what goes into its folder of code, by name. `found`: what the script says."""

    script: Path
    folder: Path
    files: Mapping[str, Path]
    found: TrainingScript


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
    previous: LaunchState = field(default_factory=LaunchState)
    """`tuning_job` and `training_job` of a demo that was left running."""
