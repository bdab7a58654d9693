"""The notebook that the rule ProfilerReport leaves beside its page, where AWS's report has one: the findings as a table."""

import json

_TABLE = """\
import json
from pathlib import Path

import pandas as pd

reports = {path.stem: json.loads(path.read_text()) for path in sorted(Path("profiler-reports").glob("*.json"))}
table = pd.DataFrame(reports).T
table[["RuleTriggered", "Violations", "Datapoints"]]
"""
_EVIDENCE = """\
for name, report in reports.items():
    for line in report["Details"].get("evidence", []):
        print(f"{name}: {line}")
    if "not_judged" in report["Details"]:
        print(f"{name}: not judged: {report['Details']['not_judged']}")
"""
_PAGE = """\
from IPython.display import HTML

HTML(Path("profiler-report.html").read_text())
"""


def profiler_notebook(name: str) -> str:
    """The notebook as nbformat 4 JSON, without outputs. `name`: the job's, or the folder that was looked at."""
    cells = [
        _markdown(f"# The profile of {name}\n\nIt reads the files beside it: `profiler-reports` and `profiler-report.html`."),
        _code(_TABLE),
        _markdown("## What was found, and what could not be judged"),
        _code(_EVIDENCE),
        _markdown("## The page"),
        _code(_PAGE),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {"kernelspec": kernel}, "cells": cells}, indent=1)


def _markdown(text: str) -> dict[str, object]:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(text: str) -> dict[str, object]:
    source = text.rstrip("\n").splitlines(keepends=True)
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
