"""`kennel train`: one training job with the best hyperparameters, debugger hooks and rules, followed to its end."""

from typing import Any

from contract.script.script_mode import PROGRAM
from scripts.aws import idempotent, logs, nearest_line, rule_status, script_requests, waiting
from scripts.aws.api import Target, connect
from scripts.aws.calls import Call
from scripts.aws.job_config import RulesConfig, TrainConfig
from scripts.aws.rule_status import RuleStatus
from scripts.aws.settings import kennel_command
from scripts.cli.terminal import Terminal
from scripts.files import state
from scripts.images import catalog
from scripts.verbs import rules


def plan(config: TrainConfig) -> list[Call]:
    return [*script_requests.plan(config), script_requests.training_job(config)]


def run(config: TrainConfig, output: Terminal) -> int:
    target = connect(config.settings)
    name = start(target, config, output)
    if config.detach:
        hints = [(f"logs {name} --follow", "watch it"), (f"stop {name}", "stop it")]
        later = config.rules and not config.settings.debugger
        output.next(config.settings, *hints, *([(f"rules {name}", "after its end: look into it")] if later else []))
        return 0
    look_inside(target, config, wait(target, config, name, output), output)
    hints = [] if config.script else [("deploy", "put the model behind an endpoint")]
    output.next(config.settings, *hints, ("report", "what happened in it, as a page"), ("logs", "all it printed"))
    return 0


def start(target: Target, config: TrainConfig, output: Terminal) -> str:
    """Start the training job, or find the one that runs; returns its name."""
    settings = config.settings
    if config.tuned_by and not config.follow:
        kept = (state.best_of_scripts(settings.home) if config.script else state.best(settings.home)).path
        output.line(f"hyperparameters of tuning job {config.tuned_by} ({kept}; --no-best leaves them aside)")
    if not config.follow:
        catalog.check(target, settings, settings.train_image)
        script_requests.send(target, config, output)
    with waiting.left_running(f"training job {config.name}", settings, _again(config, config.name), f"stop {config.name}"):
        return idempotent.start(target, idempotent.TRAINING, config, script_requests.training_job, output)


def wait(target: Target, config: TrainConfig, name: str, output: Terminal) -> waiting.Description:
    """Wait for the training job; returns its description, as DescribeTrainingJob gives it."""
    settings = config.settings
    told = [waiting.EVERY_LINE] if config.script else []
    with waiting.left_running(f"training job {name}", settings, _again(config, name), f"stop {name}"):
        found = waiting.training_job(target, name, output, kennel_command(f"logs {name}", settings), *told)
    for row in found.get("FinalMetricDataList", []):
        output.line(f"   {row['MetricName']:<26} {row['Value']:.4f}")
    for line in _without_value(target, found):
        output.line(line, style="yellow")
    output.line(f"model  {found['ModelArtifacts']['S3ModelArtifacts']}")
    return found


def _again(config: TrainConfig, name: str) -> str:
    """The command that waits for the job again."""
    return f"train --follow {name}" + (f" {config.script.options}" if config.script else "")


def _without_value(target: Target, found: waiting.Description) -> list[str]:
    """A line for each metric of a script that SageMaker found no value of, with the line of the log that comes nearest."""
    if PROGRAM not in found.get("HyperParameters", {}):
        return []  # the classifier prints some metrics only of what it was given
    valued = {row["MetricName"] for row in found.get("FinalMetricDataList", [])}
    missing = {row["Name"]: row["Regex"] for row in found["AlgorithmSpecification"].get("MetricDefinitions", [])}
    missing = {name: regex for name, regex in missing.items() if name not in valued}
    lines = [line for _, line in logs.of_training_job(target, found["TrainingJobName"]).lines()] if missing else []
    return [f"   {name}: no value; {nearest_line.explained(regex, lines)}" for name, regex in missing.items()]


def look_inside(target: Target, config: TrainConfig, found: dict[str, Any], output: Terminal) -> list[RuleStatus]:
    """What the rules of an ended job came to; those that could not go along with it are evaluated now."""
    name = found["TrainingJobName"]
    if config.rules and not config.settings.debugger:
        own = RulesConfig(settings=config.settings, name=f"{name[:32].rstrip('-')}-rules", job=name, rules=config.rules)
        return rules.evaluate(target, own, output)
    statuses = rule_status.of_training_job(found)
    for one in statuses:
        output.line(one.line, style=one.style)
    return statuses
