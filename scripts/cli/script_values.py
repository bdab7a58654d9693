"""What --metric, --range and --set say for a person's own script. Pure: each is checked here as SageMaker would, in one line."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.aws.script_requests import wire
from scripts.cli.validation import pairs
from scripts.errors import LaunchError

MOST_METRICS = 40
LONGEST_METRIC_NAME, LONGEST_REGEX = 255, 500
MOST_HYPERPARAMETERS = 95
"""Of a job's 100; five more are what frameworks are told of the script."""
LONGEST_VALUE = 2500
MOST_RANGES = 30
MOST_VALUES = 30
RESERVED = ("sagemaker_", "_tuning_objective_metric")
"""Beginnings of hyperparameters that no script is given."""
_SCALES = {"log": "Logarithmic", "linear": "Linear"}
_LOWER = re.compile(r"loss|err(or)?\b|perplexity|mse|mae|rmse", re.IGNORECASE)
_HIGHER = re.compile(r"acc(uracy)?\b|f1|auc|score|precision|recall|\bmap\b|iou", re.IGNORECASE)


def metric_regexes(given: Sequence[str]) -> dict[str, str]:
    """--metric NAME=REGEX, again and again. Raises LaunchError for what SageMaker would take nothing from."""
    found: dict[str, str] = {}
    for pair in given:
        name, equals, regex = pair.partition("=")
        if not equals or not name or not regex:
            raise LaunchError(f"--metric {pair}: need NAME=REGEX, such as --metric 'loss=Average loss: ([0-9.]+)'")
        if not name.isprintable() or name != name.strip():
            raise LaunchError(f"--metric {name!r:.100}: need a name that can be printed, without spaces around it")
        if name in found:
            raise LaunchError(f"--metric {name}: given more than once")
        if len(name) > LONGEST_METRIC_NAME or len(regex) > LONGEST_REGEX:
            raise LaunchError(
                f"--metric {name[:80]}: at most {LONGEST_METRIC_NAME} letters of a name and {LONGEST_REGEX} of a regex"
            )
        try:
            groups = re.compile(regex).groups
        except (re.error, OverflowError, RecursionError) as error:
            raise LaunchError(f"--metric {name}: {regex!r} is no regex: {error}") from None
        if groups != 1:
            raise LaunchError(
                f"--metric {name}: {regex!r} has {groups} groups; need one, around the number: {name}=...([0-9.]+); "
                "others are written (?:...)"
            )
        found[name] = regex
    if len(found) > MOST_METRICS:
        raise LaunchError(f"--metric: {len(found)} of them; SageMaker takes {MOST_METRICS}")
    return found


def hyperparameters(given: Sequence[str]) -> dict[str, str]:
    """--set NAME=VALUE as framework estimators send it: JSON stays what it is, any other value is text. Raises LaunchError."""
    return checked({name: json_or_text(text) for name, text in pairs(given).items()}, "--set")


def checked(values: Mapping[str, Any], what: str) -> dict[str, str]:
    """Hyperparameters as framework estimators send them. `what`: where they were given. Raises LaunchError."""
    found: dict[str, str] = {}
    for name, value in values.items():
        try:
            found[name] = wire(value)
        except (TypeError, ValueError):
            raise LaunchError(f"{what} {name}: {value!s:.100}; need a number, a text, true, false or a list") from None
        if name.startswith(RESERVED):
            raise LaunchError(f"{what} {name}: such names are SageMaker's own and reach no script; choose another")
        if len(found[name]) > LONGEST_VALUE:
            raise LaunchError(f"{what} {name}: {len(found[name]):,} letters; at most {LONGEST_VALUE:,}; give a file in a channel")
        if isinstance(value, float) and not math.isfinite(value):
            raise LaunchError(f"{what} {name}: {value}; need a finite number")
    if len(found) > MOST_HYPERPARAMETERS:
        raise LaunchError(f"{what}: {len(found)} hyperparameters; at most {MOST_HYPERPARAMETERS}")
    return found


def ranges(given: Sequence[str]) -> dict[str, Any]:
    """--range NAME=LOW:HIGH[:log|linear] or NAME=A,B,C, again and again, as ParameterRanges. Raises LaunchError."""
    found: dict[str, list[dict[str, Any]]] = {}
    names: set[str] = set()
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise LaunchError(f"--range {pair}: need NAME=LOW:HIGH or NAME=A,B,C, such as --range lr=0.0001:0.1:log")
        if name in names or name.startswith(RESERVED):
            raise LaunchError(f"--range {name}: {'given more than once' if name in names else 'reserved by SageMaker'}")
        names.add(name)
        kind, row = _categorical(name, text) if "," in text else _interval(name, text)
        found.setdefault(kind, []).append({"Name": name} | row)
    if not 1 <= len(names) <= MOST_RANGES:
        raise LaunchError(f"--range: {len(names)} of them; need 1 to {MOST_RANGES}, such as --range lr=0.0001:0.1:log")
    return found


def better(objective: str, minimize: bool, maximize: bool) -> str:
    """`low` or `high`: as told, else as the metric's name says. Raises LaunchError where it says neither, or both."""
    if minimize or maximize:
        return "low" if minimize else "high"
    lower, higher = bool(_LOWER.search(objective)), bool(_HIGHER.search(objective))
    if lower == higher:
        raise LaunchError(f"--metric {objective}: is low or high better? give --minimize or --maximize")
    return "low" if lower else "high"


def json_or_text(text: str) -> Any:
    """What a person's value says: JSON stays what it is, any other is text."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _categorical(name: str, text: str) -> tuple[str, dict[str, Any]]:
    values = [part.strip() for part in text.split(",")]
    if "" in values or len(set(values)) < len(values) or len(values) > MOST_VALUES:
        raise LaunchError(f"--range {name}={text}: need 2 to {MOST_VALUES} values, each another, with commas between them")
    # As text, numbers too: so the SDK sends the values of a CategoricalParameter.
    return "CategoricalParameterRanges", {"Values": [wire(value) for value in values]}


def _interval(name: str, text: str) -> tuple[str, dict[str, Any]]:
    low, _, rest = text.partition(":")
    high, colon, scale = rest.partition(":")
    what = f"--range {name}={text}"
    if not rest:
        raise LaunchError(f"{what}: one value is no range; give --set {name}={text}, or NAME=LOW:HIGH, or NAME=A,B,C")
    if colon and scale not in _SCALES:
        raise LaunchError(f"{what}: scale {scale!r} is not known; need {' or '.join(_SCALES)}")
    whole = all(re.fullmatch(r"[-+]?\d{1,18}", end) for end in (low, high))
    try:
        ends = (int(low), int(high)) if whole else (float(low), float(high))
    except ValueError:
        raise LaunchError(f"{what}: need two numbers, such as {name}=0.0001:0.1, or values with commas between them") from None
    if not all(map(math.isfinite, ends)) or ends[0] >= ends[1]:
        raise LaunchError(f"{what}: need the lower end first, both finite")
    if scale == "log" and ends[0] <= 0:
        raise LaunchError(f"{what}: a logarithmic scale needs a lower end above 0")
    kind = "IntegerParameterRanges" if whole else "ContinuousParameterRanges"
    return kind, {"MinValue": str(ends[0]), "MaxValue": str(ends[1]), "ScalingType": _SCALES.get(scale, "Auto")}
