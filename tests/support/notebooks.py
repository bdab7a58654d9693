"""Notebooks for tests, and the environment that runs them: `make test-notebooks` makes it."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.notebooks.environment import PLACE


def python() -> Path:
    """The environment's Python; the test skips without it."""
    if not (PLACE / ".ready").exists():
        pytest.skip("no environment for notebooks: make test-notebooks makes it")
    return PLACE / "bin" / "python"


def write(path: Path, *cells: str, tags: tuple[str, ...] = ()) -> Path:
    """A notebook with these code cells; `tags` are of the first. Its kernel is one that no machine but its author's has."""
    kernel = {"name": "conda_pytorch_p36", "display_name": "conda_pytorch_p36", "language": "python"}
    text = {"cell_type": "markdown", "metadata": {}, "source": ["# A notebook\n"]}
    code = [
        {
            "cell_type": "code",
            "metadata": {"tags": list(tags)} if tags and not number else {},
            "source": source.splitlines(keepends=True),
            "outputs": [],
            "execution_count": None,
        }
        for number, source in enumerate(cells)
    ]
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {"kernelspec": kernel}, "cells": [text, *code]}))
    return path


def printed(path: Path) -> list[str]:
    """What each code cell of an executed notebook printed on standard output, or returned."""
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    return ["".join(_text(output) for output in cell["outputs"]).strip() for cell in cells]


def _text(output: dict[str, Any]) -> str:
    if output.get("name") == "stderr":
        return ""
    return "".join(output.get("text", output.get("data", {}).get("text/plain", "")))
