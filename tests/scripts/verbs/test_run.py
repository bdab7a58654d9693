"""`kennel run NOTEBOOK`: the SDK's own calls, and what cannot be run."""

import sys

import pytest

from tests.support import notebooks
from tests.support.person import Kennel


def test_the_sdks_own_calls_reach_the_local_sagemaker(notebook_person: Kennel) -> None:
    (notebook_person.folder / "beside.py").write_text("WORD = 'beside'")
    notebooks.write(
        notebook_person.folder / "one.ipynb",
        "word, epochs = 'none', 2",
        "import sagemaker as s\nrole = s.get_execution_role().split('/')\nprint(role[0], s.Session().default_bucket())",
        "!aws sts get-caller-identity --query Account --output text",
        "from beside import WORD\nprint(WORD, word, epochs)",
        "from IPython.core.display import display, HTML\nimport torch\nint(torch.ones(2).sum())",
        tags=("parameters",),
    )
    done = notebook_person.run("run", "one.ipynb", "--param", "epochs=7", "--param", "word=it's", status=0)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:6]] == ["1", "2", "3", "4", "5", "6"] and " s  import sagemaker" in lines[2]
    assert lines[-2:] == ["6 of 6 cells done, 0 failed", "executed copy  .kennel/notebooks/one.ipynb"]
    printed = notebooks.printed(notebook_person.folder / ".kennel/notebooks/one.ipynb")
    assert printed[2].splitlines()[-1] == "arn:aws:iam::000000000000:role sagemaker-us-east-1-000000000000"
    assert printed[3:] == ["000000000000", "beside it's 7", "2"]
    assert notebooks.printed(notebook_person.folder / "one.ipynb") == [""] * 5, "the notebook itself is as it was"


def test_what_cannot_be_run_is_one_line(notebook_person: Kennel) -> None:
    (notebook_person.folder / "broken.ipynb").write_text("{")
    assert "broken.ipynb: this cannot be run as a notebook: " in notebook_person.run("run", "broken.ipynb", status=2).stderr
    assert "none.ipynb: no such notebook" in notebook_person.run("run", "none.ipynb", status=2).stderr
    notebooks.write(notebook_person.folder / "one.ipynb", "1")
    assert "--param class: need a name" in notebook_person.run("run", "one.ipynb", "--param", "class=1", status=2).stderr
    assert "--param a-b: need a name" in notebook_person.run("run", "one.ipynb", "--param", "a-b=1", status=2).stderr
    same = notebook_person.folder / "same.ipynb"
    same.symlink_to("one.ipynb")
    for place in ("one.ipynb", "same.ipynb"):
        refused = notebook_person.run("run", "one.ipynb", "--output", place, status=2).stderr
        assert f"--output {place}: this is one.ipynb itself; give another file to write to" in refused
    assert "--python nowhere: no program" in notebook_person.run("run", "one.ipynb", "--python", "nowhere", status=2).stderr


@pytest.mark.parametrize("verb", ["run", "notebook"])
def test_a_python_that_runs_no_notebooks_is_told_by_name(notebook_person: Kennel, verb: str) -> None:
    notebooks.write(notebook_person.folder / "one.ipynb", "1")
    for python in ("/bin/true", "/bin/ls", "/bin/echo"):
        refused = notebook_person.run(verb, "one.ipynb", "--python", python, status=2).stderr
        assert f"--python {python}: this is no Python 3; need the python of an environment with " in refused
        assert "ipykernel" in refused
    refused = notebook_person.run(verb, "one.ipynb", "--python", sys.executable, status=2).stderr
    assert f"--python {sys.executable}: " in refused and f" missing there; {sys.executable} -m pip install " in refused


def test_notebooks_of_one_name_have_copies_of_their_own(
    notebook_person: Kennel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    places = [notebook_person.folder, notebook_person.folder / "a", elsewhere]
    (notebook_person.folder / "a").mkdir()
    for number, place in enumerate(places):
        notebooks.write(place / "one.ipynb", f"print({number})")
        notebook_person.run("run", str(place / "one.ipynb"), status=0)
    copies = notebook_person.folder / ".kennel/notebooks"
    found = [copies / "one.ipynb", copies / "a/one.ipynb", copies / "elsewhere" / elsewhere.relative_to("/") / "one.ipynb"]
    assert [notebooks.printed(copy) for copy in found] == [["0"], ["1"], ["2"]]


def test_a_place_that_takes_no_copy_is_told_before_the_cells_run(notebook_person: Kennel) -> None:
    notebooks.write(notebook_person.folder / "one.ipynb", "open('ran', 'w').close()")
    (notebook_person.folder / "folder").mkdir()
    for place in ("folder", "one.ipynb/copy.ipynb", "/dev/null"):
        assert f"--output {place}: " in notebook_person.run("run", "one.ipynb", "--output", place, status=2).stderr
    assert not (notebook_person.folder / "ran").exists()


def test_a_notebook_in_another_language_is_refused(notebook_person: Kennel) -> None:
    path = notebooks.write(notebook_person.folder / "r.ipynb", "x <- 1")
    path.write_text(path.read_text().replace('"language": "python"', '"language": "R"'))
    assert "its cells are R, and only Python runs here" in notebook_person.run("run", "r.ipynb", status=2).stderr


def test_a_kernel_does_not_get_the_keys_that_the_shell_had_before(notebook_person: Kennel) -> None:
    code = "import os\nprint([name for name, value in os.environ.items() if 'REAL' in value])"
    notebooks.write(notebook_person.folder / "keys.ipynb", code)
    notebook_person.run("run", "keys.ipynb", status=0, AWS_SECRET_ACCESS_KEY="REAL")
    assert notebooks.printed(notebook_person.folder / ".kennel/notebooks/keys.ipynb") == ["[]"]
