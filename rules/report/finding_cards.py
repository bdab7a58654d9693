"""The section of a report on what its rules found: a card for each rule that found an issue, lines for the others."""

from collections.abc import Mapping
from typing import Any

from contract.exit_message import details
from rules.report.charts import Axes, Line, plot, text
from rules.report.findings import HERE
from rules.report.number_format import number
from rules.report.page import absent, folded, paragraph, table

WORDS = {
    "IssuesFound": "issue found",
    "NoIssuesFound": "no issue found",
    "NotJudged": "nothing to judge",
    "Error": "could not be evaluated",
    "Stopped": "stopped",
    "Stopping": "stopping",
    "InProgress": "in progress",
}
SHOWN = 5


def count_of_issues(part: Mapping[str, Any]) -> int | None:
    """How many rules found something; None where none could look."""
    judged = [row["status"] for row in part.get("rules", ()) if row["status"] in ("IssuesFound", "NoIssuesFound")]
    return judged.count("IssuesFound") if judged else None


def cards(part: Mapping[str, Any]) -> str:
    """The section's HTML."""
    if "absent" in part:
        return absent(part["absent"])
    rows = part["rules"]
    issues = [row for row in rows if row["status"] == "IssuesFound"]
    fine = [row for row in rows if row["status"] == "NoIssuesFound"]
    rest = [row for row in rows if row not in issues and row not in fine]
    body = paragraph(_says(issues + fine)) + "".join(_card(row) for row in issues)
    if fine:
        body += folded(f"{len(fine)} found nothing wrong", "".join(_card(row) for row in fine))
    if rest:
        lines = [[row["rule"], WORDS.get(row["status"], row["status"]), details(row["details"]) or "–"] for row in rest]
        body += folded(f"{len(rest)} could not judge, and why", table(("rule", "", "why"), lines))
    return body


def _says(judged: list[Mapping[str, Any]]) -> str:
    """How many of the job's own rules found an issue, and of those that were evaluated for the report alone."""
    parts = []
    for words, rows in (
        ("the job's {} that could judge", [row for row in judged if row["evaluated"] != HERE]),
        ("{} that were evaluated for this report", [row for row in judged if row["evaluated"] == HERE]),
    ):
        if rows:
            issues = sum(row["status"] == "IssuesFound" for row in rows)
            count = f"{len(rows)} rule{'s' * (len(rows) > 1)}"
            parts.append(f"{issues or 'none'} of {words.format(count)} found an issue")
    if not parts:
        return "No rule could judge this job."
    return f"{parts[0][0].upper()}{'; '.join(parts)[1:]}."


def _card(row: Mapping[str, Any]) -> str:
    kind = "issue" if row["status"] == "IssuesFound" else "fine"
    name = row["rule"] if row["name"] in (row["rule"], "") else f"{row['rule']} ({row['name']})"
    marks = f'<span class="mark">{WORDS[row["status"]]}</span> <span class="mark soft">evaluated {text(row["evaluated"])}</span>'
    head = f"<h3>{text(name)} {marks}</h3>"
    steps = row["over"] == "steps"
    told = [(f"step {one['step']}, " if steps else "") + f"{one['subject']}: {one['says']}" for one in row["evidence"][:SHOWN]]
    more = row["found"] - len(told)
    listed = "".join(f"<li>{text(line)}</li>" for line in told)
    listed += f'<li class="soft">and {more:,} more like it</li>' if more > 0 else ""
    if kind == "issue" and not told:
        listed = f"<li>{text(details(row['details']) or '–')}</li>"
    advice = f'<p class="advice"><b>What to do.</b> {text(row["advice"])}</p>' if row["advice"] and kind == "issue" else ""
    return f'<div class="rule {kind}">{head}<ul>{listed}</ul>{_series(row)}{advice}{_parameters(row)}</div>'


def _series(row: Mapping[str, Any]) -> str:
    series = {name: points for name, points in row["series"].items() if len(points) > 1}
    if not series:
        return ""
    values = [value for points in series.values() for _, value in points]
    wide = min(values) > 0 and max(values) / min(values) > 300
    limits = sorted({one["threshold"] for one in row["evidence"] if one["threshold"] is not None})
    near = [limit for limit in limits if wide is False or limit > 0]
    lines = [Line(name=name, points=points, tone=index % 6 + 1) for index, (name, points) in enumerate(series.items())]
    axes = Axes(x="step", y="", log_y=wide, limits=[(limit, f"threshold {number(limit)}") for limit in near[:1]])
    more = row["subjects"] - len(series)
    return plot(
        lines, axes, "What the rule saw" + (f" (of {len(series)} tensors, {more} more are not drawn)" if more > 0 else "")
    )


def _parameters(row: Mapping[str, Any]) -> str:
    told = {name: value for name, value in row["parameters"].items() if name != "scan_interval_us" and value not in (None, [])}
    words = ", ".join(f"{name} {value}" for name, value in told.items())
    return f'<p class="soft">{text(words)}</p>' if words else ""
