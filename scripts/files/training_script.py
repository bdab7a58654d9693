"""What a person's training script says of itself: hyperparameters, channels and metrics, read from its text. It is never run.

Source: what SageMaker's toolkit gives a script (SM_CHANNEL_*, one --name value for each hyperparameter) and argparse.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_CHANNEL = re.compile(r"SM_CHANNEL_([A-Z0-9_]+)")
_OF_SAGEMAKER = re.compile(r"SM_[A-Z_]+")
_METRIC = re.compile(r"loss|accuracy|\bacc\b|error|f1|auc|score|precision|recall|perplexity|iou|mae|rmse", re.IGNORECASE)
_FORMATS = re.compile(r"%[-+ 0#]*\d*(?:\.\d+)?[sdrifgeEG]")
_FIELDS = re.compile(r"\{[^{}]*\}")
_PRINTERS = ("print", "debug", "info", "warning", "log")
_VALUE = "\0"
"""Stands for a printed value in a text."""
NUMBER = r"([-+]?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?)"
"""The one group of a metric's regex."""
MOST_METRICS = 10
_LONGEST_LABEL = 100


@dataclass(slots=True, kw_only=True)
class TrainingScript:
    """What was found. `hyperparameters`: their defaults; `left_out`: options that get no value, and why; `metrics`: a regex each,
    guessed from what is printed."""

    hyperparameters: dict[str, bool | int | float | str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    channels: list[str] = field(default_factory=list)
    metrics: dict[str, str] = field(default_factory=dict)
    has_options: bool = False
    """Whether it adds any option to a parser."""


def read(text: str) -> TrainingScript:
    """What the text of a Python script says. Raises SyntaxError, or ValueError where it is no text of Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    found = TrainingScript()
    constants = _constants(tree)
    for node in sorted((node for node in ast.walk(tree) if isinstance(node, ast.expr)), key=lambda node: node.lineno):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (named := _CHANNEL.fullmatch(node.value)):
            found.channels = list(dict.fromkeys([*found.channels, named[1].lower()]))
        if isinstance(node, ast.Call) and _name(node.func) == "add_argument":
            found.has_options = True
            _add_option(node, constants, found)
        if isinstance(node, ast.Call) and _name(node.func) in _PRINTERS:
            for label in _labels(_printed(node)):
                if len(found.metrics) < MOST_METRICS:
                    found.metrics.setdefault(_slug(label), _escaped(label) + NUMBER)
    return found


def imported(text: str) -> set[str]:
    """The first parts of the names of all modules that a Python file imports; empty for a file that is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """What is assigned to names at the top of the file, once each."""
    found: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
    return found


def _add_option(call: ast.Call, constants: dict[str, ast.expr], found: TrainingScript) -> None:
    """The option of one add_argument, as a hyperparameter or as one that is left out."""
    flags = [flag.value for flag in call.args if isinstance(flag, ast.Constant) and isinstance(flag.value, str)]
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if not flags or not all(flag.isprintable() for flag in flags):
        return
    name = next((flag for flag in flags if flag.startswith("--")), flags[0])
    default = given.get("default")
    if isinstance(default, ast.Name):
        default = constants.get(default.id, default)
    if default is not None and any(
        isinstance(node, ast.Constant) and isinstance(node.value, str) and _OF_SAGEMAKER.fullmatch(node.value)
        for node in ast.walk(default)
    ):
        return  # SageMaker gives it by itself
    key = name.lstrip("-")
    value, why = _value(name, given, default)
    if why:
        found.left_out[key] = why
    else:
        found.hyperparameters[key] = value


def _value(name: str, given: dict[str | None, ast.expr], default: ast.expr | None) -> tuple[Any, str]:
    """The default of an option and an empty text, or nothing and why it has none that can be sent."""
    if not name.startswith("-"):
        return None, "has no -- before its name, and SageMaker gives values by name"
    if len(name.lstrip("-")) == 1 and name.startswith("--"):
        return None, "SageMaker gives a name of one letter with one dash"
    if "action" in given:
        return None, "takes no value, and SageMaker gives one with each name"
    if "nargs" in given:
        return None, "takes several values, and SageMaker gives one"
    required = isinstance(given.get("required"), ast.Constant) and ast.literal_eval(given["required"])
    if default is None:
        return None, "is required and has no default: give it" if required else "has no default"
    try:
        value = ast.literal_eval(default)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None, f"its default is computed: {ast.unparse(default)[:80]}"
    kind = given.get("type")
    if value is None:
        return None, "has no default"
    if not isinstance(value, (bool, int, float, str)):
        return None, "its default is no number and no text"
    if isinstance(value, bool) and (kind is None or _name(kind) == "bool"):
        return None, "is true for any text that SageMaker gives"
    if isinstance(value, str) and not value.isprintable():
        return None, "its default cannot be printed"
    if isinstance(value, float) and value - value != 0:
        return None, "its default is no finite number"
    return value, ""


def _printed(call: ast.Call) -> str:
    """What a call prints, with one mark for each value; empty where its text is not known."""
    if not call.args:
        return ""
    first, *rest = (_text(argument) for argument in call.args)
    if _name(call.func) == "print":
        return " ".join([first, *rest])
    return _FORMATS.sub(_VALUE, first) if rest else first


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else _VALUE for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
        return _FORMATS.sub(_VALUE, _text(node.left))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.Call) and _name(node.func) == "format" and isinstance(node.func, ast.Attribute):
        return _FIELDS.sub(_VALUE, _text(node.func.value))
    return _VALUE


def _labels(printed: str) -> Iterator[str]:
    """The text before each value that looks like a metric's: `Test loss: ` of `Epoch 3, Test loss: 0.5`."""
    parts = re.split(r"[\n\r]|(?<=\0)", printed)
    for part, after in zip(parts, [*parts[1:], ""], strict=True):
        label = part.removesuffix(_VALUE).lstrip(" ,;|()[]-:/%\t")
        is_metric = part.endswith(_VALUE) and _METRIC.search(label) and not after.startswith("/")
        if is_metric and label.isprintable() and len(label) <= _LONGEST_LABEL:
            yield label


def _slug(label: str) -> str:
    """A metric's name: the last three words of its label."""
    words = re.findall(r"[A-Za-z0-9]+", label.lower())
    return "-".join(words[-3:])


def _escaped(label: str) -> str:
    return re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", label)
