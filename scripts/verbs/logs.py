"""`kennel logs`: what a job or an endpoint printed, each line once; with --follow, until it ends."""

import time

from scripts.aws.api import Target, connect
from scripts.aws.calls import Call
from scripts.aws.logs import ENDPOINTS, PROCESSING, TRAINING, Tail, of_training_job, of_tuning_job
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import LogsConfig
from scripts.errors import LaunchError
from scripts.output import emit


def _described(target: Target, name: str) -> tuple[str, bool] | None:
    """The kind of thing that a name is, and whether it may still print; None when it is nothing."""
    if found := target.find("sagemaker", "DescribeTrainingJob", TrainingJobName=name):
        return "training", found["TrainingJobStatus"] in ("InProgress", "Stopping")
    if found := target.find("sagemaker", "DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name):
        return "tuning", found["HyperParameterTuningJobStatus"] in ("InProgress", "Stopping")
    if found := target.find("sagemaker", "DescribeProcessingJob", ProcessingJobName=name):
        return "processing", found["ProcessingJobStatus"] in ("InProgress", "Stopping")
    if found := target.find("sagemaker", "DescribeEndpoint", EndpointName=name):
        return "endpoint", True
    return None


def _tail(target: Target, name: str, kind: str) -> Tail:
    if kind == "training":
        return of_training_job(target, name)
    if kind == "processing":
        return Tail(target, PROCESSING, f"{name}/")
    if kind == "tuning":
        return of_tuning_job(target, name)
    return Tail(target, f"{ENDPOINTS}{name}")


def plan(config: LogsConfig) -> list[Call]:
    return [
        Call("sagemaker", "DescribeTrainingJob", {"TrainingJobName": config.name}),
        Call("logs", "DescribeLogStreams", {"logGroupName": TRAINING, "logStreamNamePrefix": f"{config.name}/"}),
    ]


def run(config: LogsConfig, output: Terminal) -> int:
    """Print what there is; with `follow`, go on until the job has ended (an endpoint: until Ctrl-C)."""
    target = connect(config.settings)
    found = _described(target, config.name)
    if found is None and not any(True for _ in _tail(target, config.name, "endpoint").lines()):
        raise LaunchError(f"{config.name}: no job or endpoint of this name; kennel status lists them")
    kind = found[0] if found else "endpoint"
    tail, count = _tail(target, config.name, kind), 0
    while True:
        # Asked before the lines are read: what is printed until the end is read once more after it.
        found = _described(target, config.name)
        for stream, line in tail.lines():
            count += 1
            if not emit(f"{stream.partition('/')[0][-12:]} {line}" if kind == "tuning" else line):
                return 0
        if not config.follow or found is None or not found[1]:
            break
        time.sleep(target.poll)
    if not count:
        output.line(f"{config.name}: nothing printed yet")
    return 0
