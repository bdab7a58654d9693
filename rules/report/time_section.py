"""The section of a report on where time went."""

from collections.abc import Mapping
from typing import Any

from rules.report.charts import Axes, Line, bars, histogram, plot, stack, text
from rules.report.number_format import number, percent, span
from rules.report.page import absent, folded, pair, paragraph, table

FEWEST = 20
"""Steps below which a histogram says nothing."""
NAMES = {"DataWait": "waiting for data", "Copy": "copy", "Forward": "forward", "Backward": "backward", "Optimizer": "optimiser",
         "Other": "other"}  # fmt: skip


def timing(part: Mapping[str, Any]) -> str:
    """The section's HTML."""
    body = ""
    if part["phases"]:
        body += bars([(name, seconds, span(seconds)) for name, seconds in part["phases"]], "What SageMaker did, in order", 6)
    if "job" in part:
        seconds = part["job"]["seconds"]
        whole = sum(seconds.values()) or 1.0
        body += paragraph(part["job"]["says"])
        body += stack([(name, 100 * value / whole, span(value)) for name, value in seconds.items()], "The program's time")
    body += "".join(_group(group) for group in part["groups"])
    body += absent(part["absent"]) if "absent" in part else ""
    return body + _flops(part.get("flops") or {}) + _operators(part)


def _flops(flops: Mapping[str, Any]) -> str:
    """How much of the device's arithmetic a step used."""
    if not flops:
        return paragraph("The floating-point operations of a step were not counted, so there is no MFU.", "soft")
    says = f"A step is {number(flops['a_step'] / 1e9)} GFLOP"
    if "a_second" in flops:
        says += f", so a median step of {span(flops['median_step'])} computes {number(flops['a_second'] / 1e9)} GFLOP/s"
    if "mfu" in flops:
        says += f": {100 * flops['mfu']:.1f} % (MFU) of the {number(flops['peak'] / 1e9)} GFLOP/s that large products of "
        says += f"{flops['type']} matrices reach on this machine ({flops['device']})"
    return "<h3>Arithmetic</h3>" + paragraph(says + ".")


def _operators(part: Mapping[str, Any]) -> str:
    titles = {"operators": "Operators, their own time on the host, a step", "kernels": "Kernels, time on the GPU, a step"}
    figures = [
        bars([(name, seconds, f"{span(seconds)}, {percent(share)}") for name, seconds, _, share in part[key]], title, tone)
        for tone, (key, title) in enumerate(titles.items(), start=1)
        if part.get(key)
    ]
    return "".join(figures)


def _group(group: Mapping[str, Any]) -> str:
    mode = group["mode"].lower()
    head = f"<h3>{text(group['node'])}, {text(mode)}: {group['steps']:,} steps, median {span(group['median'])}</h3>"
    limits = [(group["limit"], f"outliers above {span(group['limit'])}")] if group["limit"] is not None else []
    over = [line for line in group["seconds"] if group["limit"] is not None and line[1] > group["limit"]]
    lines = [Line(name="a step", points=group["seconds"], kind="line", tone=1)]
    lines += [Line(name="outlier", points=over, kind="dots", tone=5)] if over else []
    axes = Axes(x="step", y="", unit_y="s", low=0.0, limits=limits if over else [])
    spread = Axes(x="duration of a step", y="steps", unit_x="s", low=0.0)
    usual = [value for value in group["durations"] if group["limit"] is None or value <= group["limit"]] or group["durations"]
    figures = [plot(lines, axes, "Whole steps, start to start")]
    if len(usual) >= FEWEST:
        figures.append(histogram(usual, spread, "Their spread" + " without outliers" * bool(over)))
    return head + _outliers(group) + split(group["percent"], "What a step is made of") + pair(*figures) + _table(group)


def split(shares: Mapping[str, float], title: str) -> str:
    """The parts of a step as shares of a whole one."""
    if not shares:
        return paragraph(
            f"{title}: the timeline has no parts of these steps (DataWait, Copy, Forward, Backward, Optimizer).", "soft"
        )
    return stack([(words, shares.get(name, 0.0), percent(shares.get(name, 0.0))) for name, words in NAMES.items()], title)


def _outliers(group: Mapping[str, Any]) -> str:
    if group["limit"] is None:
        return paragraph("Too few steps to tell an outlier.", "soft")
    if not group["outlier_count"]:
        return paragraph("No step was an outlier.", "soft")
    causes = ", ".join(f"{NAMES.get(name, name)} {count}" for name, count in group["causes"].items())
    cost = span(group["outlier_seconds"])
    return paragraph(
        f"{group['outlier_count']} steps took longer than {span(group['limit'])} and cost {cost} more than usual steps. "
        f"What was longer in them: {causes}."
    )


def _table(group: Mapping[str, Any]) -> str:
    names = ("median", "mean", "mad", "p95", "p99", "max")
    spread = table([name.upper() if name == "mad" else name for name in names], [[span(group[name]) for name in names]], range(6))
    slow = [[step, span(seconds), NAMES.get(why, why) if why else "unknown"] for step, seconds, why in group["outliers"][:15]]
    listed = table(("step", "took", "longer than usual"), slow, (1,)) if slow else ""
    return folded("In numbers", spread + listed)
