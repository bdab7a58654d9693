"""The page of two jobs side by side is made from their comparison as data."""

from collections.abc import Sequence

from markupsafe import Markup

from rules.report.charts import Axes, Line, plot
from rules.report.comparison import Comparison
from rules.report.curve import running_median
from rules.report.finding_cards import WORDS
from rules.report.number_format import duration, number
from rules.report.page import Section, absent, document, folded, pair, paragraph, table
from rules.report.time_section import split


def page(body: Comparison) -> str:
    """The HTML of a comparison."""
    sections = [
        Section("settings", "What was different", _settings(body)),
        Section("metrics", "What came of it", _metrics(body)),
        Section("learning", "What happened", _learning(body)),
        Section("time", "Where time went", _time(body)),
        Section("findings", "What was found", _rules(body)),
    ]
    one, other = body["names"]
    under = f"Comparison, written {body['written'][:16].replace('T', ' ')} UTC"
    return document(f"{one} beside {other}", under, sections, foot="Made by Kennel.")


def _settings(body: Comparison) -> Markup:
    if body["settings"]:
        return table(("", "setting", *body["names"]), body["settings"])
    if body["known_settings"]:
        return paragraph("Nothing: both jobs have the same settings.")
    return absent("The settings of at least one of the jobs are not known, and no difference was seen.")


def _metrics(body: Comparison) -> Markup:
    rows = [
        [name, number(one), number(other), f"{gap:+.4g}" if gap is not None else "–"] for name, one, other, gap in body["metrics"]
    ]
    if not rows:
        return absent("Neither job has final metrics.")
    return table(("metric", *body["names"], "difference"), rows, (1, 2, 3))


def _learning(body: Comparison) -> Markup:
    titles = {"loss": "Loss", "accuracy": "Accuracy", "rate": "Learning rate"}
    figures = []
    for kind, title in titles.items():
        lines: list[Line] = []
        for index, (name, curves) in enumerate(zip(body["names"], body["curves"][kind], strict=True)):
            for mode, points in curves.items():
                tone = {"train": 1, "learning rate": 1}.get(mode, 3) + index
                scaled = [(at, 100 * value) for at, value in points] if kind == "accuracy" else points
                calm = running_median(scaled) if kind == "loss" and mode == "train" and len(points) > 40 else scaled
                lines.append(Line(name=f"{name}, {mode}", points=calm, tone=tone))
        if lines:
            figures.append(plot(lines, Axes(x="step", y="", unit_y="%" if kind == "accuracy" else ""), title))
    return pair(*figures) if figures else absent("Neither job saved its losses.")


def _time(body: Comparison) -> Markup:
    parts, rows = Markup(), []
    for name, groups in zip(body["names"], body["steps"], strict=True):
        for group in groups:
            told = f"{name}: {group['mode'].lower()} on {group['node']}, median {duration(group['median'])}"
            parts += split(group["percent"], told)
            rows.append(
                [
                    name,
                    group["node"],
                    group["mode"],
                    group["steps"],
                    duration(group["median"]),
                    duration(group["p95"]),
                    group["outlier_count"],
                ]
            )
    if not rows:
        return absent("Neither job saved step events.")
    silent = [name for name, groups in zip(body["names"], body["steps"], strict=True) if not groups]
    head = ("job", "node", "mode", "steps", "median", "p95", "outliers")
    return parts + table(head, rows, (3, 4, 5, 6)) + Markup().join(absent(f"{name} saved no step events.") for name in silent)


def _rules(body: Comparison) -> Markup:
    def told(rows: Sequence[tuple[str, str, str]]) -> Markup:
        return table(
            ("rule", *body["names"]), [[rule, WORDS.get(one, one), WORDS.get(other, other)] for rule, one, other in rows]
        )

    differ = [row for row in body["rules"] if row[1] != row[2]]
    same = [row for row in body["rules"] if row[1] == row[2]]
    if not body["rules"]:
        return absent("No rule could look at either job.")
    shown = told(differ) if differ else paragraph("Every rule says the same of both.")
    return shown + (folded(f"{len(same)} rules say the same of both", told(same)) if same else Markup())
