"""The page of a tuning job, made from its report as data."""

from collections.abc import Mapping, Sequence
from typing import Any

from rules.report.charts import Axes, Line, bars, plot
from rules.report.number_format import number, span
from rules.report.page import Section, absent, document, folded, pair, paragraph, table, tiles
from rules.report.tuning import best_so_far

Body = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]


def page(body: Body) -> str:
    """The HTML of the report of a tuning job."""
    measured = [trial for trial in body["trials"] if trial["objective"] is not None]
    sections = [
        Section("objective", "How the search went", _search(body, measured)),
        Section("hyperparameters", "What each hyperparameter did", _each(body, measured)),
        Section("importance", "What mattered", _importance(body)),
        Section("trials", "The trials", _trials(body)),
    ]
    under = f"Tuning report, written {body['written'][:16].replace('T', ' ')} UTC: {body['strategy']} search, {body['status']}"
    foot = f"Early stopping {body['early_stopping']}; at most {body['limits'].get('MaxNumberOfTrainingJobs', '–')} trials."
    return document(body["name"], under, sections, _summary(body, measured), foot)


def _summary(body: Body, measured: Rows) -> str:
    rows = []
    best = _best(body)
    if best:
        rows += [(number(best["objective"]), f"best {body['objective']['name']}"), (f"{best['number']}", "the best trial")]
    rows += [(str(len(body["trials"])), "trials"), (str(len(measured)), "with an objective")]
    rows.append((str(sum(trial["stopped_early"] for trial in body["trials"])), "stopped early"))
    failed = sum(trial["status"] == "Failed" for trial in body["trials"])
    return tiles([*rows, (str(failed), "failed")] if failed else rows)


def _best(body: Body) -> Mapping[str, Any] | None:
    return next((trial for trial in body["trials"] if trial["name"] == body["best"]), None)


def _dots(rows: Rows, across: Mapping[str, float]) -> list[Line]:
    """Trials as dots, those that were stopped early apart. `across`: the place of each trial, by name."""
    found = []
    for name, stopped, tone in (("finished", False, 1), ("stopped early", True, 2)):
        points = [(across[row["name"]], row["objective"]) for row in rows if row["stopped_early"] is stopped]
        found += [Line(name=name, points=points, kind="dots", tone=tone)] if points else []
    return found


def _search(body: Body, measured: Rows) -> str:
    name, better = body["objective"]["name"], body["objective"]["better"]
    if not measured:
        return absent(f"No trial printed {name}, so there is nothing to plot.")
    wide = _wide(measured)
    figures = []
    ways = (("number", Axes(x="trial", y="", log_y=wide), "by trial"),
            ("after", Axes(x="when it ended, since the first began", y="", unit_x="clock", log_y=wide), "by time"))  # fmt: skip
    for key, axes, words in ways:
        rows = sorted((row for row in measured if row[key] is not None), key=lambda row, key=key: row[key])
        best = best_so_far([row["objective"] for row in rows], better)
        line = Line(name="best so far", points=list(zip([row[key] for row in rows], best, strict=True)), kind="steps", tone=3)
        figures.append(plot([line, *_dots(rows, {row["name"]: row[key] for row in rows})], axes, f"{name} {words}"))
    says = f"{name} is to be {'low' if better == 'low' else 'high'}."
    stopped = [row for row in body["trials"] if row["stopped_early"]]
    if stopped:
        spent = sum(row["end"] - row["start"] for row in stopped if row["end"] and row["start"])
        says += f" {len(stopped)} trials were stopped early, after {span(spent)} in all; their value is the last they printed."
    return paragraph(says) + pair(*figures)


def _wide(rows: Rows) -> bool:
    values = [row["objective"] for row in rows]
    return min(values) > 0 and max(values) / min(values) > 30


def _each(body: Body, measured: Rows) -> str:
    figures = []
    for name, within in body["ranges"].items():
        rows = [row for row in measured if name in row["hyperparameters"]]
        if not rows:
            continue
        names = list(within.get("values", ()))
        points = {row["name"]: row["hyperparameters"][name] for row in rows}
        if names:
            points = {trial: float(names.index(value)) for trial, value in points.items() if value in names}
            rows = [row for row in rows if row["name"] in points]
        axes = Axes(
            x=name,
            y="",
            left=within.get("low"),
            right=within.get("high"),
            log_x=within.get("log", False),
            log_y=_wide(measured),
            names=names,
        )
        figures.append(plot(_dots(rows, points), axes, f"{body['objective']['name']} by {name}"))
    return pair(*figures) if figures else absent("No trial has a value of what was searched.")


def _importance(body: Body) -> str:
    known = [row for row in body["importance"] if row["importance"] is not None]
    measured = sum(trial["objective"] is not None for trial in body["trials"])
    if not known:
        return absent(
            f"Too few trials to say: {measured} have an objective, and importance needs {body['importance_needs']} and more than "
            "one value of a hyperparameter."
        )
    rows = [(row["name"], row["importance"], f"{100 * row['importance']:.0f} %{_trend(row['trend'])}") for row in known]
    says = (
        f"The share of the ranking of {measured} trials that groups of the hyperparameter's value explain, beyond chance "
        "(epsilon squared of Kruskal-Wallis). An optimum in the middle counts; what matters only together with another does not."
    )
    return bars(rows, "Importance") + paragraph(says, "soft")


def _trend(value: float | None) -> str:
    if value is None or abs(value) < 0.6:
        return ""
    return ", rises with it" if value > 0 else ", falls with it"


def _trials(body: Body) -> str:
    names = list(body["ranges"])
    head = ("trial", body["objective"]["name"], "status", "took", *names)
    better = 1 if body["objective"]["better"] == "low" else -1
    ranked = sorted(body["trials"], key=lambda row: (row["objective"] is None, better * (row["objective"] or 0.0)))
    rows = [
        [
            row["number"],
            number(row["objective"]),
            "stopped early" if row["stopped_early"] else row["status"],
            span(row["end"] - row["start"]) if row["end"] and row["start"] else "–",
            *(_value(row["hyperparameters"].get(name)) for name in names),
        ]
        for row in ranked
    ]
    figures = (0, 1, 3, *range(4, 4 + len(names)))
    shown = table(head, rows[:10], figures)
    if len(rows) > 10:
        shown += folded(f"The other {len(rows) - 10}", table(head, rows[10:], figures))
    failed = [[row["number"], row["name"], row["reason"] or "–"] for row in body["trials"] if row["status"] == "Failed"]
    return shown + (folded(f"{len(failed)} failed", table(("trial", "job", "reason"), failed, (0,))) if failed else "")


def _value(value: Any) -> str:
    return number(value) if isinstance(value, float) else "–" if value is None else str(value)
