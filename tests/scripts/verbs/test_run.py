"""`kennel run NOTEBOOK`: the SDK's own calls, and what cannot be run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import notebooks
from tests.support.person import Kennel


@pytest.fixture(autouse=True)
def environment() -> Path:
    return notebooks.python()


@pytest.fixture()
def person(tmp_path: Path) -> Iterator[Kennel]:
    kennel = Kennel(tmp_path)
    yield kennel
    kennel.run("stop", status=None)


def test_the_sdks_own_calls_reach_the_local_sagemaker(person: Kennel) -> None:
    (person.folder / "beside.py").write_text("WORD = 'beside'")
    notebooks.write(
        person.folder / "one.ipynb",
        "word, epochs = 'none', 2",
        "import sagemaker as s\nrole = s.get_execution_role().split('/')\nprint(role[0], s.Session().default_bucket())",
        "!aws sts get-caller-identity --query Account --output text",
        "from beside import WORD\nprint(WORD, word, epochs)",
        "from IPython.core.display import display, HTML\nimport torch\nint(torch.ones(2).sum())",
        tags=("parameters",),
    )
    done = person.run("run", "one.ipynb", "--param", "epochs=7", "--param", "word=it's", status=0)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:6]] == ["1", "2", "3", "4", "5", "6"] and " s  import sagemaker" in lines[2]
    assert lines[-2:] == ["6 of 6 cells done, 0 failed", "executed copy  .kennel/notebooks/one.ipynb"]
    printed = notebooks.printed(person.folder / ".kennel/notebooks/one.ipynb")
    assert printed[2].splitlines()[-1] == "arn:aws:iam::000000000000:role sagemaker-us-east-1-000000000000"
    assert printed[3:] == ["000000000000", "beside it's 7", "2"]
    assert notebooks.printed(person.folder / "one.ipynb") == [""] * 5, "the notebook itself is as it was"


def test_what_cannot_be_run_is_one_line(person: Kennel) -> None:
    (person.folder / "broken.ipynb").write_text("{")
    assert "broken.ipynb: this cannot be run as a notebook: " in person.run("run", "broken.ipynb", status=2).stderr
    assert "none.ipynb: no such notebook" in person.run("run", "none.ipynb", status=2).stderr
    notebooks.write(person.folder / "one.ipynb", "1")
    assert "--param class: need a name" in person.run("run", "one.ipynb", "--param", "class=1", status=2).stderr
    assert "--param a-b: need a name" in person.run("run", "one.ipynb", "--param", "a-b=1", status=2).stderr
    assert "--python nowhere: no program" in person.run("run", "one.ipynb", "--python", "nowhere", status=2).stderr


def test_a_place_that_takes_no_copy_is_told_before_the_cells_run(person: Kennel) -> None:
    notebooks.write(person.folder / "one.ipynb", "open('ran', 'w').close()")
    (person.folder / "folder").mkdir()
    for place in ("folder", "one.ipynb/copy.ipynb", "/dev/null"):
        assert f"--output {place}: " in person.run("run", "one.ipynb", "--output", place, status=2).stderr
    assert not (person.folder / "ran").exists()


def test_a_notebook_in_another_language_is_refused(person: Kennel) -> None:
    path = notebooks.write(person.folder / "r.ipynb", "x <- 1")
    path.write_text(path.read_text().replace('"language": "python"', '"language": "R"'))
    assert "its cells are R, and only Python runs here" in person.run("run", "r.ipynb", status=2).stderr


def test_a_kernel_does_not_get_the_keys_that_the_shell_had_before(person: Kennel) -> None:
    code = "import os\nprint([name for name, value in os.environ.items() if 'REAL' in value])"
    notebooks.write(person.folder / "keys.ipynb", code)
    person.run("run", "keys.ipynb", status=0, AWS_SECRET_ACCESS_KEY="REAL")
    assert notebooks.printed(person.folder / ".kennel/notebooks/keys.ipynb") == ["[]"]
