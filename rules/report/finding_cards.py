"""The section on findings shows a card for each rule that found an issue, and lines for the others."""

from collections.abc import Sequence

from markupsafe import Markup

from contract import exit_message
from rules.report.charts import Axes, Line, plot
from rules.report.findings import FOR_THIS_REPORT, Findings, NoFindings, RuleRow
from rules.report.number_format import number
from rules.report.page import PARTS, absent, folded, paragraph, table
from rules.report.rendering import macro

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


def count_of_issues(part: Findings | NoFindings) -> int | None:
    """How many rules found something; None where none could look."""
    rows = [] if "absent" in part else part["rules"]
    judged = [row["status"] for row in rows if row["status"] in ("IssuesFound", "NoIssuesFound")]
    return judged.count("IssuesFound") if judged else None


def cards(part: Findings | NoFindings) -> Markup:
    """The section's HTML."""
    if "absent" in part:
        return absent(part["absent"])
    rows = part["rules"]
    issues = [row for row in rows if row["status"] == "IssuesFound"]
    fine = [row for row in rows if row["status"] == "NoIssuesFound"]
    rest = [row for row in rows if row not in issues and row not in fine]
    body = paragraph(_says(issues + fine)) + Markup().join(_card(row) for row in issues)
    if fine:
        body += folded(f"{len(fine)} found nothing wrong", Markup().join(_card(row) for row in fine))
    if rest:
        lines = [
            [row["rule"], WORDS.get(row["status"], row["status"]), (exit_message.details(row["details"]) or "–")] for row in rest
        ]
        body += folded(f"{len(rest)} could not judge, and why", table(("rule", "", "why"), lines))
    return body


def _says(judged: Sequence[RuleRow]) -> str:
    """How many of the job's own rules found an issue, and of those that were evaluated for the report alone."""
    parts = []
    for words, rows in (
        ("the job's {} that could judge", [row for row in judged if row["evaluated"] != FOR_THIS_REPORT]),
        ("{} that were evaluated for this report", [row for row in judged if row["evaluated"] == FOR_THIS_REPORT]),
    ):
        if rows:
            issues = sum(row["status"] == "IssuesFound" for row in rows)
            count = f"{len(rows)} rule{'s' * (len(rows) > 1)}"
            parts.append(f"{issues or 'none'} of {words.format(count)} found an issue")
    if not parts:
        return "No rule could judge this job."
    return f"{parts[0][0].upper()}{'; '.join(parts)[1:]}."


def _card(row: RuleRow) -> Markup:
    is_issue, by_step = row["status"] == "IssuesFound", row["over"] == "steps"
    lines = [
        (f"step {one['step']}, " if by_step else "") + f"{one['subject']}: {one['message']}" for one in row["evidence"][:SHOWN]
    ]
    more = row["found"] - len(lines)
    return macro(
        PARTS,
        "rule_card",
        kind="issue" if is_issue else "fine",
        name=row["rule"] if row["name"] in (row["rule"], "") else f"{row['rule']} ({row['name']})",
        status=WORDS[row["status"]],
        evaluated=row["evaluated"],
        lines=lines if lines or not is_issue else [exit_message.details(row["details"]) or "–"],
        more=f"and {more:,} more like it" if more > 0 else "",
        figure=_series(row),
        advice=row["advice"] if is_issue else "",
        parameters=_parameters(row),
    )


def _series(row: RuleRow) -> Markup:
    series = {name: points for name, points in row["series"].items() if len(points) > 1}
    if not series:
        return Markup()
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


def _parameters(row: RuleRow) -> str:
    told = {name: value for name, value in row["parameters"].items() if name != "scan_interval_us" and value not in (None, [])}
    return ", ".join(f"{name} {value}" for name, value in told.items())
