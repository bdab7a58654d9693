"""A training job's metric definitions at work: the numbers that their regular expressions find in what the job prints.

The expressions are a person's, the lines a program's, and together they can take longer than the universe has lasted. So each
line is searched with a limit of time, while other threads go on, and an expression that is over it is not used again.
"""

import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import regex

from ..errors import validation

LINE_LIMIT = 8192
"""Characters of a line in which metrics are looked for. A carriage return ends a line, as it does on a screen."""
LINE_SECONDS = 0.05
"""CPU seconds for one expression in one line: ten times what a slow one takes that works."""
HISTORY_LIMIT = 10_000
"""Values kept of the metric that a tuning job watches."""

Definition = tuple[str, regex.Pattern[str]]


@dataclass
class MetricScan:
    """The last value of each metric, and the first HISTORY_LIMIT values of one that is `watched`."""

    definitions: Sequence[Definition]
    watched: str | None = None
    last: dict[str, list[float]] = field(default_factory=dict)
    """Metric name to [value, epoch seconds]."""
    history: list[float] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)
    """Positions of definitions that took too long: to be kept, so that a restarted server does not try them again."""
    notices: list[str] = field(default_factory=list)
    """What the person should know of all this; each is there once."""

    def feed(self, lines: Iterable[str], now: float) -> None:
        """Takes the numbers out of some lines. The first group of a regex is the number; what is no finite number is left out."""
        for line in lines:
            for part in line.split("\r"):
                if len(part) > LINE_LIMIT and self.definitions:
                    self._note(
                        f"Metrics are looked for in the first {LINE_LIMIT:,} characters of a line; a longer one was printed."
                    )
                for position, (name, pattern) in enumerate(self.definitions):
                    if position not in self.given_up:
                        self._search(position, name, pattern, part[:LINE_LIMIT], now)

    def _search(self, position: int, name: str, pattern: regex.Pattern[str], line: str, now: float) -> None:
        try:
            for text in _groups(pattern, line):
                self._found(name, text, now)
        except TimeoutError:
            self.given_up.append(position)
            self._note(
                f"Metric {name!r} is not looked for any more, its Regex {pattern.pattern!r} took over {LINE_SECONDS} s a line."
                " Write one that backtracks less."
            )

    def _found(self, name: str, text: str | None, now: float) -> None:
        try:
            value = float(text or "")
        except ValueError:
            return
        if math.isfinite(value):
            self.last[name] = [value, now]
            if name == self.watched and len(self.history) < HISTORY_LIMIT:
                self.history.append(value)

    def _note(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)


def _groups(pattern: regex.Pattern[str], line: str) -> list[str | None]:
    """The first group of each match. Raises TimeoutError for a search that takes LINE_SECONDS of this thread's CPU time.

    The limit of `regex` counts what all threads of the process do meanwhile. A search that it ended too early is begun again
    with twice the limit: with the same one it would be ended at the same place for as long as the other threads are as busy.
    """
    limit = LINE_SECONDS
    while True:
        began = time.thread_time()
        try:
            return [match.group(1) for match in pattern.finditer(line, timeout=limit)]
        except TimeoutError:
            if time.thread_time() - began >= LINE_SECONDS:
                raise
            limit *= 2


def compile_definitions(algorithm: Mapping[str, Any]) -> list[Definition]:
    """The MetricDefinitions of an AlgorithmSpecification. Raises ValidationException for a regex that cannot work."""
    compiled = []
    for definition in algorithm.get("MetricDefinitions", []):
        try:
            re.compile(definition["Regex"])  # what only the other module knows (recursion, for example) is not AWS's either
            pattern = regex.compile(definition["Regex"])
        except (re.error, regex.error) as error:
            raise validation(
                f"Regex {definition['Regex']!r} of metric {definition['Name']!r} in MetricDefinitions is not valid: {error}."
            ) from None
        if not pattern.groups:
            raise validation(
                f"Regex {definition['Regex']!r} of metric {definition['Name']!r} in MetricDefinitions has no group:"
                " put the number in parentheses."
            )
        compiled.append((definition["Name"], pattern))
    return compiled
