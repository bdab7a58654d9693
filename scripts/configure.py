"""From a parsed command line to the frozen config of its verb, with kennel.toml, the environment and .kennel's state.

Everything that can be wrong before a request is sent is found here, each in one line. It starts nothing and sends nothing.
"""

import argparse
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts import config, model_file, rulebook, sensitive, state
from scripts import settings as where
from scripts.errors import LaunchError
from scripts.given import Given, channels, check_splits, check_weights, checked_name, pairs, set_name

_SET_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")


def build(line: argparse.Namespace, now: datetime) -> config.Config:
    """The config of the verb that was parsed. Raises LaunchError for what is missing or wrong."""
    from scripts import images, target

    name = line.target or config.target_of_environment()
    if name not in target.NAMES:
        raise LaunchError(f"TARGET={name}: need {' or '.join(target.NAMES)}")
    flags = {field.replace("-", "_"): getattr(line, field.replace("-", "_"), None) for field in where.NAMES}
    for field in ("subnets", "security_groups", "tags"):
        flags[field] = tuple(filter(None, flags[field].split(","))) if flags[field] else None
    flags["backend"] = flags["backend"] or config.backend_of_environment()
    known, home = target.defaults(name, config.region_of_environment()), line.home or config.HOME
    settings = where.read(name, home, flags, known)
    settings = where.read(name, home, flags, known | images.known(settings))
    sensitive.refuse(tag=dict(pair.partition("=")[::2] for pair in settings.tags))
    return BUILDERS[line.verb](Given(line, settings, state.read(settings.state), f"{now:%Y%m%d-%H%M%S}"))


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


def trial_of(given: Given, chosen: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """The hyperparameters of a tuning's jobs, and whether these train heads on kept features."""
    from scripts.features import heads_only

    start = start_of(given)
    if heads_only(start | chosen) and not given.line.plain:
        return start | config.FEATURES_TRIAL | chosen, True
    return start | (config.PRETRAINED_TRIAL if given.state.get("weights") else config.SCRATCH_TRIAL) | chosen, False


def without_test(job: dict[str, Any]) -> dict[str, Any]:
    """A tuning job never sees the test pictures: what it chose would fit them."""
    return job | {"channels": {name: uri for name, uri in job["channels"].items() if name != "test"}}


def _tune(given: Given) -> config.TuneConfig:
    from scripts.requests import combinations, tuned_names

    line = given.line
    if not 1 <= line.parallel <= line.jobs <= 750:
        raise LaunchError(f"--jobs {line.jobs} --parallel {line.parallel}: need 1 to 750 jobs, and no more at a time than in all")
    chosen = pairs(line.set)
    if both := sorted(set(chosen) & tuned_names(line.strategy)):
        raise LaunchError(f"--set {', '.join(both)}: this is what tuning searches; leave it out")
    if line.strategy == "Grid" and line.jobs != combinations():
        raise LaunchError(f"--jobs {line.jobs}: a grid has {combinations()} combinations and tries each; leave --jobs out")
    if line.strategy == "Hyperband" and line.early_stopping == "Auto":
        raise LaunchError("--early-stopping Auto: Hyperband stops jobs itself; leave it out")
    hyperparameters, by_features = trial_of(given, chosen)
    if line.strategy == "Hyperband" and not hyperparameters["epochs"].isdigit():
        raise LaunchError(f"--set epochs={hyperparameters['epochs']}: Hyperband needs a whole number of them")
    return config.TuneConfig(
        name=given.name("tune", longest=32),
        previous=given.state.get("tuning_job"),
        hyperparameters=hyperparameters,
        by_features=by_features,
        features_job=given.state.get("features_job"),
        jobs=line.jobs,
        parallel=line.parallel,
        strategy=line.strategy,
        early_stopping=line.early_stopping or ("Off" if line.strategy == "Hyperband" else "Auto"),
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
    job = _job(given)
    return config.TrainConfig(
        name=given.name("train"),
        previous=given.state.get("training_job"),
        hyperparameters=start | best.get("hyperparameters", {}) | pairs(line.set),
        instances=line.instances,
        hooks=not line.no_hooks,
        save_interval=line.save_interval,
        rules=rulebook.chosen(line.rules, given.settings, hooks=not line.no_hooks),
        stop_on_issue=line.stop_on_issue,
        tuned_by=best.get("tuning_job"),
        **job,
    )


def _rules(given: Given) -> config.RulesConfig:
    given.settings.need("region", "role_arn", "bucket")
    job = given.line.job or given.state.get("training_job")
    if not job:
        raise LaunchError("rules: no training job was started from here yet; give the name of one")
    name = checked_name("--name", given.line.name or f"kennel-rules-{given.moment}", 32)
    rules = rulebook.chosen(given.line.rules, given.settings)
    if not rules:
        raise LaunchError("--rules none: nothing to look for")
    return config.RulesConfig(settings=given.settings, name=name, job=checked_name("rules", job, 63), rules=rules)


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


def _report(given: Given) -> config.ReportConfig:
    line, last = given.line, [given.state.get(kind) for kind in ("training_job", "tuning_job")]
    place = line.place or (last[1] if line.tuning else last[0] or last[1])
    if not place:
        raise LaunchError("nothing was started from here yet; give a job's name, a folder or an s3:// prefix")
    if line.tuning and line.compare:
        raise LaunchError(f"--compare {line.compare}: a tuning job cannot be compared; give two training jobs")
    names = [re.sub(r"[^a-zA-Z0-9.-]+", "-", one.rstrip("/").rpartition("/")[2]) for one in (place, line.compare) if one]
    name = "-beside-".join(name.strip("-.") or "job" for name in names) + "-tuning" * line.tuning
    return config.ReportConfig(
        settings=given.settings,
        place=place,
        other=line.compare,
        output=line.output or given.settings.home / "reports" / name,
        pictures=line.pictures,
        tuning=line.tuning,
        everything=line.all,
        show=line.open,
    )


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
    rules = rulebook.chosen(None, given.settings)
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
        rules=rules,
        keep=line.keep,
        moment=given.moment,
        previous={key: name for key, name in given.state.items() if key.endswith("_job") and name.startswith("kennel-demo-")},
    )


def _lint_image(given: Given) -> config.LintImageConfig:
    model = given.line.model
    if model is not None and not model.is_file():
        raise LaunchError(f"--model {model}: no such file; a training job's model.tar.gz is what it takes")
    return config.LintImageConfig(settings=given.settings, image=given.line.image, model=model, processing=given.line.processing)


def _images(given: Given, pushed: bool) -> config.BuildConfig | config.PushConfig:
    from scripts.images import IMAGES

    line = given.line
    if strangers := [image for image in line.images if image not in IMAGES]:
        raise LaunchError(f"{strangers[0]}: no image of ours; choose from {', '.join(IMAGES)}")
    chosen = tuple(image for image in IMAGES if image in line.images) or IMAGES
    if pushed:
        given.settings.need("region")
        return config.PushConfig(settings=given.settings, images=chosen)
    ca = line.ca or config.ca_of_environment()
    for what, file in (("--ca", ca), ("--pip", line.pip)):
        if file is not None and not file.is_file():
            raise LaunchError(f"{what} {file}: no such file")
    return config.BuildConfig(settings=given.settings, images=chosen, base=line.base, ca=ca, pip=line.pip)


def _policies(given: Given) -> config.Config:
    given.settings.need("region", "role_arn", "bucket")
    return config.Config(settings=given.settings)


def _plain(given: Given) -> config.Config:
    return config.Config(settings=given.settings)


BUILDERS: Mapping[str, Callable[[Given], config.Config]] = {
    "build": lambda given: _images(given, pushed=False),
    "push": lambda given: _images(given, pushed=True),
    "data": _data,
    "weights": _weights,
    "tune": _tune,
    "train": _train,
    "rules": _rules,
    "deploy": _deploy,
    "invoke": _invoke,
    "logs": _logs,
    "report": _report,
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
