"""From a parsed command line to the frozen config of its verb, with kennel.toml, the environment and .kennel's state.

Everything that can be wrong before a request is sent is found here, each in one line. It starts nothing and sends nothing.
"""

import argparse
import keyword
import os
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts import config
from scripts.aws import builtin_rules, defaults, model_file, secrets, server_options
from scripts.aws import settings as where
from scripts.aws.job_config import Config
from scripts.aws.settings import HOME
from scripts.cli import script_table
from scripts.cli.configure_init import init
from scripts.cli.configure_jobs import deploy, rules
from scripts.cli.configure_script import train, tune
from scripts.cli.script_values import json_or_text
from scripts.cli.validation import ParsedCommand, check_splits, check_weights, checked_name, checked_port, pairs, set_name
from scripts.cli.verb_config import (
    RESNET18,
    UDACITY,
    BuildConfig,
    DataConfig,
    DemoConfig,
    DoctorConfig,
    DownConfig,
    EnvConfig,
    InvokeConfig,
    LintImageConfig,
    LogsConfig,
    NotebookConfig,
    PushConfig,
    ReportConfig,
    RunConfig,
    SalvageConfig,
    ServeLocalConfig,
    StatusConfig,
    StopConfig,
    UpConfig,
    WeightsConfig,
)
from scripts.errors import LaunchError
from scripts.files import state
from scripts.files.pictures import pictures_below
from scripts.images import catalog
from scripts.images.catalog import IMAGES

_SET_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")


def build(line: argparse.Namespace, now: datetime) -> Config:
    """The config of the verb that was parsed. Raises LaunchError for what is missing or wrong."""

    name = line.target or config.target_of_environment()
    if name not in defaults.NAMES:
        raise LaunchError(f"TARGET={name}: need {' or '.join(defaults.NAMES)}")
    flags: dict[str, Any] = {field.replace("-", "_"): getattr(line, field.replace("-", "_"), None) for field in where.NAMES}
    for field in ("subnets", "security_groups", "tags"):
        flags[field] = tuple(filter(None, flags[field].split(","))) if flags[field] else None
    flags["backend"] = flags["backend"] or config.backend_of_environment()
    home = line.home or HOME
    account = _server_options(line, home).account
    known = dict(defaults.defaults(name, config.region_of_environment(), account))
    settings = where.read(name, home, flags, known)
    settings = where.read(name, home, flags, known | catalog.known(settings))
    if line.verb in ("train", "tune"):
        script_table.fill(line)
    secrets.refuse(tag=dict(pair.partition("=")[::2] for pair in settings.tags))
    return BUILDERS[line.verb](ParsedCommand(line, settings, state.read(settings.state), f"{now:%Y%m%d-%H%M%S}"))


def _data(parsed: ParsedCommand) -> DataConfig:
    line = parsed.line
    parsed.settings.need("region", "bucket")
    if line.folder is not None:
        check_splits("--folder", line.folder)
    name = line.data_name or (set_name(line.folder) if line.folder else "dogs" if line.udacity or line.url else "drawn")
    if not _SET_NAME.fullmatch(name):
        raise LaunchError(f"--data-name {name}: need letters, digits, dots and dashes, at most 63 of them")
    return DataConfig(
        settings=parsed.settings,
        name=name,
        folder=line.folder,
        url=UDACITY if line.udacity else line.url,
        expected=(133, 8351) if line.udacity else None,
        seed=line.seed,
    )


def _weights(parsed: ParsedCommand) -> WeightsConfig:
    parsed.settings.need("region", "bucket")
    if parsed.line.file is not None:
        check_weights("weights", parsed.line.file)
    return WeightsConfig(settings=parsed.settings, file=parsed.line.file, url=parsed.line.url or RESNET18)


def _invoke(parsed: ParsedCommand) -> InvokeConfig:
    parsed.settings.need("region")
    found: list[Path] = []
    for path in parsed.line.pictures:
        if not path.exists():
            raise LaunchError(f"{path}: no such picture or folder")
        found += pictures_below(path) if path.is_dir() else [path]
    if not found:
        raise LaunchError(f"{parsed.line.pictures[0]}: no picture in this folder; need .jpg, .png or .webp files")
    return InvokeConfig(
        settings=parsed.settings,
        endpoint=parsed.endpoint(),
        pictures=tuple(found),
        top=max(1, parsed.line.top),
        json=parsed.line.json,
    )


def _logs(parsed: ParsedCommand) -> LogsConfig:
    parsed.settings.need("region")
    name = parsed.line.name or parsed.state.get("training_job") or parsed.state.get("tuning_job")
    if not name:
        raise LaunchError("logs: nothing was started from here yet; give the name of a job or an endpoint")
    return LogsConfig(settings=parsed.settings, name=checked_name("logs", name, 63), follow=parsed.line.follow)


def _report(parsed: ParsedCommand) -> ReportConfig:
    line, training, tuning = parsed.line, parsed.state.get("training_job"), parsed.state.get("tuning_job")
    place = line.place or (tuning if line.tuning else training or tuning)
    if not place:
        raise LaunchError("nothing was started from here yet; give a job's name, a folder or an s3:// prefix")
    if line.tuning and line.compare:
        raise LaunchError(f"--compare {line.compare}: a tuning job cannot be compared; give two training jobs")
    names = [re.sub(r"[^a-zA-Z0-9.-]+", "-", one.rstrip("/").rpartition("/")[2]) for one in (place, line.compare) if one]
    name = "-beside-".join(name.strip("-.") or "job" for name in names) + "-tuning" * line.tuning
    return ReportConfig(
        settings=parsed.settings,
        place=place,
        other=line.compare,
        output=line.output or parsed.settings.home / "reports" / name,
        pictures=line.pictures,
        tuning=line.tuning,
        everything=line.all,
        show=line.open,
    )


def _down(parsed: ParsedCommand) -> DownConfig:
    parsed.settings.need("region")
    endpoint = parsed.endpoint()
    ours: state.LaunchState = parsed.state if parsed.state.get("endpoint") == endpoint else {}
    return DownConfig(settings=parsed.settings, endpoint=endpoint, config=ours.get("endpoint_config"), model=ours.get("model"))


def _demo(parsed: ParsedCommand) -> DemoConfig:
    line = parsed.line
    parsed.settings.need("region", "role_arn", "bucket", "train_image", "serve_image", "train_instance", "serve_instance")
    rules = builtin_rules.chosen(None, parsed.settings)
    previous: state.LaunchState = {}
    for kind in state.JOBS:
        if (last := parsed.state.get(kind, "")).startswith("kennel-demo-"):
            previous[kind] = last
    if line.data is not None:
        check_splits("DATA", line.data)
    if line.weights is not None:
        check_weights("WEIGHTS", line.weights)
    if not 1 <= line.parallel <= line.jobs <= 750:
        raise LaunchError(f"--jobs {line.jobs} --parallel {line.parallel}: need 1 to 750 jobs, and no more at a time than in all")
    return DemoConfig(
        settings=parsed.settings,
        data=line.data,
        weights=line.weights,
        seed=line.seed,
        jobs=line.jobs,
        parallel=line.parallel,
        chosen=pairs(line.set),
        rules=rules,
        keep=line.keep,
        moment=parsed.moment,
        previous=previous,
    )


def _lint_image(parsed: ParsedCommand) -> LintImageConfig:
    model = parsed.line.model
    if model is not None and not model.is_file():
        raise LaunchError(f"--model {model}: no such file; a training job's model.tar.gz is what it takes")
    return LintImageConfig(settings=parsed.settings, image=parsed.line.image, model=model, processing=parsed.line.processing)


def _images(parsed: ParsedCommand, pushed: bool) -> BuildConfig | PushConfig:
    line = parsed.line
    if strangers := [image for image in line.images if image not in IMAGES]:
        raise LaunchError(f"{strangers[0]}: no image of ours; choose from {', '.join(IMAGES)}")
    chosen = tuple(image for image in IMAGES if image in line.images) or IMAGES
    if pushed:
        parsed.settings.need("region")
        return PushConfig(settings=parsed.settings, images=chosen)
    ca = line.ca or config.ca_of_environment()
    for what, file in (("--ca", ca), ("--pip", line.pip)):
        if file is not None and not file.is_file():
            raise LaunchError(f"{what} {file}: no such file")
    return BuildConfig(settings=parsed.settings, images=chosen, base=line.base, ca=ca, pip=line.pip)


def _serve_local(parsed: ParsedCommand) -> ServeLocalConfig:
    line = parsed.line
    for what, path in (("", line.model), ("--code ", line.code)):
        if path is not None and not path.exists():
            raise LaunchError(f"{what}{path}: no such file or folder")
    for pair in line.env:
        if not pair.partition("=")[0] or "=" not in pair:
            raise LaunchError(f"--env {pair.partition('=')[0]}: need NAME=VALUE, such as --env HF_TASK=image-classification")
    return ServeLocalConfig(
        settings=parsed.settings,
        model=line.model,
        code=line.code,
        port=checked_port(line.port),
        content_type=line.content_type,
        environment=dict(pair.split("=", 1) for pair in line.env),
    )


def _notebook(parsed: ParsedCommand) -> NotebookConfig:
    line = parsed.line
    if not line.place.exists():
        raise LaunchError(f"{line.place}: no such folder or notebook")
    inside = line.place.is_file()
    return NotebookConfig(
        settings=parsed.settings,
        folder=line.place.parent if inside else line.place,
        notebook=line.place.name if inside else "",
        python=line.python,
        port=checked_port(line.port),
        show=line.open,
    )


def _run(parsed: ParsedCommand) -> RunConfig:
    line = parsed.line
    if not line.notebook.is_file():
        raise LaunchError(f"{line.notebook}: no such notebook")
    parameters = {name: json_or_text(text) for name, text in pairs(line.param, "--param").items()}
    if strange := [name for name in parameters if not name.isidentifier() or keyword.iskeyword(name)]:
        raise LaunchError(f"--param {strange[0]}: need a name that Python takes for a variable")
    _check_other("--output", line.output, line.notebook)
    return RunConfig(
        settings=parsed.settings,
        notebook=line.notebook,
        copy=line.output or parsed.settings.home / "notebooks" / _place_of(line.notebook),
        parameters=parameters,
        keep_going=line.keep_going,
        python=line.python,
    )


def _check_other(option: str, written: Path | None, read: Path) -> None:
    """Raises LaunchError where a verb would write over the file that it reads."""
    if written is not None and written.exists() and written.samefile(read):
        raise LaunchError(f"{option} {written}: this is {read} itself; give another file to write to")


def _place_of(notebook: Path) -> Path:
    """Where a notebook lies below this folder, or else on the machine: two of one name have two places."""
    whole = Path(os.path.abspath(notebook))
    return whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else Path("elsewhere", *whole.parts[1:])


def _salvage(parsed: ParsedCommand) -> SalvageConfig:
    line, settings = parsed.line, parsed.settings
    for what, path in (("", line.file), ("--classes ", line.classes)):
        if path is not None and not path.exists():
            raise LaunchError(f"{what}{path}: no such file")
    _check_other("--out", line.out, line.file)
    return SalvageConfig(
        settings=settings,
        file=line.file,
        out=line.out or settings.home / "salvaged" / line.file.stem / model_file.NAME,
        classes=line.classes,
        arch=line.arch,
        entry=line.entry,
        picture_size=line.picture_size,
    )


def _policies(parsed: ParsedCommand) -> Config:
    parsed.settings.need("region", "role_arn", "bucket")
    return Config(settings=parsed.settings)


def _up(parsed: ParsedCommand) -> UpConfig:
    options = _server_options(parsed.line, parsed.settings.home)
    return UpConfig(settings=parsed.settings, port=parsed.line.port, options=options)


def _server_options(line: argparse.Namespace, home: Path) -> server_options.ServerOptions:
    """What the local SageMaker is told when it is started: what is kept, and what `kennel up` changes."""
    kept = server_options.read(home)
    return kept.changed(line.account, line.image) if line.verb == "up" else kept


BUILDERS: Mapping[str, Callable[[ParsedCommand], Config]] = {
    "build": lambda parsed: _images(parsed, pushed=False),
    "push": lambda parsed: _images(parsed, pushed=True),
    "data": _data,
    "weights": _weights,
    "tune": tune,
    "train": train,
    "init": init,
    "rules": rules,
    "deploy": deploy,
    "invoke": _invoke,
    "logs": _logs,
    "report": _report,
    "status": lambda parsed: StatusConfig(settings=parsed.settings, json=parsed.line.json),
    "down": _down,
    "policies": _policies,
    "demo": _demo,
    "env": lambda parsed: EnvConfig(settings=parsed.settings, shell=parsed.line.shell, undo=parsed.line.undo),
    "lint-image": _lint_image,
    "salvage": lambda parsed: _salvage(parsed),
    "serve-local": _serve_local,
    "notebook": _notebook,
    "run": _run,
    "doctor": lambda parsed: DoctorConfig(settings=parsed.settings, endpoint_url=config.endpoint_url()),
    "up": _up,
    "stop": lambda parsed: StopConfig(settings=parsed.settings, job=parsed.line.job),
}
