"""`kennel rules JOB`: looks into a training that has ended, with one Processing job for each rule; they need no Debugger."""

import time

from botocore.exceptions import ClientError

from scripts.aws import rule_status, waiting
from scripts.aws.api import Target, connect, is_taken
from scripts.aws.api_requests import create_rule_job, rule_job_name
from scripts.aws.calls import Call
from scripts.aws.job_config import RulesConfig
from scripts.aws.rule_status import RuleStatus
from scripts.cli.terminal import Terminal
from scripts.errors import LaunchError


def plan(config: RulesConfig) -> list[Call]:
    return [create_rule_job(config, rule) for rule in config.rules]


def run(config: RulesConfig, output: Terminal) -> int:
    target = connect(config.settings)
    found = target.find("sagemaker", "DescribeTrainingJob", TrainingJobName=config.job)
    if found is None:
        raise LaunchError(f"{config.job}: no training job of this name; kennel status lists them")
    if found["TrainingJobStatus"] in rule_status.LIVE:
        raise LaunchError(f"{config.job}: still {found['TrainingJobStatus']}; its rules look at a training that has ended")
    evaluate(target, config, output)
    output.next(config.settings, (f"logs {rule_job_name(config, config.rules[0])}", "what an evaluator printed"))
    return 0


def evaluate(target: Target, config: RulesConfig, output: Terminal) -> list[RuleStatus]:
    """Starts the jobs and waits for them, with a line for each rule."""
    jobs = {rule.name: rule_job_name(config, rule) for rule in config.rules}
    for call in plan(config):
        try:
            target.send(call)
        except ClientError as error:
            if not is_taken(error):  # a job that an earlier try has started is this one
                raise
    output.line(f"Processing jobs {config.name}-... started: {', '.join(jobs)} on training job {config.job}")
    found: dict[str, RuleStatus] = {}
    stop = f"stop {next(iter(jobs.values()))}"
    with waiting.left_running(f"Processing jobs {config.name}-...", config.settings, "status", stop), output.changing() as show:
        while len(found) < len(jobs):
            for rule in jobs.keys() - found.keys():
                job = target.ask("sagemaker", "DescribeProcessingJob", ProcessingJobName=jobs[rule])
                one = rule_status.of_processing_job(rule, job)
                if not one.live:
                    found[rule] = one
                    output.line(one.line, style=one.style)
            show(f"   {len(found)} of {len(jobs)}")
            time.sleep(target.poll if len(found) < len(jobs) else 0)
    return [found[rule] for rule in jobs]
