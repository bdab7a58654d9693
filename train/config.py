"""A job's configuration: hyperparameters and the platform's files, read once into frozen values. The only reader of os.environ.

sagemaker_training's Environment parses the platform's files; this module defines the hyperparameters
and their limits. It never imports torch, so a wrong value is refused in well under a second.
"""

import difflib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract.layout import DEFAULT_BASE, FAILURE_LIMIT, Layout
from contract.machine import gpus
from contract.script.script_mode import CACHE_VARIABLE
from train.errors import ConfigError
from train.hyperparameter_types import architecture, auto, choice, number, whole

if TYPE_CHECKING:
    from sagemaker_training.environment import Environment

REQUIRED_CHANNELS = ("train", "validation")
OPTIONAL_CHANNELS = ("test", "pretrained")
FEATURES = "features"
"""The channel of features that a job of task `features` computed; a job that has it needs no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The hyperparameters. As SageMaker sends them the names have dashes: `train-layers`, `batch-size`."""

    arch: str = "resnet18"
    """Any torchvision classifier."""
    train_layers: str = "head"
    """`head`: the last layer only. `last`: also the last block before it. `all`: everything."""
    epochs: int = 5
    lr: float = 1e-3
    weight_decay: float = 1e-2
    eps: float = 1e-8
    batch_size: int = 64
    """Pictures a step, over all processes together; an epoch is cut into equal batches of at most this many."""
    seed: int = 0
    picture_size: int = 224
    """Side of the network's input in pixels."""
    crop_pct: float = 0.875
    """Of a picture's shorter side, the share that evaluating and serving cut from the middle; 1 for all of it."""
    lr_schedule: str = "cosine"
    """The learning rate by step: `cosine` falls to nought, `constant` stays."""
    warmup: float = 0.0
    """Share of all steps during which the learning rate rises to its full height."""
    backbone_factor: float = 1.0
    """Of the learning rate, for the stage before the head; the head has all of it."""
    layer_decay: float = 1.0
    """Of a stage's learning rate, for the stage before it."""
    batch_norm: str = "trained"
    """Statistics of BatchNorms that are trained: `trained` with the batches, or `kept` as the pretrained weights have them."""
    label_smoothing: float = 0.0
    """Share of each training label that is spread over all classes."""
    ema_decay: float = 0.0
    """Decay of the exponential moving average of the weights, which is then evaluated and exported; 0 for none."""
    precision: str = "float32"
    """Of the training step: `float32`, `bfloat16`, or `auto`: bfloat16 where the machine computes it."""
    augment: str = "standard"
    """`standard`: random resized crop and horizontal flip. `none`: as in evaluation."""
    max_bad_images: int = 10
    """Pictures of all channels that may be unreadable before the job fails."""
    checkpoint_interval: int = 0
    """Steps between checkpoints beside the one at each epoch's end; 0 for none."""
    loader_workers: int | None = None
    """Decoding processes of each training process; by default from the CPUs really available."""
    processes: int | None = None
    """Training processes on each host; by default one a GPU, one without a GPU."""
    serve_precision: str = "auto"
    """`auto`: at the end, int8 and bfloat16 are judged and kept for serving if good. `float32`: neither is tried."""
    task: str = "train"
    """`train`: a model. `features`: what the head is given for each picture, kept for other jobs to train heads on."""
    views: int = 1
    """Augmented views of each training picture that are kept; a job on features takes them in turn, one an epoch."""
    export: str = "full"
    """`full`: with OpenVINO's form of the network, which the CPU serves. `weights`: without, for models only to be compared."""
    profile: str = "on"
    """`on`: the machine's use and the steps' parts are measured. `off`: not."""
    profile_steps: int = 2
    """Steps whose operators are measured one by one, at the start of each run; 0 for none."""

    @property
    def resize(self) -> int:
        """Pixels the shorter side is scaled to before the centre crop; 256 for 224, as torchvision's weights expect."""
        return round(self.picture_size / self.crop_pct)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training job on this host."""

    config: Config
    base: Path
    name: str
    channels: tuple[str, ...]
    hosts: tuple[str, ...]
    current_host: str
    network_interface: str
    gpus: int
    checkpoints: Path
    hook_config: Path | None
    """debughookconfig.json, where the job has one."""

    @property
    def layout(self) -> Layout:
        return Layout(self.base)

    @property
    def on_features(self) -> bool:
        """Whether the job trains a head on features that another job computed."""
        return FEATURES in self.channels

    @property
    def processes(self) -> int:
        """Training processes on each host; features are computed, and heads are trained on them, by one."""
        return self.config.processes or (1 if self.on_features or self.config.task == "features" else max(1, self.gpus))

    @property
    def world_size(self) -> int:
        return self.processes * len(self.hosts)

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), default=str), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Job":
        """Reads what `save` wrote; the training processes do so instead of parsing everything again."""
        body = json.loads(path.read_text(encoding="utf-8"))
        body["config"] = Config(**body["config"])
        body |= {name: tuple(body[name]) for name in ("channels", "hosts")}
        body |= {name: Path(body[name]) for name in ("base", "checkpoints")}
        body["hook_config"] = Path(body["hook_config"]) if body["hook_config"] else None
        return cls(**body)


@dataclass(frozen=True, slots=True)
class ProcessRank:
    """The rank of one training process, as torchrun's environment variables give it."""

    rank: int = 0
    local_rank: int = 0
    world_size: int = 1


def environ() -> Mapping[str, str]:
    """The process's environment, for callers that scrub it from messages or pass it on."""
    return os.environ


def hide_profiler_config() -> None:
    """Keep smdebug from profilerconfig.json, whatever the environment says: it runs the file's values as Python. To be called
    before smdebug is imported; /dev/null is no file that it would read, and none can be put there."""
    os.environ["SMPROFILER_CONFIG_PATH"] = os.devnull


def process_rank() -> ProcessRank:
    """This process's rank, from the variables that torchrun sets; without them it is the only one."""
    value = os.environ.get
    return ProcessRank(int(value("RANK", 0)), int(value("LOCAL_RANK", 0)), int(value("WORLD_SIZE", 1)))


def platform_of(layout: Layout) -> "Environment":
    """The platform's files, as sagemaker_training reads them. Raises ConfigError where one is missing or damaged."""
    for path in (layout.hyperparameters, layout.input_data_config, layout.resource_config):
        if not path.is_file():
            raise ConfigError(
                f"{path.name}: missing in input/config; start the program as SageMaker does, or set SAGEMAKER_BASE_DIR"
            )
    try:
        # Imported late: at import it makes folders below SAGEMAKER_BASE_DIR, or below the home folder without one.
        from sagemaker_training.environment import Environment

        return Environment()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise ConfigError(f"input/config cannot be read: {type(error).__name__}: {str(error)[:200]}") from None


def cache(environ: Mapping[str, str]) -> Path | None:
    """The folder for what scripts download and install, where whoever started the program keeps one for all jobs."""
    return Path(environ[CACHE_VARIABLE]) if environ.get(CACHE_VARIABLE) else None


def read_job() -> Job:
    """The job that the platform's files describe. Raises ConfigError with every problem in one message."""
    layout = Layout.from_environ(os.environ)
    platform = platform_of(layout)
    config = parse(platform.hyperparameters)
    channels = tuple(sorted(platform.channel_input_dirs))
    for name in (FEATURES,) if FEATURES in channels else REQUIRED_CHANNELS:
        if name not in channels or not layout.channel(name).is_dir():
            found = ", ".join(channels) or "none"
            raise ConfigError(f"channel {name!r} is missing; the job has {found}; add it to InputDataConfig")
    hosts = tuple(sorted(platform.hosts))
    job = Job(
        config=config,
        base=layout.base,
        name=os.environ.get("TRAINING_JOB_NAME", ""),
        channels=channels,
        hosts=hosts,
        current_host=platform.current_host,
        network_interface=platform.network_interface_name,
        gpus=gpus.visible(os.environ, platform.num_gpus),
        checkpoints=_checkpoints(layout),
        hook_config=layout.debug_hook_config if layout.debug_hook_config.is_file() else None,
    )
    _check_features(job)
    if job.gpus and job.processes > job.gpus:
        raise ConfigError(f"processes: {job.processes}, but this host has {job.gpus} GPU(s); leave it auto for one process a GPU")
    if config.batch_size < job.world_size:
        raise ConfigError(f"batch-size: {config.batch_size} is less than the {job.world_size} processes that share it")
    return job


def _check_features(job: Job) -> None:
    """Raises ConfigError for a job that computes features, or trains on them, with hyperparameters that exclude it."""
    making = job.config.task == "features"
    if not making and not job.on_features:
        return
    if job.config.train_layers != "head":
        raise ConfigError(f"train-layers: {job.config.train_layers}, but features are of a frozen network; use head")
    if job.world_size > 1:
        raise ConfigError(f"processes: {job.world_size}, but a job of features needs one; take one instance and leave it out")
    if making and job.on_features:
        raise ConfigError("task: features, and the job has a channel of them already; leave one of the two out")
    if making and not job.layout.checkpoint_config.is_file():
        raise ConfigError("task: features go to where CheckpointConfig says, and the job has none; add it to the request")


def _checkpoints(layout: Layout) -> Path:
    try:
        body = json.loads(layout.checkpoint_config.read_bytes())
        return remap(Path(body.get("LocalPath") or layout.checkpoints), layout.base)
    except FileNotFoundError:
        return layout.checkpoints
    except (ValueError, AttributeError, TypeError) as error:
        raise ConfigError(f"checkpointconfig.json cannot be read: {str(error)[:200]}") from None


def remap(path: Path, base: Path) -> Path:
    """A path of the platform below /opt/ml as it lies below `base`; any other path as it is."""
    return base / path.relative_to(DEFAULT_BASE) if path.is_relative_to(DEFAULT_BASE) else path


def names() -> tuple[str, ...]:
    """The documented hyperparameters, in order."""
    return tuple(field.name.replace("_", "-") for field in fields(Config))


def parse(raw: Mapping[str, Any]) -> Config:
    """Hyperparameters as SageMaker sends them (strings, perhaps JSON-quoted, or already decoded) to a Config.

    Underscores are accepted for dashes. Raises ConfigError with every problem in one message of at most 1,024 characters.
    """
    known, problems, unknown, values = names(), [], [], {}
    for name, value in raw.items():
        if name.startswith("sagemaker_") or name == "_tuning_objective_metric":
            continue
        dashed = name.replace("_", "-")
        if dashed not in known:
            unknown.append(f"{_short(name)}: unknown{_guess(dashed, known)}")
        elif dashed in values:
            problems.append(f"{dashed}: given twice, with dashes and with underscores")
        else:
            try:
                values[dashed] = _PARSERS[dashed](value)
            except ValueError as error:
                values[dashed] = None
                problems.append(f"{dashed}: {_short(value)} is not {error}")
    if problems or unknown:
        raise ConfigError(_message(problems + unknown, f" Known: {', '.join(known)}." if unknown else ""))
    return Config(**{name.replace("-", "_"): value for name, value in values.items()})


def _message(problems: list[str], ending: str) -> str:
    head = f"{len(problems)} wrong hyperparameter{'s' if len(problems) > 1 else ''}: "
    text, room = "", FAILURE_LIMIT - len("ConfigError: ") - len(head) - len(ending) - len("; and 000 more.")
    for count, problem in enumerate(problems):
        if len(text) + len(problem) + 2 > room:
            return f"{head}{text}; and {len(problems) - count} more.{ending}"
        text += ("; " if text else "") + problem
    return f"{head}{text}.{ending}"


def _short(value: Any) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _guess(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "arch": architecture,
    "train-layers": choice("head", "last", "all"),
    "epochs": whole(1, 10_000),
    "lr": number(0, 1e9, above=True),
    "weight-decay": number(0, 1e3, above=False),
    "eps": number(0, 1, above=True),
    "batch-size": whole(1, 65_536),
    "seed": whole(0, 2**32 - 1),
    "picture-size": whole(8, 2_048),
    "crop-pct": number(0.5, 1, above=False),
    "lr-schedule": choice("constant", "cosine"),
    "warmup": number(0, 1, above=False),
    "backbone-factor": number(0, 1, above=True),
    "layer-decay": number(0, 1, above=True),
    "batch-norm": choice("kept", "trained"),
    "label-smoothing": number(0, 0.9, above=False),
    "ema-decay": number(0, 0.99999, above=False),
    "precision": choice("float32", "bfloat16", "auto"),
    "augment": choice("none", "standard"),
    "max-bad-images": whole(0, 1_000_000_000),
    "checkpoint-interval": whole(0, 1_000_000_000),
    "loader-workers": auto(0, 256),
    "processes": auto(1, 64),
    "serve-precision": choice("auto", "float32"),
    "task": choice("train", "features"),
    "views": whole(1, 1_000),
    "export": choice("full", "weights"),
    "profile": choice("off", "on"),
    "profile-steps": whole(0, 100),
}
