"""The page of one job, made from its report as data: what the page says and what report.json says are the same numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from contract.label import label
from rules.report.charts import Axes, Line, bars, matrix, plot, text
from rules.report.curve import smooth
from rules.report.finding_cards import cards, count_of_issues
from rules.report.number_format import number, span
from rules.report.page import Section, absent, document, folded, pair, paragraph, table, tiles
from rules.report.time_section import timing

Body = Mapping[str, Any]
TONES = {"train": 1, "validation": 2, "test": 3, "loss": 1}


def page(body: Body, pictures: Mapping[str, str]) -> str:
    """The HTML of a report. `pictures`: a data URI, or why there is none, for each picture of the worst mistakes."""
    made = [
        ("learning", "What happened", learning),
        ("findings", "What was found", cards),
        ("time", "Where time went", timing),
        ("machine", "What the machine did", machine),
        ("predictions", "What it confuses", lambda part: predictions(part, pictures)),
        ("settings", "Settings and versions", settings),
    ]
    sections = [Section(key, title, make(body[key])) for key, title, make in made if key in body]
    if body.get("odd"):
        told = "".join(paragraph(words) for words in body["odd"])
        sections.append(Section("odd", "What could not be read", told))
    under = f"Training report, written {body['written'][:16].replace('T', ' ')} UTC"
    return document(body["name"], under, sections, summary(body), f"Made by Kennel from {body.get('where', 'the profile')}.")


def summary(body: Body) -> str:
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
        rows.append((span(train["median"]), "median step"))
    elif "train:seconds_per_step" in metrics:
        rows.append((span(metrics["train:seconds_per_step"]), "median step"))
    if "train:pictures_per_second" in metrics:
        rows.append((number(metrics["train:pictures_per_second"]), "pictures a second"))
    issues = count_of_issues(body["findings"])
    if issues is not None:
        rows.append((str(issues), "rule found an issue" if issues == 1 else "rules found issues"))
    return tiles(rows)


def learning(part: Body) -> str:
    """Loss, accuracy, learning rate."""
    if "absent" in part:
        return absent(part["absent"])
    steps = part["loss"].get("train", ())
    noisy = part["by_step"] or len(steps) > 40
    lines = []
    for name, points in part["loss"].items():
        tone = TONES.get(name, 4)
        if name == "train" and noisy:
            lines += [Line(name="each step", points=points, kind="faint", tone=tone)]
            lines += [Line(name="train, running median", points=smooth(points), tone=tone)]
        else:
            lines.append(Line(name=name, points=points, tone=tone))
    across = "step" if noisy else "epoch"
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


def _epochs(rows: Sequence[Body]) -> str:
    if not rows:
        return ""
    names = list(rows[0])
    cells = [[number(row.get(name)) if isinstance(row.get(name), int | float) else "–" for name in names] for row in rows]
    return folded("Every epoch in numbers", table([name.replace(":", " ") for name in names], cells, range(len(names))))


def machine(part: Body) -> str:
    """Activity over time, and apart from it what is taken of the memory."""
    if "absent" in part:
        return absent(part["absent"])
    return "".join(_node(node, found) for node, found in part["nodes"].items())


def _node(node: str, found: Body) -> str:
    def lines(curves: Mapping[str, Any]) -> list[Line]:
        return [Line(name=name, points=points, tone=index % 6 + 1) for index, (name, points) in enumerate(curves.items())]

    percent = Axes(x="time since the first sample", y="", unit_x="clock", unit_y="%", low=0.0, high=100.0)
    figures = [plot(lines(found[kind]), percent, title) for kind, title in
               (("activity", "Activity: share of the time in use"), ("footprint", "Footprint: share of the memory taken"))
               if found[kind]]  # fmt: skip
    figures += [
        plot(lines(curves), Axes(x="time since the first sample", y="", unit_x="clock", low=0.0), title)
        for title, curves in found["other"].items()
    ]
    devices = "".join(
        bars([(name, value, f"{number(value)} %") for name, value in values.items()], f"{what}, mean of each")
        for what, values in found["devices"].items()
        if len(values) <= 32
    )
    head = ("metric", "max", "p99", "p95", "p50", "min")
    rows = [[name, *(number(values[key]) for key in head[1:])] for name, values in found["spread"].items()]
    return (
        f"<h3>{text(node)}</h3>" + paragraph(found["says"]) + pair(*figures) + folded("Each device", devices) * bool(devices)
        + folded("In numbers", table(head, rows, range(1, 6)))
    )  # fmt: skip


def predictions(part: Body, pictures: Mapping[str, str]) -> str:
    """The confusion matrix, each class, and the mistakes that the network was surest of."""
    if "absent" in part:
        return absent(part["absent"])
    wrong = part["pictures"] - part["right"]
    share = f"{100 * part['right'] / part['pictures']:.1f} %"
    says = f"{part['right']} of {part['pictures']} {part['split']} pictures are right ({share})."
    if part["confusions"]:
        true, said, count = part["confusions"][0]
        says += f" The commonest of {wrong} mistakes: {true} taken for {said}, {count} times."
    rows = [[row["name"], row["pictures"], _share(row["recall"]), _share(row["precision"])] for row in part["classes"]]
    rows.sort(key=lambda row: row[2] if row[2] != "–" else "~")
    body = paragraph(says) + matrix(part["names"], part["matrix"], f"Confusion matrix of the {part['split']} pictures")
    body += folded("Every class in numbers", table(("class", "pictures", "recall", "precision"), rows, (1, 2, 3)))
    if part["worst"]:
        body += "<h3>The worst mistakes</h3>" + paragraph("Wrong, and surest of it.", "soft")
        body += (
            '<div class="gallery">' + "".join(_mistake(row, pictures.get(row["picture"], "")) for row in part["worst"]) + "</div>"
        )
    return body


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _mistake(row: Body, picture: str) -> str:
    true, said = label(row["class"]), label(row["predicted"])
    name = row["picture"].rpartition("/")[2]
    shown = f'<img src="{text(picture)}" alt="{text(f"{name}: {true}, taken for {said}")}" title="{text(row["picture"])}">'
    if not picture.startswith("data:image/"):
        shown = f'<div class="gone">{text(f"{name}: {picture}" if picture else name)}</div>'
    sure = "" if row["probability"] is None else f", <b>{100 * row['probability']:.0f} %</b> sure"
    return f'<figure>{shown}<figcaption><span class="bad">{text(said)}</span>{sure}<br>it is {text(true)}</figcaption></figure>'


def settings(part: Body) -> str:
    """With what it ran."""
    if "absent" in part:
        return absent(part["absent"])
    titles = {
        "hyperparameters": "Hyperparameters",
        "job": "The job",
        "data": "Data",
        "machine": "Machine",
        "versions": "Versions",
    }
    tables = [f"<div><h3>{title}</h3>{table(('', ''), part[key].items())}</div>" for key, title in titles.items() if part[key]]
    return pair(*tables)
