"""Jobs are started idempotently: one that runs already is found and followed, and a request that is sent twice makes one job."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from contract.script.script_mode import PROGRAM
from scripts.aws.api import Target, is_taken
from scripts.aws.calls import Call
from scripts.aws.job_config import JobConfig
from scripts.errors import LaunchError
from scripts.files import state
from scripts.output import Output

RUNNING = ("InProgress", "Stopping")
AnyJob = TypeVar("AnyJob", bound=JobConfig)


@dataclass(frozen=True, slots=True)
class Kind:
    """How the API speaks of one kind of job, and where a checkout remembers the last one."""

    what: str
    name_field: str
    describe: str
    status_field: str
    remembered: state.Job


TRAINING = Kind("training job", "TrainingJobName", "DescribeTrainingJob", "TrainingJobStatus", "training_job")
FEATURES = replace(TRAINING, what="features job", remembered="features_job")
TUNING = Kind(
    "tuning job",
    "HyperParameterTuningJobName",
    "DescribeHyperParameterTuningJob",
    "HyperParameterTuningJobStatus",
    "tuning_job",
)


def start(target: Target, kind: Kind, config: AnyJob, request: Callable[[AnyJob], Call], output: Output) -> str:
    """Send the create request, or find what it would make; returns the name of the job that now exists.

    `request` makes the create request of a config. Raises LaunchError when a job of that name, or the one that runs, was asked
    for something else.
    """
    if config.follow:
        found = target.find("sagemaker", kind.describe, **{kind.name_field: config.name})
        if found is None:
            raise LaunchError(f"--follow {config.name}: no {kind.what} of this name; kennel status lists them")
        _refuse_another_program(kind, config, found)
        return config.name
    if not config.named and config.previous and _runs(target, kind, config, config.previous, request, output):
        return config.previous
    # Written down first: whatever happens to the answer, the next command finds the job.
    before = state.read(config.settings.state)
    mine: state.LaunchState = {}
    mine[kind.remembered] = config.name
    state.remember(config.settings.state, mine)
    call = request(config)
    try:
        target.send(call)
        output.line(f"{kind.what} {config.name} started")
    except ClientError as error:
        if not is_taken(error):
            state.put_back(config.settings.state, mine, before)  # refused: there is no such job
            raise
        found = target.ask("sagemaker", kind.describe, **{kind.name_field: config.name})
        _refuse_another(kind, config.name, found, call)
        output.line(f"{kind.what} {config.name} exists ({found[kind.status_field]}): following it")
    return config.name


def _runs(target: Target, kind: Kind, config: AnyJob, name: str, request: Callable[[AnyJob], Call], output: Output) -> bool:
    found = target.find("sagemaker", kind.describe, **{kind.name_field: name})
    if found is None or found[kind.status_field] not in RUNNING:
        return False
    # As it would be asked for under its own name, which stands in more than one place of some requests.
    _refuse_another(kind, name, found, request(replace(config, name=name)))
    output.line(f"{kind.what} {name} runs already: following it")
    return True


def _refuse_another_program(kind: Kind, config: JobConfig, found: Mapping[str, Any]) -> None:
    """Whoever follows must know whose job it is: what is told of it, and where its best is kept, differ."""
    given = found.get("HyperParameters") or found.get("TrainingJobDefinition", {}).get("StaticHyperParameters", {})
    if PROGRAM in given and config.script is None:
        raise LaunchError(
            f"--follow {config.name}: this {kind.what} runs the script {given[PROGRAM]}; give --script FILE as well, "
            f"or see what it prints with kennel logs {config.name} --follow"
        )
    if config.script is not None and PROGRAM not in given:
        raise LaunchError(f"--follow {config.name}: this {kind.what} runs no script; leave --script out")


def _refuse_another(kind: Kind, name: str, found: Mapping[str, Any], call: Call) -> None:
    """A job that is there must be the one that was asked for; tags and the name itself are left out."""
    wanted = {key: value for key, value in call.request.items() if key not in (kind.name_field, "Tags")}
    extra = set(found.get("HyperParameters", {})) - set(call.request.get("HyperParameters", {}))
    if differing := difference(wanted, found) or (f"HyperParameters.{min(extra)}" if extra else None):
        status = found[kind.status_field]
        raise LaunchError(
            f"{kind.what} {name} ({status}) was started with another {differing}; follow it with kennel logs {name}, "
            f"stop it with kennel stop {name}, or give --name for a new one"
        )


def difference(wanted: Any, found: Any, path: str = "") -> str | None:
    """The dotted name of the first thing wanted that is not found so; None when all of it is there."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key, value in wanted.items():
            if key not in found:
                return f"{path}{key}"
            if hit := difference(value, found[key], f"{path}{key}."):
                return hit
        return None
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return next((hit for one, other in zip(wanted, found, strict=True) if (hit := difference(one, other, path))), None)
    return None if wanted == found else path.rstrip(".") or "value"
