"""The report of one job: everything it says as plain data (report.json), and the page made from that data alone (report.html)."""

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rules.checks.evaluation import finite
from rules.checks.overall import ProfilerReport
from rules.reading.job_files import Places
from rules.report.findings import findings, of_parts
from rules.report.job_page import page
from rules.report.learning_curves import learning, metrics
from rules.report.operators import operators
from rules.report.predictions import mistakes, thumbnails
from rules.report.settings import settings
from rules.report.time_breakdown import pace, read
from rules.report.utilization import usage

VERSION = 1
Say = Callable[[str], None]


def gather(places: Places, say: Say = lambda line: None, *, everything: bool = False) -> dict[str, Any]:
    """All numbers of the report of a job. A part that is absent says so in its `absent`; `odd` is what could not be read."""
    odd, final = list(places.odd), metrics(places)
    profile = read(places, odd)
    say("evaluating rules")
    found = findings(places, profile, say, everything=everything)
    times, told = pace(places, profile, final), settings(places)
    precision = told.get("hyperparameters", {}).get("precision", "")
    body = {
        "report": VERSION,
        "name": places.name,
        "where": places.where,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "metrics": final,
        "learning": learning(places, odd),
        "findings": found,
        "time": times | operators(places.files, times["groups"], precision, odd),
        "machine": usage(profile),
        "predictions": mistakes(places.files, odd),
        "settings": told,
    }
    return finite(body | {"odd": [*odd, *found.get("odd", ())]})


def of_profile(rule: ProfilerReport, name: str) -> str:
    """The page that ProfilerReport leaves beside its JSON: what can be seen from the profiler's files alone."""
    seen, rows = Places(name=name, where="the job's profile"), of_parts(rule)
    body = {
        "name": name,
        "where": seen.where,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "metrics": {},
        "findings": {"rules": rows, "odd": []},
        "time": pace(seen, rule.profile, {}),
        "machine": usage(rule.profile),
    }
    return page(finite(body), {})


def pictures_of(places: Places, body: Mapping[str, Any]) -> dict[str, str]:
    """Small copies of the pictures that the report shows, or why there is none."""
    return thumbnails(places, [row["picture"] for row in body["predictions"].get("worst", ())])


def save(folder: Path, html: str, body: Mapping[str, Any], name: str = "report") -> Path:
    """Both files, each whole or not at all; the page's path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, content in ((".json", json.dumps(body, indent=1, allow_nan=False) + "\n"), (".html", html)):
        aside = folder / f".{name}{suffix}.{os.getpid()}"
        aside.write_text(content, encoding="utf-8")
        aside.replace(folder / f"{name}{suffix}")
    return folder / f"{name}.html"
