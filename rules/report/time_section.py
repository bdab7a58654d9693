"""The section of a report that shows where time went: phases of the job, steps and their parts, operators."""

from collections.abc import Mapping
from typing import Literal

from markupsafe import Markup

from contract.timeline import FORWARD
from rules.report.charts import Axes, Line, bars, histogram, plot, stack
from rules.report.job_report import JobTime
from rules.report.number_format import duration, number, percent
from rules.report.operators import StepFlops
from rules.report.page import absent, folded, heading, pair, paragraph, table
from rules.report.time_breakdown import StepGroup

FEWEST = 20
"""Steps below which a histogram says nothing."""
NAMES = {"DataWait": "waiting for data", "Copy": "copy", "Forward": "forward", "Backward": "backward", "Optimizer": "optimiser",
         "Other": "other"}  # fmt: skip

SPREAD: tuple[Literal["median", "mean", "mad", "p95", "p99", "max"], ...] = ("median", "mean", "mad", "p95", "p99", "max")
"""The numbers of a group of steps, as the page calls them."""


def timing(part: JobTime) -> Markup:
    """The section's HTML."""
    body = Markup()
    if part["phases"]:
        body += bars([(name, seconds, duration(seconds)) for name, seconds in part["phases"]], "What SageMaker did, in order", 6)
    if "job" in part:
        seconds = part["job"]["seconds"]
        whole = sum(seconds.values()) or 1.0
        body += paragraph(part["job"]["message"])
        body += stack([(name, 100 * value / whole, duration(value)) for name, value in seconds.items()], "The program's time")
    body += Markup().join(_group(group) for group in part["groups"])
    body += absent(part["absent"]) if "absent" in part else Markup()
    return body + _flops(part.get("flops") or {}) + _operators(part)


def _flops(flops: StepFlops) -> Markup:
    """How much of the device's arithmetic a step used."""
    if not flops:
        return paragraph("The floating-point operations of a step were not counted, so there is no MFU.", "soft")
    message = f"A step is {number(flops['a_step'] / 1e9)} GFLOP"
    if "a_second" in flops:
        message += f", so a median step of {duration(flops['median_step'])} computes {number(flops['a_second'] / 1e9)} GFLOP/s"
    if "mfu" in flops:
        message += f": {100 * flops['mfu']:.1f} % (MFU) of the {number(flops['peak'] / 1e9)} GFLOP/s that large products of "
        message += f"{flops['type']} matrices reach on this machine ({flops['device']})"
    return heading("Arithmetic") + paragraph(message + ".")


def _operators(part: JobTime) -> Markup:
    tables = (
        (part.get("operators"), "Operators, their own time on the host, a step"),
        (part.get("kernels"), "Kernels, time on the GPU, a step"),
    )
    return Markup().join(
        bars([(name, seconds, f"{duration(seconds)}, {percent(share)}") for name, seconds, _, share in rows], title, tone)
        for tone, (rows, title) in enumerate(tables, start=1)
        if rows
    )


def _group(group: StepGroup) -> Markup:
    mode = group["mode"].lower()
    head = heading(f"{group['node']}, {mode}: {group['steps']:,} steps, median {duration(group['median'])}")
    limit = group["limit"]
    limits = [] if limit is None else [(limit, f"outliers above {duration(limit)}")]
    over = [point for point in group["seconds"] if limit is not None and point[1] > limit]
    lines = [Line(name="a step", points=group["seconds"], kind="line", tone=1)]
    lines += [Line(name="outlier", points=over, kind="dots", tone=5)] if over else []
    axes = Axes(x="step", y="", unit_y="s", low=0.0, limits=limits if over else [])
    spread = Axes(x="duration of a step", y="steps", unit_x="s", low=0.0)
    usual = [value for value in group["durations"] if limit is None or value <= limit] or group["durations"]
    figures = [plot(lines, axes, "Whole steps, start to start")]
    if len(usual) >= FEWEST:
        figures.append(histogram(usual, spread, "Their spread" + " without outliers" * bool(over)))
    shares = split(group["percent"], "What a step is made of")
    if group["percent"] and FORWARD not in group["percent"]:
        shares += paragraph("What the network computed was not measured apart, as of a script on a GPU: it is in other.", "soft")
    return head + _outliers(group) + shares + pair(*figures) + _table(group)


def split(shares: Mapping[str, float], title: str) -> Markup:
    """The parts of a step as shares of a whole one."""
    if not shares:
        return paragraph(
            f"{title}: the timeline has no parts of these steps (DataWait, Copy, Forward, Backward, Optimizer).", "soft"
        )
    return stack([(words, shares.get(name, 0.0), percent(shares.get(name, 0.0))) for name, words in NAMES.items()], title)


def _outliers(group: StepGroup) -> Markup:
    if group["limit"] is None:
        return paragraph("Too few steps to tell an outlier.", "soft")
    if not group["outlier_count"]:
        return paragraph("No step was an outlier.", "soft")
    causes = ", ".join(f"{NAMES.get(name, name)} {count}" for name, count in group["causes"].items())
    cost = duration(group["outlier_seconds"])
    return paragraph(
        f"{group['outlier_count']} steps took longer than {duration(group['limit'])} and cost {cost} more than usual steps. "
        f"What was longer in them: {causes}."
    )


def _table(group: StepGroup) -> Markup:
    spread = {name: group[name] for name in SPREAD}
    body = table(
        [name.upper() if name == "mad" else name for name in spread], [[duration(one) for one in spread.values()]], range(6)
    )
    slow = [[step, duration(seconds), NAMES.get(why, why) if why else "unknown"] for step, seconds, why in group["outliers"][:15]]
    return folded("In numbers", body + (table(("step", "took", "longer than usual"), slow, (1,)) if slow else Markup()))
