"""A Terminal shows a person what a launcher does: lines, one line that changes in place, and the next command to type.

Standard output is for people and for --dry-run's JSON; errors go to standard error, one line each.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from scripts.aws.settings import Settings, kennel_command
from scripts.check_result import CheckResult
from scripts.output import discard_output, harmless

_STYLES = {"ok": "", "warn": "yellow", "fail": "red"}
EVERY = 5.0
"""Seconds between two progress lines where there is no terminal."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Print nothing more; rich itself would end the program here, in the middle of its work."""
        self.quiet = True
        discard_output()


def cell(text: str, style: str = "") -> Text:
    """A cell of a table: shown as it is, whatever markup or control characters are in it."""
    return Text(harmless(text), style=style)


class Terminal:
    """Prints to one console; plain lines when it is no terminal. A console that is gone is no error: the work goes on."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _Console(soft_wrap=True)

    @property
    def terminal(self) -> bool:
        return self.console.is_terminal

    def line(self, text: str = "", style: str = "") -> None:
        with suppress(OSError):
            self.console.print(cell(text, style), highlight=False)

    def table(self, table: Table) -> None:
        with suppress(OSError):
            self.console.print(table)

    def next(self, settings: Settings, *commands: tuple[str, str]) -> None:
        """The commands to type next, each with what it does."""
        typed = [(kennel_command(arguments, settings), what) for arguments, what in commands]
        width = max(len(text) for text, _ in typed)
        for index, (text, what) in enumerate(typed):
            self.line(f"{'next ' if not index else '     '} {text:<{width}}   {what}")

    def results(self, results: Iterable[CheckResult]) -> int:
        """Show the result of each check as it comes, with its remedy below. Returns how many failed."""
        failed = 0
        for found in results:
            self.line(f"{found.level:<5} {found.text}", style=_STYLES[found.level])
            if found.level != "ok" and found.fix:
                self.line(f"      {found.fix}")
            failed += found.level == "fail"
        return failed

    @contextmanager
    def progress(self, what: str, unit: str = "") -> Iterator[Callable[[int, int], None]]:
        """Yields a function that is told how many are done, and of how many: a bar on a terminal, else a line now and then."""
        if self.terminal:
            parts = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn(f"{{task.completed:,}}/{{task.total:,}} {unit}"),
            )
            with Progress(*parts, TimeRemainingColumn(), console=self.console, transient=True) as bar:
                task = bar.add_task(harmless(what))
                yield lambda done, total: bar.update(task, completed=done, total=total)
            return
        last = [time.monotonic()]

        def tell(done: int, total: int) -> None:
            if time.monotonic() - last[0] > EVERY:
                last[0] = time.monotonic()
                self.line(f"{what}: {done:,} of {total:,} {unit}".rstrip())

        yield tell

    @contextmanager
    def changing(self, begin: str = "") -> Iterator[Callable[[str], None]]:
        """Yields a function that shows one line in place on a terminal, and shows nothing elsewhere but that it begins."""
        if not self.terminal:
            if begin:
                self.line(begin)
            yield lambda text: None
            return
        with Live(Text(""), console=self.console, transient=True, refresh_per_second=8) as live:
            yield lambda text: live.update(Text(harmless(text), style="dim", no_wrap=True, overflow="ellipsis"))
