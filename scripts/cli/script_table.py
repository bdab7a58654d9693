"""The table [script] of kennel.toml: the script, channels, metrics and hyperparameters of `kennel train` and `kennel tune`.

It is read where the command line names no --script; an option of the command line goes before the same in the table.
"""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scripts.aws import settings
from scripts.cli import script_values
from scripts.errors import LaunchError

NONE = "none"
"""As a channel: the script reads no data."""
_NAMES = ("script", "source", "hyperparameters", "channels", "metrics")


def fill(line: argparse.Namespace, file: Path = settings.FILE) -> None:
    """Gives the options of `kennel train` or `kennel tune` what the table says.

    `line.preset` gets its hyperparameters as they are sent. Raises LaunchError naming what is wrong in the table.
    """
    line.preset = {}
    table = settings.tables(file).get("script")
    if table is None or line.script is not None:
        return
    if strangers := [name for name in table if name not in _NAMES]:
        raise LaunchError(f"{file}: [script] {strangers[0]:.100}: not known; known: {', '.join(_NAMES)}")
    line.script = Path(_text(file, "script", table.get("script")))
    if "source" in table and line.source is None:
        line.source = Path(_text(file, "source", table["source"]))
    line.preset = script_values.checked(_table(file, "hyperparameters", table), f"{file}: [script.hyperparameters]")
    if line.channel != [NONE]:
        channels = _table(file, "channels", table)
        line.channel += _pairs(file, "channels", channels, line.channel) or ([] if line.channel else [NONE])
    line.metric += _pairs(file, "metrics", _table(file, "metrics", table), line.metric)


def _pairs(file: Path, what: str, table: Mapping[str, Any], given: Iterable[str]) -> list[str]:
    """NAME=VALUE for each entry whose name the command line does not give."""
    names = {pair.partition("=")[0] for pair in given}
    return [f"{name}={_text(file, f'{what}.{name}', value)}" for name, value in table.items() if name not in names]


def _table(file: Path, name: str, table: Mapping[str, Any]) -> Mapping[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise LaunchError(f"{file}: [script] {name} = {found!r:.100}: need a table, [script.{name}]")
    if wrong := next((key for key in found if "=" in key or not key.isprintable()), None):
        raise LaunchError(f"{file}: [script.{name}] {wrong[:100]!r}: need a name without '=' that can be printed")
    return found


def _text(file: Path, name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise LaunchError(f"{file}: [script] {name}: {'not given' if value is None else f'{value!r:.100}'}; need a text")
    return value
