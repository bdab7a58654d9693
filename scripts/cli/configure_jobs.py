"""Builds the frozen config of a verb that starts a job or an endpoint: tune, train, rules and deploy."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.aws import builtin_rules, model_file
from scripts.aws.api_requests import combinations, names_of, ranges
from scripts.aws.features import heads_only
from scripts.aws.job_config import DeployConfig, RulesConfig, TrainConfig, TuneConfig
from scripts.cli.presets import FEATURES_TRIAL, FINE_TUNE, PRETRAINED, PRETRAINED_TRIAL, SCRATCH, SCRATCH_TRIAL
from scripts.cli.validation import ParsedCommand, checked_name, pairs, pictures, refuse_both
from scripts.errors import LaunchError
from scripts.files import model_code, state


def shared(parsed: ParsedCommand) -> dict[str, Any]:
    """The fields a training and a tuning job share; channels and hyperparameters are the verbs' own."""
    parsed.settings.need("region", "role_arn", "bucket", "train_image", "train_instance")
    if parsed.line.max_runtime < 60:
        raise LaunchError(f"--max-runtime {parsed.line.max_runtime}: need at least 60 seconds")
    return {
        "settings": parsed.settings,
        "named": parsed.line.name is not None,
        "max_runtime": parsed.line.max_runtime,
        "spot": parsed.line.spot,
        "detach": parsed.line.detach,
        "follow": parsed.line.follow is not None,
    }


def searching(parsed: ParsedCommand, searched: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that say how a tuning searches `searched`, ranges as the API has them. Raises LaunchError."""
    line, grid = parsed.line, parsed.line.strategy == "Grid"
    jobs = line.jobs if line.jobs is not None else combinations(searched) if grid and searched else 20
    if not 1 <= line.parallel <= jobs <= 750:
        raise LaunchError(f"--jobs {jobs} --parallel {line.parallel}: need 1 to 750 jobs, and no more at a time than in all")
    if grid and searched and jobs != combinations(searched):
        raise LaunchError(f"--jobs {jobs}: a grid has {combinations(searched)} combinations and tries each; leave --jobs out")
    if line.strategy == "Hyperband" and line.early_stopping == "Auto":
        raise LaunchError("--early-stopping Auto: Hyperband stops jobs itself; leave it out")
    return {
        "jobs": jobs,
        "parallel": line.parallel,
        "strategy": line.strategy,
        "early_stopping": line.early_stopping or ("Off" if line.strategy == "Hyperband" else "Auto"),
        "seed": line.seed,
    }


def looking(parsed: ParsedCommand) -> dict[str, Any]:
    """The fields that say on how many instances a training runs, and what is saved of it. Raises LaunchError."""
    line = parsed.line
    if line.instances < 1 or line.save_interval < 1:
        raise LaunchError(f"--instances {line.instances} --save-interval {line.save_interval}: need at least 1 of each")
    return {
        "instances": line.instances,
        "hooks": not line.no_hooks,
        "save_interval": line.save_interval,
        "stop_on_issue": line.stop_on_issue,
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


def without_test(channels: Mapping[str, str]) -> dict[str, str]:
    """A tuning job never sees the test pictures: what it chose would fit them."""
    return {name: uri for name, uri in channels.items() if name != "test"}


def tune(parsed: ParsedCommand) -> TuneConfig:
    line, searched = parsed.line, ranges(parsed.line.strategy)
    search, chosen = searching(parsed, searched), pairs(line.set)
    refuse_both(chosen, names_of(searched))
    hyperparameters, by_features = trial_of(parsed, chosen)
    if line.strategy == "Hyperband" and not hyperparameters["epochs"].isdigit():
        raise LaunchError(f"--set epochs={hyperparameters['epochs']}: Hyperband needs a whole number of them")
    return TuneConfig(
        name=parsed.name("tune", longest=32),
        previous=parsed.state.get("tuning_job"),
        channels=without_test(pictures(parsed, parsed.weights)),
        hyperparameters=hyperparameters,
        by_features=by_features,
        features_job=parsed.state.get("features_job"),
        **search,
        **shared(parsed),
    )


def train(parsed: ParsedCommand) -> TrainConfig:
    line, start = parsed.line, start_of(parsed)
    best: state.BestTrial = {}
    if line.fine_tune:
        if not parsed.weights:
            raise LaunchError("--fine-tune: needs pretrained weights; upload some with kennel weights, without --no-weights")
        start = dict(FINE_TUNE)
    elif not line.no_best:
        best = state.read(state.best(parsed.settings.home))
    return TrainConfig(
        name=parsed.name("train"),
        previous=parsed.state.get("training_job"),
        **looking(parsed),
        **shared(parsed),
        channels=pictures(parsed, parsed.weights),
        hyperparameters=start | best.get("hyperparameters", {}) | pairs(line.set),
        rules=builtin_rules.chosen(line.rules, parsed.settings, hooks=not line.no_hooks),
        tuned_by=best.get("tuning_job"),
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
    image = "code_image" if settings.code_image and _has_code(line.code, line.model) else "serve_image"
    settings.need("region", "role_arn", image, "serve_instance")
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
    code = model_code.read(line.code) if line.code else None
    cut_off = settings.network_isolation and (settings.target, settings.backend) != ("local", "process")
    if code and code.packages and cut_off:
        raise LaunchError(f"--code {line.code}: its requirements.txt needs a network; add --no-network-isolation")
    return DeployConfig(
        settings=settings,
        endpoint=endpoint,
        name=checked_name("--name", line.name or f"{endpoint[:47]}-{parsed.moment}", 63),
        image=getattr(settings, image),
        model_data=model_file.with_code(settings, data, code) if code else data,
        code=code,
        source="" if line.model or not code else data,
        job=job,
        model=line.model,
        instances=line.instances,
        startup_timeout=line.startup_timeout,
        detach=line.detach,
    )


def _has_code(code: Path | None, model: Path | None) -> bool:
    """Whether a person's code answers for what is deployed; of a model that lies in S3 that is not known."""
    return code is not None or (model is not None and not model_file.is_classifier(model))
