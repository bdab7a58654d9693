"""From a parsed command line to the frozen config of its verb, with kennel.toml, the environment and .kennel's state.

Everything that can be wrong before a request is sent is found here, each in one line. It starts nothing and sends nothing.
"""

import argparse
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts import config
from scripts.aws import builtin_rules, defaults, model_file, secrets
from scripts.aws import settings as where
from scripts.aws.job_config import Config
from scripts.aws.settings import HOME
from scripts.cli.configure_jobs import deploy, rules, train, tune
from scripts.cli.validation import Given, check_splits, check_weights, checked_name, pairs, set_name
from scripts.cli.verb_config import (
    RESNET18,
    UDACITY,
    BuildConfig,
    DataConfig,
    DemoConfig,
    DoctorConfig,
    DownConfig,
    InvokeConfig,
    LintImageConfig,
    LogsConfig,
    PushConfig,
    ReportConfig,
    SalvageConfig,
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
    known, home = dict(defaults.defaults(name, config.region_of_environment())), line.home or HOME
    settings = where.read(name, home, flags, known)
    settings = where.read(name, home, flags, known | catalog.known(settings))
    secrets.refuse(tag=dict(pair.partition("=")[::2] for pair in settings.tags))
    return BUILDERS[line.verb](Given(line, settings, state.read(settings.state), f"{now:%Y%m%d-%H%M%S}"))


def _data(given: Given) -> DataConfig:
    line = given.line
    given.settings.need("region", "bucket")
    if line.folder is not None:
        check_splits("--folder", line.folder)
    name = line.data_name or (set_name(line.folder) if line.folder else "dogs" if line.udacity or line.url else "drawn")
    if not _SET_NAME.fullmatch(name):
        raise LaunchError(f"--data-name {name}: need letters, digits, dots and dashes, at most 63 of them")
    return DataConfig(
        settings=given.settings,
        name=name,
        folder=line.folder,
        url=UDACITY if line.udacity else line.url,
        expected=(133, 8351) if line.udacity else None,
        seed=line.seed,
    )


def _weights(given: Given) -> WeightsConfig:
    given.settings.need("region", "bucket")
    if given.line.file is not None:
        check_weights("weights", given.line.file)
    return WeightsConfig(settings=given.settings, file=given.line.file, url=given.line.url or RESNET18)


def _invoke(given: Given) -> InvokeConfig:
    given.settings.need("region")
    found: list[Path] = []
    for path in given.line.pictures:
        if not path.exists():
            raise LaunchError(f"{path}: no such picture or folder")
        found += pictures_below(path) if path.is_dir() else [path]
    if not found:
        raise LaunchError(f"{given.line.pictures[0]}: no picture in this folder; need .jpg, .png or .webp files")
    return InvokeConfig(
        settings=given.settings,
        endpoint=given.endpoint(),
        pictures=tuple(found),
        top=max(1, given.line.top),
        json=given.line.json,
    )


def _logs(given: Given) -> LogsConfig:
    given.settings.need("region")
    name = given.line.name or given.state.get("training_job") or given.state.get("tuning_job")
    if not name:
        raise LaunchError("logs: nothing was started from here yet; give the name of a job or an endpoint")
    return LogsConfig(settings=given.settings, name=checked_name("logs", name, 63), follow=given.line.follow)


def _report(given: Given) -> ReportConfig:
    line, last = given.line, [given.state.get(kind) for kind in ("training_job", "tuning_job")]
    place = line.place or (last[1] if line.tuning else last[0] or last[1])
    if not place:
        raise LaunchError("nothing was started from here yet; give a job's name, a folder or an s3:// prefix")
    if line.tuning and line.compare:
        raise LaunchError(f"--compare {line.compare}: a tuning job cannot be compared; give two training jobs")
    names = [re.sub(r"[^a-zA-Z0-9.-]+", "-", one.rstrip("/").rpartition("/")[2]) for one in (place, line.compare) if one]
    name = "-beside-".join(name.strip("-.") or "job" for name in names) + "-tuning" * line.tuning
    return ReportConfig(
        settings=given.settings,
        place=place,
        other=line.compare,
        output=line.output or given.settings.home / "reports" / name,
        pictures=line.pictures,
        tuning=line.tuning,
        everything=line.all,
        show=line.open,
    )


def _down(given: Given) -> DownConfig:
    given.settings.need("region")
    endpoint = given.endpoint()
    ours = given.state if given.state.get("endpoint") == endpoint else {}
    return DownConfig(settings=given.settings, endpoint=endpoint, config=ours.get("endpoint_config"), model=ours.get("model"))


def _demo(given: Given) -> DemoConfig:
    line = given.line
    given.settings.need("region", "role_arn", "bucket", "train_image", "serve_image", "train_instance", "serve_instance")
    rules = builtin_rules.chosen(None, given.settings)
    if line.data is not None:
        check_splits("DATA", line.data)
    if line.weights is not None:
        check_weights("WEIGHTS", line.weights)
    if not 1 <= line.parallel <= line.jobs <= 750:
        raise LaunchError(f"--jobs {line.jobs} --parallel {line.parallel}: need 1 to 750 jobs, and no more at a time than in all")
    return DemoConfig(
        settings=given.settings,
        data=line.data,
        weights=line.weights,
        seed=line.seed,
        jobs=line.jobs,
        parallel=line.parallel,
        chosen=pairs(line.set),
        rules=rules,
        keep=line.keep,
        moment=given.moment,
        previous={key: name for key, name in given.state.items() if key.endswith("_job") and name.startswith("kennel-demo-")},
    )


def _lint_image(given: Given) -> LintImageConfig:
    model = given.line.model
    if model is not None and not model.is_file():
        raise LaunchError(f"--model {model}: no such file; a training job's model.tar.gz is what it takes")
    return LintImageConfig(settings=given.settings, image=given.line.image, model=model, processing=given.line.processing)


def _images(given: Given, pushed: bool) -> BuildConfig | PushConfig:
    line = given.line
    if strangers := [image for image in line.images if image not in IMAGES]:
        raise LaunchError(f"{strangers[0]}: no image of ours; choose from {', '.join(IMAGES)}")
    chosen = tuple(image for image in IMAGES if image in line.images) or IMAGES
    if pushed:
        given.settings.need("region")
        return PushConfig(settings=given.settings, images=chosen)
    ca = line.ca or config.ca_of_environment()
    for what, file in (("--ca", ca), ("--pip", line.pip)):
        if file is not None and not file.is_file():
            raise LaunchError(f"{what} {file}: no such file")
    return BuildConfig(settings=given.settings, images=chosen, base=line.base, ca=ca, pip=line.pip)


def _salvage(given: Given) -> SalvageConfig:
    line, settings = given.line, given.settings
    for what, path in (("", line.file), ("--classes ", line.classes)):
        if path is not None and not path.exists():
            raise LaunchError(f"{what}{path}: no such file")
    return SalvageConfig(
        settings=settings,
        file=line.file,
        out=line.out or settings.home / "salvaged" / line.file.stem / model_file.NAME,
        classes=line.classes,
        arch=line.arch,
        entry=line.entry,
        picture_size=line.picture_size,
    )


def _policies(given: Given) -> Config:
    given.settings.need("region", "role_arn", "bucket")
    return Config(settings=given.settings)


def _plain(given: Given) -> Config:
    return Config(settings=given.settings)


BUILDERS: Mapping[str, Callable[[Given], Config]] = {
    "build": lambda given: _images(given, pushed=False),
    "push": lambda given: _images(given, pushed=True),
    "data": _data,
    "weights": _weights,
    "tune": tune,
    "train": train,
    "rules": rules,
    "deploy": deploy,
    "invoke": _invoke,
    "logs": _logs,
    "report": _report,
    "status": lambda given: StatusConfig(settings=given.settings, json=given.line.json),
    "down": _down,
    "policies": _policies,
    "demo": _demo,
    "env": _plain,
    "lint-image": _lint_image,
    "salvage": lambda given: _salvage(given),
    "doctor": lambda given: DoctorConfig(settings=given.settings, endpoint_url=config.endpoint_url()),
    "up": lambda given: UpConfig(settings=given.settings, port=given.line.port),
    "stop": lambda given: StopConfig(settings=given.settings, job=given.line.job),
}
