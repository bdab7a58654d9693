"""These Profiler rules sum up the whole job: two that never fire, and ProfilerReport, which runs all the others."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.checks.bottlenecks import CPUBottleneck, Dataloader, IOBottleneck
from rules.checks.gpus import BatchSize, GPUMemoryIncrease, LoadBalancing, LowGPUUtilization
from rules.checks.parameters import build, known
from rules.checks.profiler_rule import SYSTEM_METRICS, TIMELINE, ProfilerRule
from rules.checks.rule import Evidence
from rules.checks.steps import MaxInitializationTime, StepOutlier
from rules.errors import ParameterError
from rules.reading.profile import Profile


def percentiles(values: NDArray[np.float64]) -> dict[str, float]:
    """The largest, p99, p95, p50 and the smallest."""
    p99, p95, p50 = np.percentile(values, [99, 95, 50])
    named = {"max": values.max(), "p99": p99, "p95": p95, "p50": p50, "min": values.min()}
    return {name: round(float(value), 2) for name, value in named.items()}


@dataclass(kw_only=True)
class OverallSystemUsage(ProfilerRule):
    """Never fires: for each node and metric the spread of the mean over the devices. `details`: node, dimension, numbers."""

    def look(self, profile: Profile) -> Iterator[Evidence]:
        for node in profile.system.nodes():
            for dimension in sorted(profile.system.dimensions()):
                if found := profile.system.node_samples(dimension, node):
                    self.details.setdefault(node, {})[dimension] = percentiles(found.mean)
                    self.datapoints += len(found.times)
        self.tested = self.datapoints
        yield from ()

    def missing_input(self) -> str | None:
        return None if self.datapoints else f"OverallSystemUsage could not be evaluated: {SYSTEM_METRICS}"


@dataclass(kw_only=True)
class OverallFrameworkMetrics(ProfilerRule):
    """Never fires: how long whole steps take, by node and mode, and the share of each part. What no part covers is Other."""

    def look(self, profile: Profile) -> Iterator[Evidence]:
        groups = defaultdict(list)
        for step in profile.timeline.steps():
            groups[f"{step.node} {step.mode}"].append(step)
        for subject, steps in groups.items():
            seconds = np.array([step.seconds for step in steps])
            parts: dict[str, float] = defaultdict(float)
            for step in steps:
                for name, value in step.parts.items():
                    parts[name] += value
            if parts:
                parts["Other"] = max(0.0, float(seconds.sum()) - sum(parts.values()))
            shares = {name: round(100 * value / float(seconds.sum()), 2) for name, value in parts.items()}
            milliseconds = percentiles(1000 * seconds)
            self.details[subject] = {"steps": len(steps), "milliseconds": milliseconds, "percent": shares}
        self.tested = self.datapoints = sum(len(steps) for steps in groups.values())
        yield from ()

    def missing_input(self) -> str | None:
        return None if self.datapoints else f"OverallFrameworkMetrics could not be evaluated: {TIMELINE}"


PARTS: tuple[type[ProfilerRule], ...] = (
    BatchSize,
    CPUBottleneck,
    Dataloader,
    GPUMemoryIncrease,
    IOBottleneck,
    LoadBalancing,
    LowGPUUtilization,
    MaxInitializationTime,
    OverallSystemUsage,
    OverallFrameworkMetrics,
    StepOutlier,
)
DIFFERENT = {"LoadBalancing": {"threshold": "0.2"}}
"""Where AWS's report has another default than its rule alone."""


@dataclass(kw_only=True)
class ProfilerReport(ProfilerRule):
    """All other Profiler rules, to the end of the job: it fires, then, when one of them does.

    Its parameters are theirs, as `<Rule>_<parameter>`; the rule's name in any case.
    """

    to_the_end = True
    parts: list[ProfilerRule] = field(init=False, default_factory=list)
    found: dict[str, list[Evidence]] = field(init=False, repr=False, default_factory=dict)
    profile: Profile | None = field(init=False, repr=False, default=None)
    """What was looked at last."""
    _empty: bool = field(init=False, repr=False, default=True)

    @classmethod
    def build(cls, given: Mapping[str, str]) -> "ProfilerReport":
        """The report with these parameters. Raises ParameterError."""
        own: dict[str, str] = {}
        for_parts: dict[str, dict[str, str]] = {part.__name__: dict(DIFFERENT.get(part.__name__, {})) for part in PARTS}
        by_name = {name.lower(): name for name in for_parts}
        for name, value in given.items():
            rule, _, parameter = name.partition("_")
            if rule.lower() in by_name and parameter:
                for_parts[by_name[rule.lower()]][parameter] = value
            elif name in known(cls):
                own[name] = value
            else:
                raise ParameterError(
                    f"ProfilerReport has no parameter {name!r}. It takes <Rule>_<parameter>, of {', '.join(for_parts)}."
                )
        report = build(cls, own)
        report.parts = [build(part, for_parts[part.__name__]) for part in PARTS]
        return report

    def parameters(self) -> dict[str, Any]:
        own = super().parameters()
        return own | {
            f"{part.name}_{name}": value for part in self.parts for name, value in part.parameters().items() if name not in own
        }

    def look(self, profile: Profile) -> Iterator[Evidence]:
        self.profile = profile
        self._empty = not profile.system.nodes() and not profile.timeline.events
        for part in self.parts:
            self.found[part.name] = part.scan(profile)
            self.tested += part.tested
            self.datapoints += part.datapoints
            for one in self.found[part.name]:
                yield Evidence(f"{part.name}: {one.subject}", one.step, one.value, one.threshold, one.message)

    def missing_input(self) -> str | None:
        return f"ProfilerReport could not be evaluated: {SYSTEM_METRICS}" if self._empty else None

    def not_judged(self) -> str | None:
        silent = [part.name for part in self.parts if part.missing_input() or part.not_judged()]
        return f"Not judged: {', '.join(silent)}; the reasons are in profiler-reports." if silent else None

    def files(self) -> dict[str, dict[str, Any]]:
        """One report for each rule, with AWS's keys and, in Details, the evidence and why a rule was silent."""
        return {part.name: aws_report(part, self.found.get(part.name, [])) for part in self.parts}


def aws_report(rule: ProfilerRule, found: list[Evidence]) -> dict[str, Any]:
    """A rule's result in the shape of AWS's profiler-reports/<Rule>.json."""
    silent = rule.missing_input() or rule.not_judged()
    return {
        "RuleTriggered": int(bool(found)),
        "Violations": len(found),
        "Details": {**rule.details, "evidence": [one.message for one in found], **({"not_judged": silent} if silent else {})},
        "Datapoints": rule.datapoints,
        "RuleParameters": "\n".join(f"{name}:{value}" for name, value in rule.parameters().items()),
    }
