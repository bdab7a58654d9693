"""An evaluation follows a job from its first saved step to its last and asks one rule about each; it keeps the evidence.

It prints nothing, and acts only through the function that it is given.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from contract import exit_message
from contract.reason import shortened
from rules.checks.profiler_rule import ProfilerRule
from rules.checks.rule import Evidence, TensorRule, evidence_row
from rules.errors import RuleError
from rules.reading.profile import Profile
from rules.reading.saved_tensors import SavedTensors
from rules.reading.source import Source, open_source

KEPT = 1000
"""Pieces of evidence that are kept; more are only counted."""


class Status(StrEnum):
    """AWS's RuleEvaluationStatus."""

    NO_ISSUES = "NoIssuesFound"
    ISSUES = "IssuesFound"
    ERROR = "Error"
    STOPPED = "Stopped"


@dataclass(kw_only=True)
class Result:
    """How an evaluation ended. `details` is AWS's StatusDetails; `series` as the rule kept them."""

    rule: str
    status: Status
    details: str
    parameters: dict[str, Any]
    evidence: list[Evidence] = field(default_factory=list)
    found: int = 0
    advice: str = ""
    series: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain data, for a file. A number that is infinite or none at all becomes null, as JSON has neither."""
        return finite_or_null(vars(self) | {"evidence": [evidence_row(one) for one in self.evidence]})


@dataclass(kw_only=True)
class Evaluation:
    """`place`: folder or S3 prefix. `follow`: wait for more until the job has ended; otherwise what is there is all.
    `exhaustive`: go on after the first evidence. `on_fire` is called once, with the first."""

    rule: TensorRule | ProfilerRule
    place: str
    source: Source | None = None
    """The place itself, where it is open already."""
    follow: bool = False
    exhaustive: bool = False
    start_step: int = 0
    end_step: int | None = None
    interval: float = 1.0
    stop: threading.Event = field(default_factory=threading.Event)
    on_fire: Callable[[Evidence], None] = lambda evidence: None
    _kept: list[Evidence] = field(init=False, default_factory=list)
    _count: int = field(init=False, default=0)

    def run(self) -> Result:
        """Evaluates to the end, the first evidence, or `stop`. What goes wrong is the result's status Error."""
        try:
            rule = self.rule
            finished = self._profile(rule) if isinstance(rule, ProfilerRule) else self._tensors(rule)
        except RuleError as error:
            return self._result(Status.ERROR, exit_message.client_error(str(error)))
        if self._kept:
            step = self._kept[0].step
            text = f"Evaluation of the rule {self.rule.name} at step {step} resulted in the condition being met"
            return self._result(Status.ISSUES, exit_message.condition_met(text))
        if not finished:
            return self._result(Status.STOPPED, "The evaluation was stopped before the job ended.")
        if why := self.rule.missing_input():
            return self._result(Status.ERROR, exit_message.client_error(why))
        return self._result(Status.NO_ISSUES, self.rule.not_judged() or "")

    def _tensors(self, rule: TensorRule) -> bool:
        """Whether the job's end was reached."""
        saved, news = SavedTensors(self.source or open_source(self.place)), time.monotonic()
        while True:
            for step in saved.poll(final=not self.follow):
                news = time.monotonic()
                if step.number >= self.start_step and (self.end_step is None or step.number < self.end_step):
                    self._take(rule.at_step(saved, step))
                if self._done():
                    return False
            if saved.ended:
                self._take(rule.at_end(saved))
                return True
            self._take(rule.waiting(time.monotonic() - news))
            if self._done() or self.stop.wait(self.interval):
                return False

    def _profile(self, rule: ProfilerRule) -> bool:
        """Whether the job's end was reached. What reports only, or has parts, is scanned to the end."""
        profile, due = Profile(self.source or open_source(self.place)), 0.0
        while True:
            profile.poll(final=not self.follow)
            if profile.ended or time.monotonic() >= due:
                found = rule.scan(profile)
                if profile.ended or (found and not rule.to_the_end):
                    self._take(found)
                due = time.monotonic() + rule.scan_interval_us / 1e6
            if profile.ended:
                return True
            if self._done() or self.stop.wait(self.interval):
                return False

    def _take(self, found: Iterable[Evidence]) -> None:
        for one in found:
            if not self._count:
                self.on_fire(one)
            self._count += 1
            if len(self._kept) < KEPT:
                self._kept.append(one)

    def _done(self) -> bool:
        return self.stop.is_set() or (bool(self._kept) and not self.exhaustive)

    def _result(self, status: Status, details: str) -> Result:
        return Result(
            rule=self.rule.name,
            status=status,
            details=shortened(details),
            parameters=self.rule.parameters(),
            evidence=self._kept,
            found=self._count,
            advice=self.rule.advice if self._kept else "",
            series=self.rule.series,
            numbers=getattr(self.rule, "details", {}),
        )


def finite_or_null(value: Any) -> Any:
    """The value with null for each number that is infinite or none."""
    if isinstance(value, dict):
        return {key: finite_or_null(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_null(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
