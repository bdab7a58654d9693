"""`kennel report`: the report of a job, a tuning job, or two jobs side by side. The `rules` program makes it; this file finds the
job, says where it lies, and shows the way to the page."""

import json
import os
import subprocess
import sys
import tempfile
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from scripts.aws import client_environment, local_server
from scripts.aws.api import Target, connect
from scripts.aws.calls import Call
from scripts.aws.settings import Settings
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import ReportConfig
from scripts.config import PROJECT, WITHOUT_AWS_FILES, inherited_environment, whole_environment
from scripts.errors import LaunchError, RunError


def plan(config: ReportConfig) -> list[Call]:
    if config.tuning:
        return [Call("sagemaker", "DescribeHyperParameterTuningJob", {"HyperParameterTuningJobName": config.place})]
    names = [place for place in (config.place, config.other) if place and is_name(place)]
    return [Call("sagemaker", "DescribeTrainingJob", {"TrainingJobName": name}) for name in names]


def run(config: ReportConfig, output: Terminal) -> int:
    """Write the report, print its path, show it when asked to."""
    page = write(config, output)
    output.line(f"report  {page}")
    if config.show:
        webbrowser.open(page.resolve().as_uri())
    elif config.other is None:
        output.next(config.settings, (f"report {config.place}{' --tuning' * config.tuning} --open", "show it in the browser"))
    return 0


def is_name(place: str) -> bool:
    """Whether it is the name of a job, and no folder, file or S3 prefix."""
    return not place.startswith("s3://") and "/" not in place and not Path(place).exists()


def write(config: ReportConfig, output: Terminal, target: Target | None = None) -> Path:
    """Have the report written; the page's path. `target`: where to ask for a job, connected to when first needed."""
    config.output.mkdir(parents=True, exist_ok=True)
    places = []
    for place in (config.place, config.other):
        if place and (config.tuning or is_name(place)):
            target = target or connect(config.settings)
            place = str(_described(target, place, config))
        places += [place] if place else []
    compare = ["--compare", places[1]] if len(places) > 1 else []
    pictures = ["--pictures", config.pictures] if config.pictures else []
    results = ["--rules", config.settings.uri("rules")] if config.settings.bucket else []
    options = [*compare, *pictures, *results, *["--all"] * config.everything]
    command = ["report", places[0], *options, "--output", str(config.output)]
    return run_rules(
        command,
        _environment(config.settings, any(place.startswith("s3://") or place.endswith(".json") for place in places)),
        output,
    )


def run_rules(words: list[str], environment: Mapping[str, str], output: Terminal) -> Path:
    """Runs the `rules` program and shows its lines; the path that its last line names. Raises LaunchError, RunError.

    Standard error goes to a file: a pipe that nobody reads is full after 64 KiB, and the program would wait for ever.
    """
    last = ""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "rules", *words],  # -P: what lies in the person's folder is not imported
            env=dict(environment) | {"PYTHONPATH": str(PROJECT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            errors="replace",
        )
        with process, output.changing() as show:
            assert process.stdout is not None
            for line in process.stdout:
                last = line.rstrip("\n")
                show(last)
        told = _last_line(errors)
    if process.returncode == 2 and last.startswith("error: "):
        raise LaunchError(last.removeprefix("error: "))
    if process.returncode:
        raise RunError(f"the report could not be made: {told or last or f'status {process.returncode}'}")
    return Path(last)


def _last_line(file: BinaryIO) -> str:
    """The last line of a file that says anything, as far as it lies in the last 64 KiB."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - (64 << 10)))
    lines = file.read().decode("utf-8", "replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _environment(settings: Settings, remote: bool) -> dict[str, str]:
    """What the program needs to read the job's files: on AWS the person's own session, here the local server's key."""
    if not remote:
        return inherited_environment()
    if settings.target == "aws":
        return whole_environment() | ({"AWS_DEFAULT_REGION": settings.region} if settings.region else {})
    return inherited_environment() | WITHOUT_AWS_FILES | client_environment.plain(settings, local_server.ensure(settings))


def _described(target: Target, name: str, config: ReportConfig) -> Path:
    """What SageMaker says of a job or a tuning job, as a file. Raises LaunchError when there is none of that name."""
    body = None if config.tuning else target.find("sagemaker", "DescribeTrainingJob", TrainingJobName=name)
    if body is None:
        search = target.find("sagemaker", "DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name)
        if search is None:
            raise LaunchError(f"{name}: no training or tuning job of this name, and no such folder; kennel status lists the jobs")
        body = {"HyperParameterTuningJob": search, "TrainingJobs": list(_trials(target, name))}
    file = config.output / f"{name}.json"
    file.write_text(json.dumps(body, indent=1, default=str), encoding="utf-8")
    return file


def _trials(target: Target, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    request: dict[str, Any] = {"HyperParameterTuningJobName": name, "MaxResults": 100}
    while True:
        page = target.ask("sagemaker", "ListTrainingJobsForHyperParameterTuningJob", **request)
        rows += page["TrainingJobSummaries"]
        if not page.get("NextToken"):
            return rows
        request["NextToken"] = page["NextToken"]
