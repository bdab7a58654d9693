"""`kennel train`: one training job with the best hyperparameters and debugger hooks, followed to its end."""

from scripts import follow, images, once
from scripts.config import TrainConfig
from scripts.plan import Call
from scripts.requests import create_training_job
from scripts.say import Say, command
from scripts.target import Target, connect


def plan(given: TrainConfig) -> list[Call]:
    return [create_training_job(given)]


def run(given: TrainConfig, say: Say) -> int:
    train(connect(given.settings), given, say)
    if not given.detach:
        say.next(given.settings, ("deploy", "put the model behind an endpoint"), ("logs", "all it printed"))
    return 0


def train(target: Target, given: TrainConfig, say: Say) -> dict | None:
    """Start or find the training job and wait; returns its description, None when it was only started."""
    settings = given.settings
    if given.tuned_by:
        say.line(f"hyperparameters of tuning job {given.tuned_by} ({settings.home / 'best.json'}; --no-best leaves them aside)")
    if not given.follow:
        images.check(target, settings, settings.train_image)
    with follow.left_running(f"training job {given.name}", settings, f"train --follow {given.name}", f"stop {given.name}"):
        name = once.start(target, once.TRAINING, given, plan(given)[0], say)
    if given.detach:
        say.next(settings, (f"logs {name} --follow", "watch it"), (f"stop {name}", "stop it"))
        return None
    with follow.left_running(f"training job {name}", settings, f"train --follow {name}", f"stop {name}"):
        found = follow.training_job(target, name, say, command(f"logs {name}", settings))
    for row in found.get("FinalMetricDataList", []):
        say.line(f"   {row['MetricName']:<26} {row['Value']:.4f}")
    say.line(f"model  {found['ModelArtifacts']['S3ModelArtifacts']}")
    return found
