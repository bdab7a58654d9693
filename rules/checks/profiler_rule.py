"""A Profiler rule looks at everything that was sampled so far, each time anew, so nothing is counted twice."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rules.checks.parameters import number
from rules.checks.rule import Evidence, Rule
from rules.reading.profile import Profile


@dataclass(kw_only=True)
class ProfilerRule(Rule):
    """A Profiler rule. `details`: the numbers of the last scan, as plain data. Thresholds in percent unless said otherwise.

    `patience` counts samples, as AWS's does: at its default of 1,000 and two samples a second, nothing is judged in the first
    eight minutes. A job that was shorter is told so, with what to set.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    """The dimensions without which there is nothing on this machine to judge."""
    to_the_end: ClassVar[bool] = False
    """Whether the rule is judged at the job's end alone."""
    scan_interval_us: int = number(60_000_000, over=0)
    details: dict[str, Any] = field(init=False, repr=False, default_factory=dict)
    datapoints: int = field(init=False, repr=False, default=0)
    _absent: str | None = field(init=False, repr=False, default=None)
    _blind: bool = field(init=False, repr=False, default=False)

    def scan(self, profile: Profile) -> list[Evidence]:
        """Everything that is wrong in what was sampled so far."""
        self.tested, self.datapoints, self.details, self._absent = 0, 0, {}, None
        self._blind = bool(self.needs) and not profile.system.nodes()
        missing = [name for name in self.needs if name not in profile.system.dimensions()]
        if missing:
            kind = "no GPU was sampled" if missing[0].startswith("GPU") else f"{', '.join(missing)} was not sampled"
            self._absent = f"{self.name} had nothing to evaluate: {kind} on this job's machine."
            return []
        return list(self.look(profile))

    def look(self, profile: Profile) -> Iterable[Evidence]:
        """What `scan` gives; what it needs is there."""
        raise NotImplementedError

    def judge(
        self, subject: str, value: float, is_bad: bool, threshold: float, message: str, step: int = 0
    ) -> Iterator[Evidence]:
        """Counts a tested value and keeps it in `details`; gives evidence where it is bad."""
        self.tested += 1
        self.details.setdefault("values", {})[subject] = float(value)
        if is_bad:
            yield Evidence(subject, step, float(value), float(threshold), message)

    def not_judged(self) -> str | None:
        """Says, after the job's end, why nothing was judged though all files were there; None where something was judged."""
        if self.tested or self._absent:
            return self._absent
        patience = getattr(self, "patience", None)
        if patience is None:
            return None
        return f"{self.name} judged nothing: patience is {patience} and {self.datapoints} samples came. Set a smaller patience."

    def missing_input(self) -> str | None:
        return f"{self.name} could not be evaluated: {SYSTEM_METRICS}" if self._blind else None


SYSTEM_METRICS = (
    "the job has no system metrics. Give it a ProfilerConfig with an S3OutputPath and ProfilingIntervalInMilliseconds 500."
)
TIMELINE = (
    "the job wrote no step events. Give it a ProfilerConfig, for smdebug's profiler with ProfilingParameters; a script has steps"
    " where it calls a PyTorch network in training mode."
)
