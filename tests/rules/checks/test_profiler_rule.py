"""A Profiler rule looks at everything anew at each scan, and says why it judged nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rules.checks.parameters import number
from rules.checks.profiler_rule import ProfilerRule
from rules.checks.rule import Evidence
from rules.reading.profile import Profile
from rules.reading.source import Folder
from rules.reading.system_metrics import CPU, GPU
from tests.support.saved_profile import sample


@dataclass(kw_only=True)
class BusyCPU(ProfilerRule):
    """A node's CPUs are busier than `threshold` on average, once more than `patience` samples came."""

    needs = (CPU,)
    threshold: float = number(50.0, 0, 100)
    patience: int = number(10, 1)

    def look(self, profile: Profile) -> Iterator[Evidence]:
        for node in profile.system.nodes():
            cpus = profile.system.node_samples(CPU, node)
            assert cpus is not None
            self.datapoints = len(cpus.times)
            if self.datapoints > self.patience:
                mean = float(cpus.mean.mean())
                yield from self.judge(node, mean, mean > self.threshold, self.threshold, f"{mean:.3g} %")


def profile(folder: Path) -> Profile:
    found = Profile(Folder(folder))
    found.poll(final=True)
    return found


def test_a_second_scan_counts_nothing_twice(tmp_path: Path) -> None:
    rule, busy = BusyCPU(), profile(sample(tmp_path, {CPU: {"cpu0": [90.0] * 11}}))
    first, second = rule.scan(busy), rule.scan(busy)
    assert [one.subject for one in first] == ["algo-1"] and first == second
    assert (rule.tested, rule.datapoints, rule.details) == (1, 11, {"values": {"algo-1": 90.0}})
    assert rule.not_judged() is None and rule.missing_input() is None


def test_as_many_samples_as_patience_are_too_few(tmp_path: Path) -> None:
    rule = BusyCPU()
    assert rule.scan(profile(sample(tmp_path, {CPU: {"cpu0": [90.0] * 10}}))) == []
    assert rule.not_judged() == "BusyCPU judged nothing: patience is 10 and 10 samples came. Set a smaller patience."


def test_a_machine_without_what_is_needed_is_told_apart_from_no_metrics(tmp_path: Path) -> None:
    rule = BusyCPU()
    assert rule.scan(profile(sample(tmp_path / "gpu", {GPU: {"gpu0": [90.0] * 20}}))) == []
    assert rule.not_judged() == "BusyCPU had nothing to evaluate: CPUUtilization was not sampled on this job's machine."
    assert rule.missing_input() is None
    (tmp_path / "nothing").mkdir()
    assert rule.scan(profile(tmp_path / "nothing")) == []
    assert str(rule.missing_input()).startswith("BusyCPU could not be evaluated: the job has no system metrics.")
