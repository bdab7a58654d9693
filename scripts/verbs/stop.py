"""`kennel stop JOB` stops a training or tuning job; `kennel stop` ends the local SageMaker and what runs in it."""

from scripts.aws import local_server
from scripts.aws.api import Target, connect
from scripts.aws.calls import Call
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import StopConfig
from scripts.errors import LaunchError


def plan(given: StopConfig) -> list[Call]:
    return [_stop_training(given.job)] if given.job else []


def run(given: StopConfig, say: Terminal) -> int:
    if given.job is None:
        say.line("local SageMaker stopped" if local_server.stop(given.settings) else "local SageMaker was not up")
        return 0
    stop_job(connect(given.settings), given.job, say)
    say.next(given.settings, (f"logs {given.job}", "what it printed"), ("status", "what runs"))
    return 0


def stop_job(target: Target, name: str, say: Terminal) -> None:
    """Ask for the stop of a job: training, tuning or processing. Raises LaunchError when there is none of that name."""
    if found := target.find("sagemaker", "DescribeTrainingJob", TrainingJobName=name):
        status, call = found["TrainingJobStatus"], _stop_training(name)
    elif found := target.find("sagemaker", "DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name):
        status = found["HyperParameterTuningJobStatus"]
        call = Call("sagemaker", "StopHyperParameterTuningJob", {"HyperParameterTuningJobName": name})
    elif found := target.find("sagemaker", "DescribeProcessingJob", ProcessingJobName=name):
        status, call = found["ProcessingJobStatus"], Call("sagemaker", "StopProcessingJob", {"ProcessingJobName": name})
    else:
        raise LaunchError(f"{name}: no training or tuning job of this name; kennel status lists them")
    if status == "InProgress":
        target.send(call)
        say.line(f"{name}: stopping; it has two minutes to save what it has")
    else:
        say.line(f"{name}: {status} already")


def _stop_training(name: str) -> Call:
    return Call("sagemaker", "StopTrainingJob", {"TrainingJobName": name})
