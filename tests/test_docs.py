"""The documents keep up with the code: commands exist, hyperparameters and variables are all listed, links lead somewhere."""

import re
import subprocess
from pathlib import Path

from train.config import Config, names

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        for target in re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(), re.MULTILINE):
            assert target in targets, f"{document.name}: make {target}"


def test_the_commands_of_the_readme_are_what_ci_runs() -> None:
    block = re.search(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    commands = [line.split("#")[0].strip() for line in block[1].splitlines()]
    assert commands == ["make demo", "make test"]
    ci = (ROOT / ".ci" / "run").read_text()
    assert all(command in ci for command in commands)


def test_links_and_pictures_are_there() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_fault_is_listed() -> None:
    listed = (ROOT / "docs" / "3-faults-and-promises.md").read_text()
    for path in (ROOT / "tests" / "faults").glob("test_*.py"):
        assert path.stem in listed


def test_every_hyperparameter_is_listed_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| `?([^|`]+?)`? \|", _contract(), re.MULTILINE))
    for name in names():
        default = getattr(Config(), name.replace("-", "_"))
        shown = "auto" if default is None else default
        assert name in rows, name
        assert rows[name] == str(shown) or float(rows[name]) == shown, name


def test_every_variable_is_listed() -> None:
    code = (ROOT / "serve" / "config.py").read_text()
    for name in set(re.findall(r"KENNEL_[A-Z_]+", code)):
        assert name in _contract(), name


def _contract() -> str:
    return (ROOT / "docs" / "2-the-container-contract.md").read_text()


def test_make_alone_lists_every_target() -> None:
    shown = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("demo", "test", "tune", "deploy", "invoke", "bench"):
        assert re.search(rf"^{target} ", shown, re.MULTILINE)
