"""Our own notebooks, from first cell to last, on drawn pictures and untrained weights: search, rules, report, endpoint."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.drawing import draw
from tests.support import notebooks
from tests.support.person import ROOT, Kennel

pytestmark = pytest.mark.timeout(900)
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture()
def person(tmp_path: Path) -> Iterator[Kennel]:
    notebooks.python()
    kennel = Kennel(tmp_path)
    shutil.copytree(ROOT / "notebooks", kennel.folder, dirs_exist_ok=True)
    draw.write_set(kennel.folder / "dogImages", per_class=draw.Counts(train=2, valid=1, test=1), size=96)
    yield kennel
    kennel.run("stop")


def run_whole(person: Kennel, name: str, epochs: int) -> str:
    """What the cells of a notebook printed, none of which failed. No endpoint is left."""
    small = {"pretrained": "no", "picture_size": "64", "epochs": str(epochs), "tuning_jobs": "2"}
    words = [word for key, value in small.items() for word in ("--param", f"{key}={value}")]
    process = person.start("run", name, *words)
    said = process.communicate(timeout=800)[0]
    assert process.returncode == 0 and re.search(r"^(\d+) of \1 cells done, 0 failed$", said, re.MULTILINE), said
    assert not [row for row in json.loads(person.run("status", "--json", status=0).stdout) if row["kind"] == "endpoint"]
    return "\n".join(notebooks.printed(person.folder / ".kennel" / "notebooks" / name))


@pytest.mark.slow  # make test-notebooks runs it
def test_the_exercise_runs_whole(person: Kennel) -> None:
    printed = run_whole(person, "dog_breeds.ipynb", epochs=2)
    assert re.search(r"^\d+ steps of training$", printed, re.MULTILINE)
    for rule in ("LossNotDecreasing", "VanishingGradient", "Overfit", "PoorWeightInitialization", "ProfilerReport"):
        assert re.search(rf"^{rule} +(NoIssuesFound|IssuesFound)$", printed, re.MULTILINE), rule
    assert "/profiler-output/profiler-report.html" in printed and "<IPython.core.display.HTML object>" in printed
    assert re.search(r"^\d+ of 12 right$", printed, re.MULTILINE)


@pytest.mark.slow  # make test-notebooks runs it
def test_the_exercise_by_boto3_alone_runs_whole(person: Kennel) -> None:
    printed = run_whole(person, "dog_breeds_boto3.ipynb", epochs=1)
    assert re.search(r"^Completed {'lr': '[0-9.]+', 'batch-size': '(16|32)'}$", printed, re.MULTILINE)
    assert re.search(r"^Completed {'valid:loss': [0-9.]+, 'test:accuracy': [0-9.]+}$", printed, re.MULTILINE)
    ended = "'(NoIssuesFound|IssuesFound)'"
    assert re.search(rf"^{{'LossNotDecreasing': {ended}, 'VanishingGradient': {ended}}}$", printed, re.MULTILINE)
    assert re.search(r"^\d+ of 12 right$", printed, re.MULTILINE)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_of_ours_holds_no_output(path: Path) -> None:
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert cells and not [cell for cell in cells if cell["outputs"] or cell["execution_count"]]
