"""Runs a notebook in another Python (execute.py) and shows a person each cell with its time and its outcome."""

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.machine.process import end_with_parent
from scripts.errors import LaunchError, RunError
from scripts.foreground import end
from scripts.output import Output

_PROGRAM = Path(__file__).with_name("execute.py")
_STOP = 20.0
_SHOWN = 96
"""Letters of a cell's code in its line."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the notebook's cells. `failed`: number and error of those that failed, of one that ended the kernel too.

    `stopped`: what ended the run early. `unwritten`: why there is no executed copy.
    """

    cells: int
    ran: int
    failed: Sequence[tuple[int, str]]
    stopped: str | None
    unwritten: str | None


def run(
    python: Path, notebook: Path, copy: Path, parameters: Mapping[str, Any], keep_going: bool, environment: Mapping[str, str],
    output: Output,
) -> Outcome:  # fmt: skip
    """Executes a notebook and writes the executed copy. Raises LaunchError where it cannot begin, RunError where it is cut off.

    The cells run in the notebook's own folder. On Ctrl-C the kernel is ended, and what was executed is written all the same, to
    a place that is told.
    """
    _check_place(copy)
    outcome, before = None, _version(copy)
    ours, theirs = os.pipe()
    request = {
        "notebook": str(notebook.absolute()),
        "output": str(copy.absolute()),
        "parameters": dict(parameters),
        "keep_going": keep_going,
        "events": theirs,
    }
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [str(python), str(_PROGRAM), json.dumps(request)],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            pass_fds=(theirs,),
            start_new_session=True,  # Ctrl-C is for this program, which ends that one
            preexec_fn=end_with_parent,
        )
        os.close(theirs)
        try:
            with open(ours, encoding="utf-8") as events:
                outcome = _shown(notebook, (json.loads(line) for line in events), output)
            if outcome is None:  # it is ending by itself, and why is what it prints last
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP)
        finally:
            try:
                end(process, _STOP)  # it ends its kernel and writes the copy first
            finally:
                if outcome is None and _version(copy) != before:
                    output.line(f"executed copy  {copy}")
        if outcome is not None:
            return outcome
        errors.seek(0)
        told = errors.read().decode("utf-8", "replace").strip().splitlines()
    last = told[-1] if told else f"status {process.returncode}"
    raise RunError(f"{notebook}: it could not be run: {last}")


def _version(file: Path) -> tuple[int, int] | None:
    """What differs once a file has been replaced."""
    with contextlib.suppress(OSError):
        return (about := file.stat()).st_ino, about.st_mtime_ns
    return None


def _check_place(copy: Path) -> None:
    """Raises LaunchError where the executed copy cannot be written: before the cells run, and not after."""
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=copy.parent):
            pass
    except OSError as error:
        raise LaunchError(f"--output {copy}: the executed copy cannot be written there: {error.strerror}") from None
    if copy.exists() and not copy.is_file():
        raise LaunchError(f"--output {copy}: this is no file; give the name of one")


def _shown(notebook: Path, events: Iterator[dict[str, Any]], output: Output) -> Outcome | None:
    """One line a cell, and while it runs the newest line it printed. None where the program ended without its last event."""
    cells, ran, failed, unwritten = 0, 0, list[tuple[int, str]](), None
    running, code = 0, ""
    with output.changing() as show:
        for event in events:
            match event["event"]:
                case "refused":
                    raise LaunchError(f"{notebook}: this cannot be run as a notebook: {event['why'].splitlines()[0][:200]}")
                case "note":
                    output.line(event["text"], style="yellow")
                case "begin":
                    cells = event["cells"]
                case "cell":
                    running, code = event["number"], event["code"][:_SHOWN]
                    show(f"{event['number']:>4} of {cells}  {code}")
                case "printed":
                    show(f"           {event['text']}")
                case "done":
                    ran, running = ran + 1, 0
                    line = f"{event['number']:>4}  {event['seconds']:7.1f} s  {'failed  ' if event['error'] else ''}{code}"
                    output.line(line, style="red" if event["error"] else "")
                    if event["error"]:
                        failed.append((event["number"], event["error"]))
                case "unwritten":
                    unwritten = event["why"]
                case "end":
                    if running:
                        output.line(f"{running:>4}             failed  {code}", style="red")
                        ran, failed = ran + 1, [*failed, (running, event["stopped"])]
                    return Outcome(cells, ran, failed, event["stopped"], unwritten)
    return None
