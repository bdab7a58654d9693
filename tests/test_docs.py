"""The documents keep up with the code: every block is run, loaded or parsed; hyperparameters and variables are all listed."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from docs import architecture
from scripts.cli.arguments import VERBS, parse
from tests.support.documents import DOCUMENTS, ROOT, Block, blocks, commands, mentioned
from tests.support.person import Kennel, exported
from train.config import Config, names

LANGUAGES = ("", "sh", "toml", "python", "json")
NOT_RUN = {
    "docker": "needs a Docker engine: tests/images runs the same lines",
    "pip": "needs a package index: tests/faults/test_90 runs it",
    "sudo": "changes the machine",
    "cd": "is the shell's own",
    "head": "is the system's own",
    "eval": "what it evaluates is looked at by itself",
    "aws": "is another project's program: its operations and options are looked up in botocore's models, which it is made from",
}
"""Commands of the documents that no test here runs or parses, and why."""
OF_THE_CLI = {("ecr", "get-login-password")}
"""Commands of the AWS CLI that are no operations."""


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        for target in re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(), re.MULTILINE):
            assert target in targets, f"{document.name}: make {target}"


def _id(block: Block) -> str:
    return block.place


def test_every_block_says_what_it_is() -> None:
    """An unmarked block is what a program prints, or a drawing: no command hides in one."""
    for block in blocks():
        assert block.language in LANGUAGES, block.place
        if not block.language:
            typed = re.findall(r"^(?:\$ )?(?:kennel|make|docker|aws|pip|python|eval) .*", block.text, re.MULTILINE)
            assert not typed, f"{block.place}: {typed[0]}: mark the block as sh"
    assert len(blocks("sh")) >= 8 and len(blocks("toml")) >= 2 and blocks("python") and blocks("json")


@pytest.mark.parametrize("block", blocks("toml"), ids=_id)
def test_a_toml_block_is_a_kennel_toml_that_the_launchers_take(block: Block, tmp_path: Path) -> None:
    kennel = Kennel(tmp_path)
    kennel.settings(block.text)
    for target in tomllib.loads(block.text):
        kennel.plan("status", "--target", target, "--region", "us-east-1")


@pytest.mark.parametrize("block", blocks("json"), ids=_id)
def test_a_json_block_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Kennel:
    """A folder whose local SageMaker is up."""
    kennel = Kennel(tmp_path_factory.mktemp("docs"))
    kennel.run("up")
    yield kennel
    kennel.run("stop")


@pytest.mark.parametrize("block", blocks("python"), ids=_id)
def test_a_python_block_runs_against_the_local_sagemaker(block: Block, own: Kennel) -> None:
    pointed = exported(own.run("env").stdout)
    done = subprocess.run(
        [sys.executable, "-c", block.text], cwd=own.folder, env=os.environ | pointed, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", blocks("sh"), ids=_id)
def test_a_shell_block_is_what_the_programs_take(block: Block) -> None:
    subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
    found = list(commands(block.text))
    assert found
    for words in found:
        _check(words)


@pytest.mark.parametrize(("place", "command"), [pytest.param(*one, id=one[0]) for one in mentioned()])
def test_a_command_in_the_text_is_one(place: str, command: str) -> None:
    if not re.search(r"\b(VERB|TARGET=path)\b|\.\.\.", command):
        for words in commands(command):
            if words[1:] and words[-1] in VERBS:
                continue  # a verb by its name alone is a verb, whatever else it would need
            _check(words)


def _check(words: list[str]) -> None:
    """Fails unless the program would take the command."""
    program = Path(words[0]).name
    if program == "kennel":
        parse(words[1:])
    elif program == "make":
        _check_make(words[1:])
    elif program == "aws":
        _check_aws(*words[1:])
    else:
        assert program in NOT_RUN, f"{' '.join(words)}: run it or parse it here, or say in NOT_RUN why not"


def _check_make(words: list[str]) -> None:
    """What make would run; a launcher's command in it is parsed."""
    done = subprocess.run(["make", "-n", "--no-print-directory", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for line in re.findall(r"-m scripts (.*)", done.stdout):
        for command in commands("kennel " + line):
            if command[0] == "kennel":
                parse(command[1:])


def _check_aws(service: str, command: str, *options: str) -> None:
    if (service, command) in OF_THE_CLI:
        return
    model = botocore.session.Session().get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    assert command in operations, f"aws {service} {command}"
    shape = model.operation_model(operations[command]).input_shape
    known = {xform_name(name, "-") for name in shape.members} if shape else set()
    assert {option.removeprefix("--") for option in options if option.startswith("--")} <= known


def test_what_is_planted_is_refused() -> None:
    """The checks above, on commands that nobody can type."""
    for command in (
        "make no-such-target",
        "kennel train --no-such-flag",
        "kennel fly",
        "aws sagemaker fly",
        "curl x",
        "aws logs",
    ):
        (words,) = commands(command)
        with pytest.raises((AssertionError, SystemExit, TypeError)):
            _check(words)
    script = 'a=1 x "y z" | aws sts get-caller-identity && eval "$(kennel env --home q)"  # kennel fly\nlong \\\n  -v "$PWD/a:/b"'
    assert list(commands(script)) == [
        ["kennel", "env", "--home", "q"],
        ["x", "y z"],
        ["aws", "sts", "get-caller-identity"],
        ["eval", "$(kennel env --home q)"],
        ["long", "-v", "$PWD/a:/b"],
    ]


def test_the_benchmarks_sentence_says_what_its_table_has() -> None:
    text = (ROOT / "docs" / "5-benchmarks.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    rates = {row[0]: (float(row[1]), float(row[4])) for row in rows if len(row) == 9 and row[1].replace(".", "").isdigit()}
    ours, loop = rates["`serve`, int8"], rates["no server: decode and predict in a loop, int8"]
    peers = [rates[f"{peer}, eager torch"] for peer in ("multi-model-server", "TorchServe", "LitServe")]
    times = [ours[column] / peer[column] for peer in peers for column in (0, 1)]
    ceiling = [loop[column] / peers[0][column] for column in (0, 1)]
    said = " ".join(text.split())
    assert f"{min(times):.1f} to {max(times):.1f} times the requests of any peer on small photographs" in said
    assert f"{min(ceiling):.1f} to {max(ceiling):.1f} times as fast as multi-model-server" in said


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


def test_every_test_that_is_cited_is_there() -> None:
    """In the text a test stands in brackets, as [tests/test_docs.py] or, of the faults, by its number alone."""
    cited = [
        (document.name, name)
        for document in DOCUMENTS
        for group in re.findall(r"\[((?:tests/|test_\d)[^\]]*)\](?!\()", document.read_text())
        for name in re.findall(r"\btests/[\w/.]*\w|\btest_\d+", group)
    ]
    assert len(cited) > 50
    for document, name in cited:
        number = re.fullmatch(r"(?:tests/faults/)?(test_\d+)", name)
        there = any((ROOT / "tests" / "faults").glob(f"{number[1]}_*.py")) if number else (ROOT / name).exists()
        assert there, f"{document}: {name}"


def test_every_call_of_notebooks_is_in_the_file_that_tries_it() -> None:
    """Rows of the tables of calls: the calls, what becomes of them, and the files that make them."""
    text = (ROOT / "docs" / "16-from-your-old-notebook.md").read_text().partition("## Which calls are tried")[2]
    rows = re.findall(r"^\| (`.+) \| ((?:works|differs|refused).*) \| (\S.*) \|$", text, re.MULTILINE)
    assert len(rows) == text.count("\n| `") > 30
    for calls, _, files in rows:
        code = "".join((ROOT / name).read_text() for name in files.split("; "))
        for call in re.findall(r"`([^`]+)`", calls):
            word = re.findall(r"[\w-]+", call.partition("(")[0])[-1]
            assert re.search(rf"\b{re.escape(word)}\b", code), f"{call}: not in {files}"


def test_every_page_is_linked_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert f"](docs/{page.name})" in text, page.name


def test_every_path_that_the_architecture_names_is_there() -> None:
    text = (ROOT / "docs" / "0-architecture.md").read_text().partition("## Where would I change")[2]
    named = re.findall(r"`([a-z_]+/[\w./]*)`", text)
    assert len(named) > 15
    for path in named:
        assert (ROOT / path).exists(), path


def test_the_picture_of_the_architecture_is_what_the_imports_say() -> None:
    assert architecture.FILE.read_text() == architecture.draw(), "python -m docs.architecture draws it again"


def test_a_picture_of_other_imports_differs() -> None:
    """The parts of the drawing, on graphs that are known."""
    graph = {"a": {"b", "c", "e"}, "b": {"c"}, "c": set(), "d": set(), "e": set()}
    assert architecture.floors(graph) == [["a"], ["b", "e"], ["c", "d"]]
    assert architecture.reduced(graph) == {"a": {"b", "e"}, "b": {"c"}, "c": set(), "d": set(), "e": set()}
    with pytest.raises(ValueError, match="a circle among a, b"):
        architecture.floors({"a": {"b"}, "b": {"a"}, "c": set()})


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
