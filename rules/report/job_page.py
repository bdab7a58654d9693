"""The page of one job is made from its report as data: the page and report.json show the same numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from contract.label import label
from rules.report.absent import Absent
from rules.report.charts import Axes, Line, bars, matrix, plot
from rules.report.curve import running_median
from rules.report.finding_cards import cards, count_of_issues
from rules.report.job_report import JobReport
from rules.report.learning_curves import LearningCurves
from rules.report.number_format import duration, number
from rules.report.page import PARTS, Section, absent, document, folded, heading, pair, paragraph, table, tiles
from rules.report.predictions import Prediction, Predictions
from rules.report.rendering import macro
from rules.report.settings import JobSettings
from rules.report.time_section import timing
from rules.report.utilization import Curves, NodeUtilization, Utilization

METRICS = frozenset(
    ("test:accuracy", "validation:accuracy", "validation:loss", "train:seconds_per_step", "train:pictures_per_second")
)
"""The picture classifier's metrics that the summary has words for."""
SHOWN = 4
"""Metrics of a script's own that the summary shows."""
TONES = {"train": 1, "validation": 2, "test": 3, "loss": 1}


def page(body: JobReport, pictures: Mapping[str, str]) -> str:
    """The HTML of a report. `pictures`: a data URI, or why there is none, for each picture of the worst mistakes."""
    sections = []
    if "learning" in body:
        sections.append(Section("learning", "What happened", learning(body["learning"])))
    sections += [
        Section("findings", "What was found", cards(body["findings"])),
        Section("time", "Where time went", timing(body["time"])),
        Section("machine", "What the machine did", machine(body["machine"])),
    ]
    if "predictions" in body:
        sections.append(Section("predictions", "What it confuses", predictions(body["predictions"], pictures)))
    if "settings" in body:
        sections.append(Section("settings", "Settings and versions", settings(body["settings"])))
    if body["warnings"]:
        warnings = Markup().join(paragraph(words) for words in body["warnings"])
        sections.append(Section("warnings", "What could not be read", warnings))
    under = f"Training report, written {body['written'][:16].replace('T', ' ')} UTC"
    return document(body["name"], under, sections, summary(body), f"Made by Kennel from {body['location']}.")


def summary(body: JobReport) -> Markup:
    """The few numbers of the job, as far as it has them."""
    metrics, rows = body["metrics"], []
    for name, words in (("test:accuracy", "test accuracy"), ("validation:accuracy", "validation accuracy")):
        if name in metrics:
            rows.append((f"{100 * metrics[name]:.1f} %", words))
    if "validation:loss" in metrics:
        rows.append((number(metrics["validation:loss"]), "validation loss"))
    groups = body["time"]["groups"]
    train = next((group for group in groups if group["mode"] == "TRAIN"), None)
    if train:
        rows.append((duration(train["median"]), "median step"))
    elif "train:seconds_per_step" in metrics:
        rows.append((duration(metrics["train:seconds_per_step"]), "median step"))
    if "train:pictures_per_second" in metrics:
        rows.append((number(metrics["train:pictures_per_second"]), "pictures a second"))
    if body["script"]:
        rows += [(number(value), name) for name, value in metrics.items() if name not in METRICS][:SHOWN]
    issues = count_of_issues(body["findings"])
    if issues is not None:
        rows.append((str(issues), "rule found an issue" if issues == 1 else "rules found issues"))
    return tiles(rows)


def learning(part: LearningCurves | Absent) -> Markup:
    """Loss, accuracy and learning rate."""
    if "absent" in part:
        return absent(part["absent"])
    steps = part["loss"].get("train", ())
    noisy = part["by_step"] or len(steps) > 40
    lines = []
    for name, points in part["loss"].items():
        tone = TONES.get(name, 4)
        if name == "train" and noisy:
            lines += [Line(name="each step", points=points, kind="faint", tone=tone)]
            lines += [Line(name="train, running median", points=running_median(points), tone=tone)]
        else:
            lines.append(Line(name=name, points=points, tone=tone))
    across = "step" if part["by_step"] else "epoch" if part["epochs"] else "saved step, over all modes"
    figures = [plot(lines, Axes(x=across, y=""), "Loss")]
    if part["accuracy"]:
        curves = [Line(name=name, points=points, tone=TONES.get(name, 4)) for name, points in part["accuracy"].items()]
        figures.append(plot([_percent(line) for line in curves], Axes(x=across, y="", unit_y="%"), "Accuracy"))
    if part["rate"]:
        rate = [Line(name=name, points=points, tone=4) for name, points in part["rate"].items()]
        figures.append(plot(rate, Axes(x="step", y="", low=0.0), "Learning rate"))
    if part["saved"] and part["by_step"]:
        modes = {"TRAIN": 1, "EVAL": 2}
        saved = [Line(name=name, points=points, kind="dots", tone=modes.get(name, 4)) for name, points in part["saved"].items()]
        figures.append(plot(saved, Axes(x="saved step, over all modes", y=""), "Losses that the hook saved"))
    return pair(*figures) + _epochs(part["epochs"])


def _percent(line: Line) -> Line:
    return Line(name=line.name, points=[(at, 100 * value) for at, value in line.points], tone=line.tone)


def _epochs(rows: Sequence[Mapping[str, Any]]) -> Markup:
    if not rows:
        return Markup()
    names = list(rows[0])
    cells = [[number(row.get(name)) if isinstance(row.get(name), int | float) else "–" for name in names] for row in rows]
    return folded("Every epoch in numbers", table([name.replace(":", " ") for name in names], cells, range(len(names))))


def machine(part: Utilization | Absent) -> Markup:
    """Activity over time, and apart from it what is taken of the memory."""
    if "absent" in part:
        return absent(part["absent"])
    return Markup().join(_node(node, found) for node, found in part["nodes"].items())


def _node(node: str, found: NodeUtilization) -> Markup:
    def lines(curves: Curves) -> list[Line]:
        return [Line(name=name, points=points, tone=index % 6 + 1) for index, (name, points) in enumerate(curves.items())]

    percent = Axes(x="time since the first sample", y="", unit_x="clock", unit_y="%", low=0.0, high=100.0)
    shares = (
        (found["activity"], "Activity: share of the time in use"),
        (found["footprint"], "Footprint: share of the memory taken"),
    )
    figures = [plot(lines(curves), percent, title) for curves, title in shares if curves]
    figures += [
        plot(lines(curves), Axes(x="time since the first sample", y="", unit_x="clock", low=0.0), title)
        for title, curves in found["other"].items()
    ]
    devices = Markup().join(
        bars([(name, value, f"{number(value)} %") for name, value in values.items()], f"{what}, mean of each")
        for what, values in found["devices"].items()
        if len(values) <= 32
    )
    head = ("metric", "max", "p99", "p95", "p50", "min")
    rows = [[name, *(number(values[key]) for key in head[1:])] for name, values in found["spread"].items()]
    body = heading(node) + paragraph(found["message"]) + pair(*figures)
    body += folded("Each device", devices) if devices else Markup()
    return body + folded("In numbers", table(head, rows, range(1, 6)))


def predictions(part: Predictions | Absent, pictures: Mapping[str, str]) -> Markup:
    """The confusion matrix, each class, and the mistakes that the network was surest of."""
    if "absent" in part:
        return absent(part["absent"])
    wrong = part["pictures"] - part["right"]
    share = f"{100 * part['right'] / part['pictures']:.1f} %"
    message = f"{part['right']} of {part['pictures']} {part['split']} pictures are right ({share})."
    if part["confusions"]:
        true, said, count = part["confusions"][0]
        message += f" The commonest of {wrong} mistakes: {true} taken for {said}, {count} times."
    rows = [[row["name"], str(row["pictures"]), _share(row["recall"]), _share(row["precision"])] for row in part["classes"]]
    rows.sort(key=lambda row: row[2] if row[2] != "–" else "~")
    body = paragraph(message) + matrix(part["names"], part["matrix"], f"Confusion matrix of the {part['split']} pictures")
    body += folded("Every class in numbers", table(("class", "pictures", "recall", "precision"), rows, (1, 2, 3)))
    if part["worst"]:
        body += heading("The worst mistakes") + paragraph("Wrong, and surest of it.", "soft")
        body += macro(PARTS, "gallery", mistakes=[_mistake(row, pictures.get(row["picture"], "")) for row in part["worst"]])
    return body


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _mistake(row: Prediction, picture: str) -> dict[str, str]:
    """A figure of the gallery: `shown` is the picture as a data URI, `gone` what is said in its place."""
    true, predicted, name = label(row["class"]), label(row["predicted"]), row["picture"].rpartition("/")[2]
    is_picture = picture.startswith("data:image/")
    return {
        "shown": picture if is_picture else "",
        "gone": f"{name}: {picture}" if picture else name,
        "about": f"{name}: {true}, taken for {predicted}",
        "path": row["picture"],
        "predicted": predicted,
        "true": true,
        "sure": "" if row["probability"] is None else f"{100 * row['probability']:.0f}",
    }


def settings(part: JobSettings | Absent) -> Markup:
    """The settings that the job ran with."""
    if "absent" in part:
        return absent(part["absent"])
    groups = (
        ("Hyperparameters", part["hyperparameters"]),
        ("The job", part["job"]),
        ("Data", part["data"]),
        ("Machine", part["machine"]),
        ("Versions", part["versions"]),
    )
    return macro(PARTS, "titled", rows=[(title, table(("", ""), group.items())) for title, group in groups if group])
