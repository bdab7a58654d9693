"""`kennel tune`: a hyperparameter tuning job, followed to its end; the best hyperparameters go to .kennel/best.json."""

from typing import Any

from contract import metrics
from scripts.aws import features, idempotent, waiting
from scripts.aws.api import Target, connect
from scripts.aws.api_requests import create_tuning_job
from scripts.aws.calls import Call
from scripts.aws.job_config import TuneConfig
from scripts.aws.settings import kennel_command
from scripts.cli.terminal import Terminal
from scripts.errors import RunError
from scripts.files import state
from scripts.images import catalog


def plan(config: TuneConfig) -> list[Call]:
    if config.by_features:
        return [*features.plan(config), create_tuning_job(features.trial(config))]
    return [create_tuning_job(config)]


def run(config: TuneConfig, output: Terminal) -> int:
    target = connect(config.settings)
    name = start(target, config, output)
    if config.detach:
        output.next(config.settings, (f"tune --follow {name}", "wait for it"), (f"stop {name}", "stop it"))
        return 0
    wait(target, config, name, output)
    output.next(config.settings, ("train", "the final training, with these"))
    return 0


def start(target: Target, config: TuneConfig, output: Terminal) -> str:
    """Start the tuning job, or find the one that runs; returns its name."""
    settings = config.settings
    if config.by_features and not config.follow:
        features.ensure(target, config, output)
    again = f"tune --follow {config.name}"
    if not config.follow:
        catalog.check(target, settings, settings.train_image)
    with waiting.left_running(f"tuning job {config.name}", settings, again, f"stop {config.name}"):
        return idempotent.start(target, idempotent.TUNING, config, plan(config)[-1], output)


def wait(target: Target, config: TuneConfig, name: str, output: Terminal) -> state.BestTrial:
    """Wait for the tuning job and remember the hyperparameters of its best training job in best.json, for training."""
    settings = config.settings
    try:
        with waiting.left_running(f"tuning job {name}", settings, f"tune --follow {name}", f"stop {name}"):
            found = waiting.tuning_job(target, name, output, kennel_command(f"logs {name}", settings))
        best = _best(name, found)
    except RunError:
        if config.by_features:
            features.forget(config)
        raise
    state.write(settings.home / "best.json", best)
    shown = "  ".join(f"{key} {value}" for key, value in sorted(best["hyperparameters"].items()))
    output.line(f"best   {best['training_job']}   {best['objective']['name']} {best['objective']['value']:.4f}")
    output.line(f"       {shown}   ({settings.home / 'best.json'})")
    return best


def _best(name: str, found: dict[str, Any]) -> state.BestTrial:
    """What best.json says of the winner."""
    winner = found.get("BestTrainingJob")
    if not winner:
        counts = found["TrainingJobStatusCounters"]
        failed = counts.get("NonRetryableError", 0) + counts.get("RetryableError", 0)
        raise RunError(
            f"tuning job {name}: no training job printed {metrics.OBJECTIVE} ({failed} failed); see kennel logs {name}"
        )
    objective = winner["FinalHyperParameterTuningJobObjectiveMetric"]
    return {
        "tuning_job": name,
        "training_job": winner["TrainingJobName"],
        "objective": {"name": objective["MetricName"], "value": objective["Value"]},
        "hyperparameters": winner["TunedHyperParameters"],
    }
