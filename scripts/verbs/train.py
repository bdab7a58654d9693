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


def plan(given: TrainConfig) -> list[Call]:
    return [create_training_job(given)]


def run(given: TrainConfig, say: Terminal) -> int:
    target = connect(given.settings)
    name = start(target, given, say)
    if given.detach:
        hints = [(f"logs {name} --follow", "watch it"), (f"stop {name}", "stop it")]
        later = given.rules and not given.settings.debugger
        say.next(given.settings, *hints, *([(f"rules {name}", "after its end: look into it")] if later else []))
        return 0
    look_inside(target, given, wait(target, given, name, say), say)
    say.next(
        given.settings,
        ("deploy", "put the model behind an endpoint"),
        ("report", "what happened in it, as a page"),
        ("logs", "all it printed"),
    )
    return 0


def start(target: Target, given: TrainConfig, say: Terminal) -> str:
    """Start the training job, or find the one that runs; returns its name."""
    settings = given.settings
    if given.tuned_by:
        say.line(f"hyperparameters of tuning job {given.tuned_by} ({settings.home / 'best.json'}; --no-best leaves them aside)")
    if not given.follow:
        catalog.check(target, settings, settings.train_image)
    with waiting.left_running(f"training job {given.name}", settings, f"train --follow {given.name}", f"stop {given.name}"):
        return idempotent.start(target, idempotent.TRAINING, given, plan(given)[0], say)


def wait(target: Target, given: TrainConfig, name: str, say: Terminal) -> waiting.Description:
    """Wait for the training job; returns its description, as DescribeTrainingJob gives it."""
    settings = given.settings
    with waiting.left_running(f"training job {name}", settings, f"train --follow {name}", f"stop {name}"):
        found = waiting.training_job(target, name, say, kennel_command(f"logs {name}", settings))
    for row in found.get("FinalMetricDataList", []):
        say.line(f"   {row['MetricName']:<26} {row['Value']:.4f}")
    say.line(f"model  {found['ModelArtifacts']['S3ModelArtifacts']}")
    return found


def look_inside(target: Target, given: TrainConfig, found: dict[str, Any], say: Terminal) -> list[RuleStatus]:
    """What the rules of an ended job came to; those that could not go along with it are evaluated now."""
    name = found["TrainingJobName"]
    if given.rules and not given.settings.debugger:
        own = RulesConfig(settings=given.settings, name=f"{name[:32].rstrip('-')}-rules", job=name, rules=given.rules)
        return rules.evaluate(target, own, say)
    statuses = rule_status.of_training_job(found)
    for one in statuses:
        say.line(one.line, style=one.style)
    return statuses
