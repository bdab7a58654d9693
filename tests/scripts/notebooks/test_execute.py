"""The program that executes the cells: what fails, what is left out, a kernel that dies."""

from tests.support import notebooks
from tests.support.person import Kennel


def test_keep_going_runs_the_rest_and_counts_what_failed(person: Kennel) -> None:
    cells = ("print('first')", "1 / 0", "raise ValueError('two\\nlines')", "print('after')")
    notebooks.write(person.folder / "three.ipynb", *cells)
    done = person.run("run", "three.ipynb", "--keep-going", "--param", "epochs=1", status=1)
    assert 'no cell has the tag "parameters"' in done.stdout
    assert "cell 3  ZeroDivisionError: division by zero" in done.stdout and "cell 4  ValueError: two" in done.stdout
    assert "3 of 5 cells done, 2 failed\n" in done.stdout
    assert notebooks.printed(person.folder / ".kennel/notebooks/three.ipynb")[-1] == "after"


def test_a_kernel_that_dies_ends_the_run(person: Kennel) -> None:
    notebooks.write(person.folder / "dies.ipynb", "import os; os._exit(3)", "print('after')")
    done = person.run("run", "dies.ipynb", status=1)
    assert "cell 1  the kernel died" in done.stdout and "0 of 2 cells done, 1 failed, 1 not run" in done.stdout


def test_what_a_cell_prints_is_kept_however_long_its_lines(person: Kennel) -> None:
    progress = (
        "import sys\nfor i in range(3):\n    print(i, end='\\r', flush=True)\nprint('done')\nprint('an error', file=sys.stderr)"
    )
    notebooks.write(person.folder / "long.ipynb", "import sys\nwritten = sys.stdout.write('x' * 5_000_000)", progress)
    person.run("run", "long.ipynb", status=0)
    copy = person.folder / ".kennel/notebooks/long.ipynb"
    assert notebooks.printed(copy) == ["x" * 5_000_000, "done"]
    assert "an error" in copy.read_text()
