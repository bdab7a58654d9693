"""`kennel stop JOB` stops a training or tuning job; `kennel stop` ends the local SageMaker and what runs in it."""

from scripts.aws import local_server
from scripts.aws.api import Target, connect
from scripts.aws.calls import Call
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import StopConfig
from scripts.errors import LaunchError


def plan(config: StopConfig) -> list[Call]:
    return [_stop_training(config.job)] if config.job else []


def run(config: StopConfig, output: Terminal) -> int:
    if config.job is None:
        output.line("local SageMaker stopped" if local_server.stop(config.settings) else "local SageMaker was not up")
        return 0
    stop_job(connect(config.settings), config.job, output)
    output.next(config.settings, (f"logs {config.job}", "what it printed"), ("status", "what runs"))
    return 0


def stop_job(target: Target, name: str, output: Terminal) -> None:
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
        output.line(f"{name}: stopping; it has two minutes to save what it has")
    else:
        output.line(f"{name}: {status} already")


def _stop_training(name: str) -> Call:
    return Call("sagemaker", "StopTrainingJob", {"TrainingJobName": name})
