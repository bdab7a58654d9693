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


def plan(given: TuneConfig) -> list[Call]:
    if given.by_features:
        return [*features.plan(given), create_tuning_job(features.trial(given))]
    return [create_tuning_job(given)]


def run(given: TuneConfig, say: Terminal) -> int:
    target = connect(given.settings)
    name = start(target, given, say)
    if given.detach:
        say.next(given.settings, (f"tune --follow {name}", "wait for it"), (f"stop {name}", "stop it"))
        return 0
    wait(target, given, name, say)
    say.next(given.settings, ("train", "the final training, with these"))
    return 0


def start(target: Target, given: TuneConfig, say: Terminal) -> str:
    """Start the tuning job, or find the one that runs; returns its name."""
    settings = given.settings
    if given.by_features and not given.follow:
        features.ensure(target, given, say)
    again = f"tune --follow {given.name}"
    if not given.follow:
        catalog.check(target, settings, settings.train_image)
    with waiting.left_running(f"tuning job {given.name}", settings, again, f"stop {given.name}"):
        return idempotent.start(target, idempotent.TUNING, given, plan(given)[-1], say)


def wait(target: Target, given: TuneConfig, name: str, say: Terminal) -> state.BestTrial:
    """Wait for the tuning job and remember the hyperparameters of its best training job in best.json, for training."""
    settings = given.settings
    try:
        with waiting.left_running(f"tuning job {name}", settings, f"tune --follow {name}", f"stop {name}"):
            found = waiting.tuning_job(target, name, say, kennel_command(f"logs {name}", settings))
        best = _best(name, found)
    except RunError:
        if given.by_features:
            features.forget(given)
        raise
    state.write(settings.home / "best.json", best)
    shown = "  ".join(f"{key} {value}" for key, value in sorted(best["hyperparameters"].items()))
    say.line(f"best   {best['training_job']}   {best['objective']['name']} {best['objective']['value']:.4f}")
    say.line(f"       {shown}   ({settings.home / 'best.json'})")
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
