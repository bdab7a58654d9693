"""Builds the frozen config of a verb that starts a job or an endpoint: tune, train, rules and deploy."""

import re
from collections.abc import Mapping
from typing import Any

from scripts.aws import builtin_rules, model_file
from scripts.aws.api_requests import combinations, tuned_names
from scripts.aws.features import heads_only
from scripts.aws.job_config import DeployConfig, RulesConfig, TrainConfig, TuneConfig
from scripts.cli.presets import FEATURES_TRIAL, FINE_TUNE, PRETRAINED, PRETRAINED_TRIAL, SCRATCH, SCRATCH_TRIAL
from scripts.cli.validation import ParsedCommand, channels, checked_name, pairs
from scripts.errors import LaunchError
from scripts.files import state


def _job(parsed: ParsedCommand) -> dict[str, Any]:
    """The fields a training and a tuning job share; hyperparameters are the verbs' own."""
    parsed.settings.need("region", "role_arn", "bucket", "train_image", "train_instance")
    data_name = parsed.line.data_name or parsed.state.get("data")
    if not data_name:
        raise LaunchError("--data-name: no set of pictures was uploaded from here yet; start with kennel data")
    if data_name in parsed.state.get("uploading", []) and not parsed.line.follow:
        raise LaunchError(f"--data-name {data_name}: its upload did not end, S3 may hold a part of it; run kennel data again")
    if parsed.line.max_runtime < 60:
        raise LaunchError(f"--max-runtime {parsed.line.max_runtime}: need at least 60 seconds")
    return {
        "settings": parsed.settings,
        "named": parsed.line.name is not None,
        "channels": channels(parsed.settings, data_name, parsed.weights),
        "max_runtime": parsed.line.max_runtime,
        "spot": parsed.line.spot,
        "detach": parsed.line.detach,
        "follow": parsed.line.follow is not None,
    }


def start_of(parsed: ParsedCommand) -> dict[str, str]:
    """The hyperparameters to start from: a new head on pretrained weights, or the whole network without any."""
    return dict(PRETRAINED if parsed.weights else SCRATCH)


def trial_of(parsed: ParsedCommand, chosen: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """The hyperparameters of a tuning's jobs, and whether these train heads on kept features."""
    start = start_of(parsed)
    if heads_only(start | dict(chosen)) and not parsed.line.plain:
        return start | FEATURES_TRIAL | dict(chosen), True
    return start | (PRETRAINED_TRIAL if parsed.weights else SCRATCH_TRIAL) | dict(chosen), False


def without_test(job: dict[str, Any]) -> dict[str, Any]:
    """A tuning job never sees the test pictures: what it chose would fit them."""
    return job | {"channels": {name: uri for name, uri in job["channels"].items() if name != "test"}}


def tune(parsed: ParsedCommand) -> TuneConfig:
    line = parsed.line
    if not 1 <= line.parallel <= line.jobs <= 750:
        raise LaunchError(f"--jobs {line.jobs} --parallel {line.parallel}: need 1 to 750 jobs, and no more at a time than in all")
    chosen = pairs(line.set)
    if both := sorted(set(chosen) & tuned_names(line.strategy)):
        raise LaunchError(f"--set {', '.join(both)}: this is what tuning searches; leave it out")
    if line.strategy == "Grid" and line.jobs != combinations():
        raise LaunchError(f"--jobs {line.jobs}: a grid has {combinations()} combinations and tries each; leave --jobs out")
    if line.strategy == "Hyperband" and line.early_stopping == "Auto":
        raise LaunchError("--early-stopping Auto: Hyperband stops jobs itself; leave it out")
    hyperparameters, by_features = trial_of(parsed, chosen)
    if line.strategy == "Hyperband" and not hyperparameters["epochs"].isdigit():
        raise LaunchError(f"--set epochs={hyperparameters['epochs']}: Hyperband needs a whole number of them")
    return TuneConfig(
        name=parsed.name("tune", longest=32),
        previous=parsed.state.get("tuning_job"),
        hyperparameters=hyperparameters,
        by_features=by_features,
        features_job=parsed.state.get("features_job"),
        jobs=line.jobs,
        parallel=line.parallel,
        strategy=line.strategy,
        early_stopping=line.early_stopping or ("Off" if line.strategy == "Hyperband" else "Auto"),
        seed=line.seed,
        **without_test(_job(parsed)),
    )


def train(parsed: ParsedCommand) -> TrainConfig:
    line, best, start = parsed.line, {}, start_of(parsed)
    if line.fine_tune:
        if not parsed.weights:
            raise LaunchError("--fine-tune: needs pretrained weights; upload some with kennel weights, without --no-weights")
        start = dict(FINE_TUNE)
    elif not line.no_best:
        best = state.read(parsed.settings.home / "best.json")
    if line.instances < 1 or line.save_interval < 1:
        raise LaunchError(f"--instances {line.instances} --save-interval {line.save_interval}: need at least 1 of each")
    job = _job(parsed)
    return TrainConfig(
        name=parsed.name("train"),
        previous=parsed.state.get("training_job"),
        hyperparameters=start | best.get("hyperparameters", {}) | pairs(line.set),
        instances=line.instances,
        hooks=not line.no_hooks,
        save_interval=line.save_interval,
        rules=builtin_rules.chosen(line.rules, parsed.settings, hooks=not line.no_hooks),
        stop_on_issue=line.stop_on_issue,
        tuned_by=best.get("tuning_job"),
        **job,
    )


def rules(parsed: ParsedCommand) -> RulesConfig:
    parsed.settings.need("region", "role_arn", "bucket")
    job = parsed.line.job or parsed.state.get("training_job")
    if not job:
        raise LaunchError("rules: no training job was started from here yet; give the name of one")
    name = checked_name("--name", parsed.line.name or f"kennel-rules-{parsed.moment}", 32)
    rules = builtin_rules.chosen(parsed.line.rules, parsed.settings)
    if not rules:
        raise LaunchError("--rules none: nothing to look for")
    return RulesConfig(settings=parsed.settings, name=name, job=checked_name("rules", job, 63), rules=rules)


def deploy(parsed: ParsedCommand) -> DeployConfig:
    line, settings = parsed.line, parsed.settings
    settings.need("region", "role_arn", "serve_image", "serve_instance")
    if line.instances < 1 or not 60 <= line.startup_timeout <= 3600:
        raise LaunchError(f"--instances {line.instances} --startup-timeout {line.startup_timeout}: need 1 or more, 60 to 3600 s")
    endpoint = parsed.endpoint()
    job = None if line.model_data or line.model else line.job or parsed.state.get("training_job")
    if line.model_data:
        if not re.fullmatch(r"s3://[^/]+/.+", line.model_data):
            raise LaunchError(f"--model-data {line.model_data}: need s3://BUCKET/KEY of a model.tar.gz")
        data = line.model_data
    elif line.model:
        data = model_file.uri(settings, line.model)
    elif job:
        settings.need("bucket")
        data = settings.uri("jobs", job, "output") + model_file.NAME
    else:
        raise LaunchError("--job: no training job was started from here yet; start with kennel train, or give --model-data")
    return DeployConfig(
        settings=settings,
        endpoint=endpoint,
        name=checked_name("--name", line.name or f"{endpoint[:47]}-{parsed.moment}", 63),
        model_data=data,
        job=job,
        model=line.model,
        instances=line.instances,
        startup_timeout=line.startup_timeout,
        detach=line.detach,
    )
