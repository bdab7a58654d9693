"""The program that executes the cells: what fails, what is left out, a kernel that dies."""

from tests.support import notebooks
from tests.support.person import Kennel


def test_keep_going_runs_the_rest_and_counts_what_failed(notebook_person: Kennel) -> None:
    cells = ("print('first')", "1 / 0", "raise ValueError('two\\nlines')", "print('after')")
    notebooks.write(notebook_person.folder / "three.ipynb", *cells)
    done = notebook_person.run("run", "three.ipynb", "--keep-going", "--param", "epochs=1", status=1)
    assert 'no cell has the tag "parameters"' in done.stdout
    assert "cell 3  ZeroDivisionError: division by zero" in done.stdout and "cell 4  ValueError: two" in done.stdout
    assert "3 of 5 cells done, 2 failed\n" in done.stdout
    assert notebooks.printed(notebook_person.folder / ".kennel/notebooks/three.ipynb")[-1] == "after"


def test_a_kernel_that_dies_ends_the_run(notebook_person: Kennel) -> None:
    notebooks.write(notebook_person.folder / "dies.ipynb", "import os; os._exit(3)", "print('after')")
    done = notebook_person.run("run", "dies.ipynb", status=1)
    assert "cell 1  the kernel died" in done.stdout and "0 of 2 cells done, 1 failed, 1 not run" in done.stdout


def test_what_a_cell_prints_is_kept_however_long_its_lines(notebook_person: Kennel) -> None:
    progress = (
        "import sys\nfor i in range(3):\n    print(i, end='\\r', flush=True)\nprint('done')\nprint('an error', file=sys.stderr)"
    )
    notebooks.write(notebook_person.folder / "long.ipynb", "import sys\nwritten = sys.stdout.write('x' * 5_000_000)", progress)
    notebook_person.run("run", "long.ipynb", status=0)
    copy = notebook_person.folder / ".kennel/notebooks/long.ipynb"
    assert notebooks.printed(copy) == ["x" * 5_000_000, "done"]
    assert "an error" in copy.read_text()


def test_cells_that_are_left_out_by_their_tag_are_not_counted(notebook_person: Kennel) -> None:
    notebooks.write(notebook_person.folder / "tagged.ipynb", "1 / 0", "print('after')", tags=("skip-execution",))
    done = notebook_person.run("run", "tagged.ipynb", status=0)
    assert "1 of 1 cells done, 0 failed\n" in done.stdout
    assert notebooks.printed(notebook_person.folder / ".kennel/notebooks/tagged.ipynb") == ["", "after"]


def test_a_copy_that_does_not_fit_is_told_and_leaves_nothing_beside_it(notebook_person: Kennel) -> None:
    fills = "import os, resource\nresource.prlimit(os.getppid(), resource.RLIMIT_FSIZE, (100, 100))\nprint('done')"
    notebooks.write(notebook_person.folder / "full.ipynb", fills)
    done = notebook_person.run("run", "full.ipynb", status=1)
    assert "the executed copy cannot be written to .kennel/notebooks/full.ipynb: File too large\n" in done.stdout
    assert "1 of 1 cells done, 0 failed\n" in done.stdout and "executed copy  " not in done.stdout
    assert not list((notebook_person.folder / ".kennel/notebooks").iterdir())
