"""The page of a tuning job is made from its report as data."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from rules.report.charts import Axes, Line, bars, plot
from rules.report.number_format import duration, number
from rules.report.page import Section, absent, document, folded, pair, paragraph, table, tiles
from rules.report.tuning import TuningReport, TuningTrial, best_so_far

Trials = Sequence[TuningTrial]


def page(body: TuningReport) -> str:
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


def _summary(body: TuningReport, measured: Trials) -> Markup:
    rows = []
    best = _best(body)
    if best:
        rows += [(number(best["objective"]), f"best {body['objective']['name']}"), (f"{best['number']}", "the best trial")]
    rows += [(str(len(body["trials"])), "trials"), (str(len(measured)), "with an objective")]
    rows.append((str(sum(trial["stopped_early"] for trial in body["trials"])), "stopped early"))
    failed = sum(trial["status"] == "Failed" for trial in body["trials"])
    return tiles([*rows, (str(failed), "failed")] if failed else rows)


def _best(body: TuningReport) -> TuningTrial | None:
    return next((trial for trial in body["trials"] if trial["name"] == body["best"]), None)


def _dots(rows: Trials, across: Mapping[str, float]) -> list[Line]:
    """Trials as dots, those that were stopped early apart. `across`: the place of each trial, by name."""
    found = []
    for name, stopped, tone in (("finished", False, 1), ("stopped early", True, 2)):
        points = [(across[row["name"]], _objective(row)) for row in rows if row["stopped_early"] is stopped]
        found += [Line(name=name, points=points, kind="dots", tone=tone)] if points else []
    return found


def _search(body: TuningReport, measured: Trials) -> Markup:
    name, better = body["objective"]["name"], body["objective"]["better"]
    if not measured:
        return absent(f"No trial printed {name}, so there is nothing to plot.")
    wide = _wide(measured)
    figures = []
    by_trial = {row["name"]: float(row["number"]) for row in measured}
    by_time = {row["name"]: row["after"] for row in measured if row["after"] is not None}
    ways = (
        (by_trial, Axes(x="trial", y="", log_y=wide), "by trial"),
        (by_time, Axes(x="when it ended, since the first began", y="", unit_x="clock", log_y=wide), "by time"),
    )
    for across, axes, words in ways:
        rows = sorted((row for row in measured if row["name"] in across), key=lambda row: across[row["name"]])
        best = best_so_far([_objective(row) for row in rows], better)
        points = list(zip([across[row["name"]] for row in rows], best, strict=True))
        line = Line(name="best so far", points=points, kind="steps", tone=3)
        figures.append(plot([line, *_dots(rows, across)], axes, f"{name} {words}"))
    message = f"{name} is to be {'low' if better == 'low' else 'high'}."
    stopped = [row for row in body["trials"] if row["stopped_early"]]
    if stopped:
        spent = sum(row["end"] - row["start"] for row in stopped if row["end"] and row["start"])
        message += (
            f" {len(stopped)} trials were stopped early, after {duration(spent)} in all; their value is the last they printed."
        )
    return paragraph(message) + pair(*figures)


def _objective(trial: TuningTrial) -> float:
    """The objective of a trial that has one."""
    assert trial["objective"] is not None
    return trial["objective"]


def _wide(rows: Trials) -> bool:
    values = [_objective(row) for row in rows]
    return min(values) > 0 and max(values) / min(values) > 30


def _each(body: TuningReport, measured: Trials) -> Markup:
    figures = []
    for name, within in body["ranges"].items():
        rows = [row for row in measured if name in row["hyperparameters"]]
        if not rows:
            continue
        names = list(within.get("values", ()))
        points = {}
        for row in rows:
            value = row["hyperparameters"][name]
            if not names and isinstance(value, float):
                points[row["name"]] = value
            elif value in names:
                points[row["name"]] = float(names.index(str(value)))
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


def _importance(body: TuningReport) -> Markup:
    known = [(row["name"], row["importance"], row["trend"]) for row in body["importance"] if row["importance"] is not None]
    measured = sum(trial["objective"] is not None for trial in body["trials"])
    if not known:
        return absent(
            f"Too few trials to say: {measured} have an objective, and importance needs {body['importance_needs']} and more than "
            "one value of a hyperparameter."
        )
    rows = [(name, value, f"{100 * value:.0f} %{_trend(trend)}") for name, value, trend in known]
    message = (
        f"The share of the ranking of {measured} trials that groups of the hyperparameter's value explain, beyond chance "
        "(epsilon squared of Kruskal-Wallis). An optimum in the middle counts; what matters only together with another does not."
    )
    return bars(rows, "Importance") + paragraph(message, "soft")


def _trend(value: float | None) -> str:
    if value is None or abs(value) < 0.6:
        return ""
    return ", rises with it" if value > 0 else ", falls with it"


def _trials(body: TuningReport) -> Markup:
    names = list(body["ranges"])
    head = ("trial", body["objective"]["name"], "status", "took", *names)
    better = 1 if body["objective"]["better"] == "low" else -1
    ranked = sorted(body["trials"], key=lambda row: (row["objective"] is None, better * (row["objective"] or 0.0)))
    rows = [
        [
            row["number"],
            number(row["objective"]),
            "stopped early" if row["stopped_early"] else row["status"],
            duration(row["end"] - row["start"]) if row["end"] and row["start"] else "–",
            *(_value(row["hyperparameters"].get(name)) for name in names),
        ]
        for row in ranked
    ]
    figures = (0, 1, 3, *range(4, 4 + len(names)))
    shown = table(head, rows[:10], figures)
    if len(rows) > 10:
        shown += folded(f"The other {len(rows) - 10}", table(head, rows[10:], figures))
    failed = [[row["number"], row["name"], row["reason"] or "–"] for row in body["trials"] if row["status"] == "Failed"]
    return shown + (folded(f"{len(failed)} failed", table(("trial", "job", "reason"), failed, (0,))) if failed else Markup())


def _value(value: float | str | None) -> str:
    return number(value) if isinstance(value, float) else "–" if value is None else str(value)
