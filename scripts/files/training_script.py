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
    commands: list[str] = field(default_factory=list)
    """Of its subparsers, none of which SageMaker can choose."""


def read(source: bytes) -> TrainingScript:
    """What a Python script says. Raises SyntaxError, and as Python does others for what it cannot read."""
    tree = _parsed(source)
    found = TrainingScript()
    constants = _constants(tree)
    subparsers: dict[str, str] = {}
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.expr | ast.Assign))
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
        if isinstance(node, ast.Assign):
            _follow_subparser(node, subparsers)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (named := _CHANNEL.fullmatch(node.value)):
            found.channels = list(dict.fromkeys([*found.channels, named[1].lower()]))
        if isinstance(node, ast.Call) and _name(node.func) == "add_argument":
            found.has_options = True
            _add_option(node, constants, _command(node.func, subparsers), found)
        if isinstance(node, ast.Call) and _name(node.func) == "add_parser":
            found.commands = list(dict.fromkeys([*found.commands, _command(node, subparsers)]))
        if isinstance(node, ast.Call) and _name(node.func) in _PRINTERS:
            for label in _labels(_printed(node)):
                if len(found.metrics) < MOST_METRICS:
                    found.metrics.setdefault(_slug(label), _escaped(label) + NUMBER)
    return found


def imported(source: bytes) -> set[str]:
    """The first parts of the names of all modules that a Python file imports; empty for a file that is none."""
    try:
        tree = _parsed(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def _parsed(source: bytes) -> ast.Module:
    """The script's tree; bytes, as Python looks into them for their coding."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _follow_subparser(assignment: ast.Assign, known: dict[str, str]) -> None:
    """Remembers by its name a subparser, or a group of one, with the command it is of; and forgets a name that is another now."""
    command = _command(assignment.value, known) if isinstance(assignment.value, ast.Call) else ""
    for target in assignment.targets:
        if isinstance(target, ast.Name):
            known.pop(target.id, None)
            if command:
                known[target.id] = command


def _command(node: ast.expr, subparsers: dict[str, str]) -> str:
    """The command of the subparser that an expression begins with; empty where it begins with none."""
    while True:
        if isinstance(node, ast.Call) and _name(node.func) == "add_parser":
            match node.args:
                case [ast.Constant(value=str(command)), *_] if command.isprintable():
                    return command
            return "?"
        if isinstance(node, ast.Name):
            return subparsers.get(node.id, "")
        if not isinstance(node, ast.Call | ast.Attribute):
            return ""
        node = node.func if isinstance(node, ast.Call) else node.value


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """What is assigned to names at the top of the file, once each."""
    found: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
    return found


def _add_option(call: ast.Call, constants: dict[str, ast.expr], command: str, found: TrainingScript) -> None:
    """The option of one add_argument, as a hyperparameter or as one that is left out. `command`: of the subparser it is of."""
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
    if command:
        found.left_out[f"{command} {name}"] = "is of a command, and SageMaker gives none"
        return
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
