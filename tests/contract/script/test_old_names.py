"""Names that libraries had when people wrote their scripts, in a Python that has imported none of them, or all."""

import subprocess
import sys

import pytest

from contract.script import old_names

LOOK = "import numpy, PIL.Image; print(numpy.float is float, PIL.Image.ANTIALIAS == PIL.Image.LANCZOS)"
START = f"import runpy; runpy.run_path({old_names.__file__!r})['main'](FUNCTIONS)"


@pytest.mark.parametrize("first", ["pass", "import numpy, PIL.Image"], ids=["before", "after"])
def test_the_names_are_there_whenever_the_library_is_imported(first: str) -> None:
    program = "\n".join([first, START.replace("FUNCTIONS", "{}"), LOOK])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


def test_more_can_be_done_after_an_import_and_a_logger_prints_at_its_own_level() -> None:
    given = "{'json': lambda module: print('imported', module.__name__)}"
    program = START.replace("FUNCTIONS", given) + (
        "\nimport sys; sys.modules.pop('json', None); import json, logging"
        "\nlog = logging.getLogger('mine'); log.setLevel(logging.INFO); log.info('said')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "imported json\n" and done.stderr == "INFO:mine:said\n"
