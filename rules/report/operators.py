"""Operator times say of which operators the profiled steps were made, and how much of the device's arithmetic a step used.

Times are self times: an operator's own, without what it called, so they add up. What ran on the host and what ran on a GPU
are two tables. `operators.json` and `machine.json` are Kennel's training program's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from contract.output_data import MACHINE, OPERATORS
from contract.reason import first_line
from rules.errors import SourceError
from rules.reading.json_fields import finite, whole
from rules.reading.source import json_object
from rules.report.time_breakdown import StepGroup

SHOWN = 12
USUAL = "float32"
"""The type of number of a training that does not say another as its hyperparameter `precision`."""


OperatorRow = tuple[str, float, float, float]
"""Name, seconds a step, calls a step, percent of all."""


class StepFlops(TypedDict, total=False):
    """Floating-point operations of one step of the first process. `mfu`: the share of the measured `peak` of `type` that the
    median step reached, 0 to 1. Each is there where it is known."""

    a_step: float
    by_operator: dict[str, float]
    a_second: float
    median_step: float
    peak: float
    type: str
    mfu: float
    device: str | None


class OperatorTimes(TypedDict, total=False):
    """`operators` ran on the host, `kernels` on a GPU, in the `profiled_steps`."""

    operators: list[OperatorRow]
    kernels: list[OperatorRow]
    profiled_steps: list[int]
    flops: StepFlops


def operator_times(files: Mapping[str, bytes], groups: Sequence[StepGroup], precision: str, warnings: list[str]) -> OperatorTimes:
    """Reads operators.json and machine.json. `precision`: the job's hyperparameter, which says the peak that counts."""
    body, machine = _object(files, OPERATORS, warnings), _object(files, MACHINE, warnings)
    try:
        return _times(body, machine, groups, precision)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        warnings.append(f"{OPERATORS} or {MACHINE} is not what the profiler writes: {first_line(error, 100)}.")
        return _times({}, {}, groups, precision)


def _times(body: Mapping[str, Any], machine: Mapping[str, Any], groups: Sequence[StepGroup], precision: str) -> OperatorTimes:
    profiled = [whole(step) for step in body.get("steps") or ()]
    steps = len(profiled) or 1
    found: OperatorTimes = {
        "operators": rows(body.get("operators") or (), "self_cpu_us", steps),
        "kernels": rows(body.get("kernels") or (), "device_us", steps),
        "profiled_steps": profiled,
    }
    median = next((group["median"] for group in groups if group["mode"] == "TRAIN"), None)
    peaks = {kind: finite(peak) for kind, peak in (machine.get("peak_flops") or {}).items()}
    count, kind = finite(body.get("flops_per_step") or 0), precision if precision in peaks else USUAL
    by_operator = {name: finite(value) for name, value in (body.get("flops") or {}).items()}
    flops: StepFlops = {"a_step": count, "by_operator": by_operator} if count else {}
    if count and median:
        flops.update({"a_second": count / median, "median_step": median})
        if peaks.get(kind):
            flops.update({"peak": peaks[kind], "type": kind, "mfu": count / median / peaks[kind]})
            flops["device"] = machine.get("gpu") or machine.get("processor")
    found["flops"] = flops
    return found


def rows(given: Sequence[Mapping[str, Any]], key: str, steps: int) -> list[OperatorRow]:
    """The longest by their own time, a step; percents of all, the rest as one row, so they add up to 100."""
    timed = [(str(row["name"]), finite(row.get(key, 0.0)), whole(row.get("calls", 0))) for row in given]
    timed = sorted((row for row in timed if row[1] > 0), key=lambda row: -row[1])
    total = sum(time for _, time, _ in timed)
    if not total:
        return []
    rest = timed[SHOWN:]
    if rest:
        timed = [*timed[:SHOWN], (f"{len(rest)} others", sum(time for _, time, _ in rest), sum(calls for *_, calls in rest))]
    return [(name, time / 1e6 / steps, calls / steps, 100 * time / total) for name, time, calls in timed]


def machine_info(files: Mapping[str, bytes]) -> dict[str, Any]:
    """What the training program said of its machine; empty where it said nothing that can be read."""
    return _object(files, MACHINE, [])


def _object(files: Mapping[str, bytes], name: str, warnings: list[str]) -> dict[str, Any]:
    try:
        return json_object(name, files[name]) if name in files else {}
    except SourceError as error:
        warnings.append(str(error))
        return {}
