"""The table of metrics: one row gives both the line the training program prints and the regex a launcher sends.

A MetricDefinition's first group must be the number and the line needs a fixed end, or a lazy group matches nothing;
`;` is that end. A value that is not finite is refused here: SageMaker would take `nan` as no value at all.
"""

import math
import re
from dataclasses import dataclass

_NUMBER = r"([-+]?[0-9.]+(?:e[-+]?[0-9]+)?)"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as SageMaker knows it. `better` is "low" or "high"."""

    name: str
    unit: str
    better: str

    @property
    def regex(self) -> str:
        return f"metric {re.escape(self.name)}={_NUMBER};"

    def line(self, value: float) -> str:
        """The line to print. Raises ValueError for a value that is not finite."""
        if not math.isfinite(value):
            raise ValueError(f"metric {self.name} is {value}; only finite values are printed")
        return f"metric {self.name}={value:.6g};"


METRICS: tuple[Metric, ...] = (
    Metric("train:loss", "nats", "low"),
    Metric("train:accuracy", "share of pictures", "high"),
    Metric("validation:loss", "nats", "low"),
    Metric("validation:accuracy", "share of pictures", "high"),
    Metric("test:loss", "nats", "low"),
    Metric("test:accuracy", "share of pictures", "high"),
    Metric("train:seconds_per_step", "seconds", "low"),
    Metric("train:pictures_per_second", "pictures a second", "high"),
)
OBJECTIVE = "validation:loss"
"""What tuning minimises."""

_BY_NAME = {metric.name: metric for metric in METRICS}


def metric(name: str) -> Metric:
    """The row of that name. Raises KeyError naming the known ones."""
    if name not in _BY_NAME:
        raise KeyError(f"no metric {name!r}; known: {', '.join(_BY_NAME)}")
    return _BY_NAME[name]


def definitions() -> list[dict[str, str]]:
    """AlgorithmSpecification.MetricDefinitions for CreateTrainingJob."""
    return [{"Name": row.name, "Regex": row.regex} for row in METRICS]


def scan(text: str) -> dict[str, list[float]]:
    """Every value of every metric in a log, in order: what SageMaker would extract from it."""
    return {row.name: [float(hit) for hit in re.findall(row.regex, text)] for row in METRICS}
