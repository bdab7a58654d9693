"""`kennel tune`: a hyperparameter tuning job, followed to its end; the best hyperparameters go to .kennel."""

from typing import Any

from scripts.aws import features, idempotent, logs, nearest_line, script_requests, waiting
from scripts.aws.api import Target, connect
from scripts.aws.calls import Call
from scripts.aws.job_config import TuneConfig
from scripts.aws.settings import kennel_command
from scripts.cli.terminal import Terminal
from scripts.errors import RunError
from scripts.files import state
from scripts.images import catalog


def plan(config: TuneConfig) -> list[Call]:
    before = features.plan(config) if config.by_features else script_requests.plan(config)
    return [*before, _request(config)]


def _request(config: TuneConfig) -> Call:
    return script_requests.tuning_job(features.trial(config) if config.by_features else config)


def run(config: TuneConfig, output: Terminal) -> int:
    target = connect(config.settings)
    name = start(target, config, output)
    if config.detach:
        output.next(config.settings, (_again(config, name), "wait for it"), (f"stop {name}", "stop it"))
        return 0
    wait(target, config, name, output)
    again = f"train {config.script.options}" if config.script else "train"
    output.next(config.settings, (again, "the final training, with these"))
    return 0


def start(target: Target, config: TuneConfig, output: Terminal) -> str:
    """Start the tuning job, or find the one that runs; returns its name."""
    settings = config.settings
    if config.by_features and not config.follow:
        features.ensure(target, config, output)
    if not config.follow:
        catalog.check(target, settings, settings.train_image)
        script_requests.send(target, config, output)
    with waiting.left_running(f"tuning job {config.name}", settings, _again(config, config.name), f"stop {config.name}"):
        return idempotent.start(target, idempotent.TUNING, config, _request, output)


def wait(target: Target, config: TuneConfig, name: str, output: Terminal) -> state.BestTrial:
    """Wait for the tuning job and remember the hyperparameters of its best training job, for training.

    The classifier's go to best.json, those of a script to a file for all scripts, so that nobody takes another's.
    """
    settings = config.settings
    try:
        with waiting.left_running(f"tuning job {name}", settings, _again(config, name), f"stop {name}"):
            found = waiting.tuning_job(target, name, output, kennel_command(f"logs {name}", settings))
        best = _best(name, found)
    except RunError:
        if config.by_features:
            features.forget(config)
        if config.script:
            _explain(target, name, output)
        raise
    if config.script:
        scripts = state.best_of_scripts(settings.home)
        state.remember(scripts, {str(config.script.path): best})
        kept = scripts.path
    else:
        classifier = state.best(settings.home)
        state.write(classifier, best)
        kept = classifier.path
    shown = "  ".join(f"{key} {value}" for key, value in sorted(best["hyperparameters"].items()))
    output.line(f"best   {best['training_job']}   {best['objective']['name']} {best['objective']['value']:.4f}")
    output.line(f"       {shown}   ({kept})")
    return best


def _again(config: TuneConfig, name: str) -> str:
    """The command that waits for the job again."""
    return f"tune --follow {name}" + (f" {config.script.options}" if config.script else "")


def _best(name: str, found: dict[str, Any]) -> state.BestTrial:
    """What is kept of the winner."""
    winner = found.get("BestTrainingJob")
    if not winner:
        counts = found["TrainingJobStatusCounters"]
        failed = counts.get("NonRetryableError", 0) + counts.get("RetryableError", 0)
        objective = found["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"]
        raise RunError(f"tuning job {name}: no training job printed {objective} ({failed} failed); see kennel logs {name}")
    objective = winner["FinalHyperParameterTuningJobObjectiveMetric"]
    return {
        "tuning_job": name,
        "training_job": winner["TrainingJobName"],
        "objective": {"name": objective["MetricName"], "value": objective["Value"]},
        "hyperparameters": winner["TunedHyperParameters"],
    }


def _explain(target: Target, name: str, output: Terminal) -> None:
    """Tell of a script's tuning that has no best which line of its logs the metric was probably meant for."""
    found = target.ask("sagemaker", "DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name)
    if found.get("BestTrainingJob"):
        return
    objective = found["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"]
    for row in found["TrainingJobDefinition"]["AlgorithmSpecification"].get("MetricDefinitions", []):
        if row["Name"] == objective:
            lines = (line for _, line in logs.of_tuning_job(target, name).lines())
            output.line(f"   {objective}: no value; {nearest_line.explained(row['Regex'], lines)}", style="yellow")
