"""The settings of one evaluation are read once: from the command line or, in a container, from the Processing job's files.

SageMaker gives a Processing container /opt/ml/config/processingjobconfig.json. Its Environment holds the rule's parameters, one
variable each, as RuleParameters has them: `rule_to_invoke`, `base_trial`, `threshold` and so on. Names in capitals are no
parameters. Without that file the process's own environment is taken, and of it only names that the rule has.
"""

import argparse
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rules.checks.catalog import ALL, make
from rules.checks.parameters import known
from rules.checks.profiler_rule import ProfilerRule
from rules.checks.rule import TensorRule
from rules.errors import ParameterError
from rules.reading.json_fields import text

COMMON = ("rule_to_invoke", "base_trial", "action_json", "start_step", "end_step")
"""Parameters that are the evaluation's and not the rule's."""
_STEP = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One evaluation. `output`: the folder for the result; None writes none. `job`: the training job's name, where known."""

    rule: TensorRule | ProfilerRule
    place: str
    follow: bool
    exhaustive: bool
    output: Path | None
    actions: str
    job: str | None
    start_step: int
    end_step: int | None


def read_config(arguments: Sequence[str]) -> Config:
    """The settings of a command line; without arguments, of the container. Raises ParameterError."""
    return _command_line(arguments) if arguments else _container(_base())


def message_file(arguments: Sequence[str]) -> Path | None:
    """Where a Processing container leaves its last words; None on a command line."""
    return None if arguments else _base() / "output" / "message"


def _base() -> Path:
    return Path(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")


def _command_line(arguments: Sequence[str]) -> Config:
    parser = argparse.ArgumentParser(prog="rules", description="Look for one disease in a job's tensors or profile.")
    parser.add_argument("rule", help="AWS's name of the rule, such as VanishingGradient")
    parser.add_argument("place", help="folder or s3:// prefix: .../debug-output or .../profiler-output")
    parser.add_argument("parameters", nargs="*", metavar="name=value", help="the rule's parameters")
    parser.add_argument("--follow", action="store_true", help="wait for more until the job has ended")
    parser.add_argument("--all", action="store_true", help="go on after the first evidence")
    parser.add_argument("--output", type=Path, help="folder for the result as JSON")
    given = parser.parse_intermixed_args(arguments)
    parameters = dict(part.partition("=")[::2] for part in given.parameters)
    if wrong := [part for part in given.parameters if "=" not in part]:
        raise ParameterError(f"{wrong[0]!r}: expected name=value.")
    return _config(given.rule, parameters, given.place, follow=given.follow, exhaustive=given.all, output=given.output)


def _container(base: Path) -> Config:
    file = base / "config" / "processingjobconfig.json"
    try:
        body = json.loads(file.read_bytes()) if file.exists() else {}
        environment = {text(name): text(value) for name, value in (body.get("Environment") or {}).items()}
        outputs = (body.get("ProcessingOutputConfig") or {}).get("Outputs") or []
        output = text(outputs[0]["S3Output"]["LocalPath"]) if outputs else str(base / "processing" / "output" / "rule")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ParameterError(f"{file.name} is not a Processing job's: {error!r}.") from None
    given = {name: value for name, value in environment.items() if not name.isupper()}
    if not file.exists():
        given = dict(os.environ)
        rule = given.get("rule_to_invoke", "")
        given = {name: value for name, value in given.items() if name in COMMON or _has(rule, name)}
    name = given.pop("rule_to_invoke", "")
    if not name:
        raise ParameterError("rule_to_invoke is not set: RuleParameters needs the name of a rule, such as VanishingGradient.")
    given.pop("rule_configuration_name", None)
    place = given.pop("base_trial", "")
    return _config(
        name,
        given,
        place or str(base / "processing" / "input" / _folder(name)),
        follow=bool(place),
        exhaustive=False,
        output=Path(output),
        job=environment.get("TRAINING_JOB_NAME") or os.environ.get("TRAINING_JOB_NAME"),
    )


def _config(
    name: str,
    parameters: Mapping[str, str],
    place: str,
    *,
    follow: bool,
    exhaustive: bool,
    output: Path | None,
    job: str | None = None,
) -> Config:
    own = {key: value for key, value in parameters.items() if key not in COMMON}
    rule = make(name, own)
    return Config(
        rule=rule,
        place=place,
        follow=follow,
        exhaustive=exhaustive,
        output=output,
        actions=parameters.get("action_json", ""),
        job=job,
        start_step=_step(parameters, "start_step") or 0,
        end_step=_step(parameters, "end_step"),
    )


def _folder(rule: str) -> str:
    """The Processing job's input that a rule reads where no base_trial says otherwise."""
    return "profiler" if issubclass(ALL.get(rule, TensorRule), ProfilerRule) else "tensors"


def _has(rule: str, name: str) -> bool:
    return rule in ALL and (name in known(ALL[rule]) or (rule == "ProfilerReport" and "_" in name and name[0].isupper()))


def _step(parameters: Mapping[str, str], name: str) -> int | None:
    value = parameters.get(name, "").strip()
    if value in ("", "None"):
        return None
    if not _STEP.fullmatch(value):
        raise ParameterError(f"{name}: {value[:100]!r} is not a step.")
    return int(value)
