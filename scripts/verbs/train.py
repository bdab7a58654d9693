"""`kennel train`: one training job with the best hyperparameters, debugger hooks and rules, followed to its end."""

from typing import Any

from scripts.aws import idempotent, rule_status, waiting
from scripts.aws.api import Target, connect
from scripts.aws.api_requests import create_training_job
from scripts.aws.calls import Call
from scripts.aws.job_config import RulesConfig, TrainConfig
from scripts.aws.rule_status import RuleStatus
from scripts.aws.settings import kennel_command
from scripts.cli.terminal import Terminal
from scripts.images import catalog
from scripts.verbs import rules


def plan(config: TrainConfig) -> list[Call]:
    return [create_training_job(config)]


def run(config: TrainConfig, output: Terminal) -> int:
    target = connect(config.settings)
    name = start(target, config, output)
    if config.detach:
        hints = [(f"logs {name} --follow", "watch it"), (f"stop {name}", "stop it")]
        later = config.rules and not config.settings.debugger
        output.next(config.settings, *hints, *([(f"rules {name}", "after its end: look into it")] if later else []))
        return 0
    look_inside(target, config, wait(target, config, name, output), output)
    output.next(
        config.settings,
        ("deploy", "put the model behind an endpoint"),
        ("report", "what happened in it, as a page"),
        ("logs", "all it printed"),
    )
    return 0


def start(target: Target, config: TrainConfig, output: Terminal) -> str:
    """Start the training job, or find the one that runs; returns its name."""
    settings = config.settings
    if config.tuned_by:
        output.line(
            f"hyperparameters of tuning job {config.tuned_by} ({settings.home / 'best.json'}; --no-best leaves them aside)"
        )
    if not config.follow:
        catalog.check(target, settings, settings.train_image)
    with waiting.left_running(f"training job {config.name}", settings, f"train --follow {config.name}", f"stop {config.name}"):
        return idempotent.start(target, idempotent.TRAINING, config, plan(config)[0], output)


def wait(target: Target, config: TrainConfig, name: str, output: Terminal) -> waiting.Description:
    """Wait for the training job; returns its description, as DescribeTrainingJob gives it."""
    settings = config.settings
    with waiting.left_running(f"training job {name}", settings, f"train --follow {name}", f"stop {name}"):
        found = waiting.training_job(target, name, output, kennel_command(f"logs {name}", settings))
    for row in found.get("FinalMetricDataList", []):
        output.line(f"   {row['MetricName']:<26} {row['Value']:.4f}")
    output.line(f"model  {found['ModelArtifacts']['S3ModelArtifacts']}")
    return found


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
