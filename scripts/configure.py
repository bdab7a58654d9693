"""From a parsed command line to the frozen config of its verb, with kennel.toml, the environment and .kennel's state.

Everything that can be wrong before a request is sent is found here, each in one line. It starts nothing and sends nothing.
"""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts import config, model_file, sensitive, state
from scripts import settings as where
from scripts.errors import LaunchError
from scripts.settings import Settings

_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
_SET_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class Given:
    """What the builders read: the parsed line, the settings, the state and the moment that names are made of."""

    line: argparse.Namespace
    settings: Settings
    state: Mapping[str, Any]
    moment: str

    def name(self, kind: str, longest: int = 63) -> str:
        if getattr(self.line, "follow", None):
            return checked_name("--follow", self.line.follow, longest)
        return checked_name("--name", self.line.name or f"kennel-{kind}-{self.moment}", longest)

    def endpoint(self) -> str:
        return checked_name("--endpoint", self.line.endpoint or self.state.get("endpoint") or "kennel", 63)


def build(line: argparse.Namespace, now: datetime) -> config.Config:
    """The config of the verb that was parsed. Raises LaunchError for what is missing or wrong."""
    from scripts import target

    name = line.target or config.target_of_environment()
    if name not in target.NAMES:
        raise LaunchError(f"TARGET={name}: need {' or '.join(target.NAMES)}")
    flags = {field.replace("-", "_"): getattr(line, field.replace("-", "_"), None) for field in where.NAMES}
    for field in ("subnets", "security_groups", "tags"):
        flags[field] = tuple(filter(None, flags[field].split(","))) if flags[field] else None
    settings = where.read(name, line.home or config.HOME, flags, target.defaults(name, config.region_of_environment()))
    sensitive.refuse(tag=dict(pair.partition("=")[::2] for pair in settings.tags))
    return BUILDERS[line.verb](Given(line, settings, state.read(settings.state), f"{now:%Y%m%d-%H%M%S}"))


def checked_name(what: str, name: str, longest: int) -> str:
    """The name. Raises LaunchError unless SageMaker takes it."""
    if len(name) > longest or not _NAME.fullmatch(name):
        raise LaunchError(f"{what} {name}: need letters, digits and single dashes, at most {longest} of them")
    return name


def pairs(given: Sequence[str]) -> dict[str, str]:
    """--set NAME=VALUE, again and again. Raises LaunchError for a pair without an equals sign and for a secret."""
    chosen = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise LaunchError(f"--set {sensitive.hide(pair)}: need NAME=VALUE, such as --set epochs=3")
        chosen[name] = value
    sensitive.refuse(hyperparameter=chosen)
    return chosen


def channels(settings: Settings, data_name: str, weights: str | None) -> dict[str, str]:
    """Each channel's folder in S3. `weights`: what `kennel weights` remembered."""
    found = {channel: settings.uri("data", data_name, split) for channel, split in config.SPLITS.items()}
    return found | ({"pretrained": settings.uri("weights", weights)} if weights else {})


def _job(given: Given) -> dict[str, Any]:
    """The fields a training and a tuning job share; hyperparameters are the verbs' own."""
    given.settings.need("region", "role_arn", "bucket", "train_image", "train_instance")
    data_name = given.line.data_name or given.state.get("data")
    if not data_name:
        raise LaunchError("--data-name: no set of pictures was uploaded from here yet; start with kennel data")
    if given.line.max_runtime < 60:
        raise LaunchError(f"--max-runtime {given.line.max_runtime}: need at least 60 seconds")
    return {
        "settings": given.settings,
        "named": given.line.name is not None,
        "channels": channels(given.settings, data_name, given.state.get("weights")),
        "max_runtime": given.line.max_runtime,
        "spot": given.line.spot,
        "detach": given.line.detach,
        "follow": given.line.follow is not None,
    }


def start_of(given: Given) -> dict[str, str]:
    """The hyperparameters to start from: a new head on pretrained weights, or the whole network without any."""
    return dict(config.PRETRAINED if given.state.get("weights") else config.SCRATCH)


def trial_of(given: Given) -> dict[str, str]:
    return start_of(given) | (config.PRETRAINED_TRIAL if given.state.get("weights") else config.SCRATCH_TRIAL)


def without_test(job: dict[str, Any]) -> dict[str, Any]:
    """A tuning job never sees the test pictures: what it chose would fit them."""
    return job | {"channels": {name: uri for name, uri in job["channels"].items() if name != "test"}}


def _tune(given: Given) -> config.TuneConfig:
    from scripts.requests import tuned_names

    line = given.line
    if not 1 <= line.parallel <= line.jobs <= 750:
        raise LaunchError(f"--jobs {line.jobs} --parallel {line.parallel}: need 1 to 750 jobs, and no more at a time than in all")
    chosen = pairs(line.set)
    if both := sorted(set(chosen) & tuned_names()):
        raise LaunchError(f"--set {', '.join(both)}: this is what tuning searches; leave it out")
    return config.TuneConfig(
        name=given.name("tune", longest=32),
        previous=given.state.get("tuning_job"),
        hyperparameters=trial_of(given) | chosen,
        jobs=line.jobs,
        parallel=line.parallel,
        strategy=line.strategy,
        early_stopping=line.early_stopping,
        seed=line.seed,
        **without_test(_job(given)),
    )


def _train(given: Given) -> config.TrainConfig:
    line, best, start = given.line, {}, start_of(given)
    if line.fine_tune:
        if not given.state.get("weights"):
            raise LaunchError("--fine-tune: needs pretrained weights; upload some with kennel weights")
        start = dict(config.FINE_TUNE)
    elif not line.no_best:
        best = state.read(given.settings.home / "best.json")
    if line.instances < 1 or line.save_interval < 1:
        raise LaunchError(f"--instances {line.instances} --save-interval {line.save_interval}: need at least 1 of each")
    return config.TrainConfig(
        name=given.name("train"),
        previous=given.state.get("training_job"),
        hyperparameters=start | best.get("hyperparameters", {}) | pairs(line.set),
        instances=line.instances,
        hooks=not line.no_hooks,
        save_interval=line.save_interval,
        tuned_by=best.get("tuning_job"),
        **_job(given),
    )


def _data(given: Given) -> config.DataConfig:
    line = given.line
    given.settings.need("region", "bucket")
    if line.folder is not None:
        check_splits("--folder", line.folder)
    name = line.data_name or (set_name(line.folder) if line.folder else "dogs" if line.udacity or line.url else "drawn")
    if not _SET_NAME.fullmatch(name):
        raise LaunchError(f"--data-name {name}: need letters, digits, dots and dashes, at most 63 of them")
    return config.DataConfig(
        settings=given.settings,
        name=name,
        folder=line.folder,
        url=config.UDACITY if line.udacity else line.url,
        expected=(133, 8351) if line.udacity else None,
        seed=line.seed,
    )


def set_name(folder: Path) -> str:
    """What a folder of pictures is called in S3."""
    return re.sub(r"[^a-zA-Z0-9]+", "-", folder.resolve().name).strip("-")[:63] or "pictures"


def check_splits(what: str, folder: Path) -> None:
    """Raises LaunchError unless the folder has the three splits."""
    for split in config.SPLITS.values():
        if not (folder / split).is_dir():
            raise LaunchError(f"{what} {folder}: no folder {split!r}; need train, valid and test, each with a folder a class")


def check_weights(what: str, file: Path) -> None:
    if not file.is_file():
        raise LaunchError(f"{what} {file}: no such file; give a torchvision state dict such as resnet18-f37072fd.pth")


def _weights(given: Given) -> config.WeightsConfig:
    given.settings.need("region", "bucket")
    if given.line.file is not None:
        check_weights("weights", given.line.file)
    return config.WeightsConfig(settings=given.settings, file=given.line.file, url=given.line.url or config.RESNET18)


def _deploy(given: Given) -> config.DeployConfig:
    line, settings = given.line, given.settings
    settings.need("region", "role_arn", "serve_image", "serve_instance")
    if line.instances < 1 or not 60 <= line.startup_timeout <= 3600:
        raise LaunchError(f"--instances {line.instances} --startup-timeout {line.startup_timeout}: need 1 or more, 60 to 3600 s")
    endpoint = given.endpoint()
    job = None if line.model_data or line.model else line.job or given.state.get("training_job")
    data = model_file.uri(settings, line.model) if line.model else line.model_data
    if line.model_data:
        if not re.fullmatch(r"s3://[^/]+/.+", line.model_data):
            raise LaunchError(f"--model-data {line.model_data}: need s3://BUCKET/KEY of a model.tar.gz")
    elif not job and not line.model:
        raise LaunchError("--job: no training job was started from here yet; start with kennel train, or give --model-data")
    else:
        settings.need("bucket")
    return config.DeployConfig(
        settings=settings,
        endpoint=endpoint,
        name=checked_name("--name", line.name or f"{endpoint[:47]}-{given.moment}", 63),
        model_data=data or settings.uri("jobs", job, "output") + model_file.NAME,
        job=job,
        model=line.model,
        instances=line.instances,
        startup_timeout=line.startup_timeout,
        detach=line.detach,
    )


def _invoke(given: Given) -> config.InvokeConfig:
    from scripts.pictures import pictures_below

    given.settings.need("region")
    found: list[Path] = []
    for path in given.line.pictures:
        if not path.exists():
            raise LaunchError(f"{path}: no such picture or folder")
        found += pictures_below(path) if path.is_dir() else [path]
    if not found:
        raise LaunchError(f"{given.line.pictures[0]}: no picture in this folder; need .jpg, .png or .webp files")
    return config.InvokeConfig(
        settings=given.settings,
        endpoint=given.endpoint(),
        pictures=tuple(found),
        top=max(1, given.line.top),
        json=given.line.json,
    )


def _logs(given: Given) -> config.LogsConfig:
    given.settings.need("region")
    name = given.line.name or given.state.get("training_job") or given.state.get("tuning_job")
    if not name:
        raise LaunchError("logs: nothing was started from here yet; give the name of a job or an endpoint")
    return config.LogsConfig(settings=given.settings, name=checked_name("logs", name, 63), follow=given.line.follow)


def _down(given: Given) -> config.DownConfig:
    given.settings.need("region")
    endpoint = given.endpoint()
    ours = given.state if given.state.get("endpoint") == endpoint else {}
    return config.DownConfig(
        settings=given.settings, endpoint=endpoint, config=ours.get("endpoint_config"), model=ours.get("model")
    )


def _demo(given: Given) -> config.DemoConfig:
    line = given.line
    given.settings.need("region", "role_arn", "bucket", "train_image", "serve_image", "train_instance", "serve_instance")
    if line.data is not None:
        check_splits("DATA", line.data)
    if line.weights is not None:
        check_weights("WEIGHTS", line.weights)
    if not 1 <= line.parallel <= line.jobs <= 750:
        raise LaunchError(f"--jobs {line.jobs} --parallel {line.parallel}: need 1 to 750 jobs, and no more at a time than in all")
    return config.DemoConfig(
        settings=given.settings,
        data=line.data,
        weights=line.weights,
        seed=line.seed,
        jobs=line.jobs,
        parallel=line.parallel,
        chosen=pairs(line.set),
        keep=line.keep,
        moment=given.moment,
        previous={key: name for key, name in given.state.items() if key.endswith("_job") and name.startswith("kennel-demo-")},
    )


def _lint_image(given: Given) -> config.LintImageConfig:
    model = given.line.model
    if model is not None and not model.is_file():
        raise LaunchError(f"--model {model}: no such file; a training job's model.tar.gz is what it takes")
    return config.LintImageConfig(settings=given.settings, image=given.line.image, model=model, processing=given.line.processing)


def _policies(given: Given) -> config.Config:
    given.settings.need("region", "role_arn", "bucket", "train_image", "serve_image")
    return config.Config(settings=given.settings)


def _plain(given: Given) -> config.Config:
    return config.Config(settings=given.settings)


BUILDERS: Mapping[str, Callable[[Given], config.Config]] = {
    "data": _data,
    "weights": _weights,
    "tune": _tune,
    "train": _train,
    "deploy": _deploy,
    "invoke": _invoke,
    "logs": _logs,
    "status": _plain,
    "down": _down,
    "policies": _policies,
    "demo": _demo,
    "env": _plain,
    "lint-image": _lint_image,
    "salvage": lambda given: model_file.salvaged(given.line, given.settings),
    "doctor": lambda given: config.DoctorConfig(settings=given.settings, endpoint_url=config.endpoint_url()),
    "up": lambda given: config.UpConfig(settings=given.settings, port=given.line.port),
    "stop": lambda given: config.StopConfig(settings=given.settings, job=given.line.job),
}
