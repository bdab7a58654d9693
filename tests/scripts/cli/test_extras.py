"""What a verb says where the packages of its programs are not installed: scripts.cli.extras, on metadata as pip writes it."""

import json
import sys
from pathlib import Path

import pytest

from tests.support.person import Kennel

NEEDED = """Metadata-Version: 2.4
Name: kennel
Version: 9
Requires-Dist: rich
Requires-Dist: no-such-torch==2.15.0; extra == "train"
Requires-Dist: no_such.hook[all]>=1,<2; extra == "train"
Requires-Dist: rich; extra == "train"
Requires-Dist: no-such-server; extra == "serve"
Requires-Dist: {gpu}; extra == "serve-torch"
"""


@pytest.fixture()
def kennel(tmp_path: Path) -> Kennel:
    """Its commands are processes: each looks for packages on a path of its own."""
    return Kennel(tmp_path / "work")


def install(kennel: Kennel, came: dict[str, object] | None, gpu: str = "no-such-torch") -> str:
    """Metadata of this package before the installed one's on the path; `came` is what pip wrote of where it came from."""
    folder = kennel.folder / "site" / "kennel-9.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(NEEDED.format(gpu=gpu))
    if came is not None:
        (folder / "direct_url.json").write_text(json.dumps(came))
    return str(folder.parent)


SOURCES = {
    "from a folder": ({"url": "file:///home/ann/my%20kennel", "dir_info": {}}, "'/home/ann/my kennel[train]'"),
    "to be edited": ({"url": "file:///src/kennel", "dir_info": {"editable": True}}, "-e '/src/kennel[train]'"),
    "from a wheel": ({"url": "file:///tmp/kennel-9-py3-none-any.whl"}, "'/tmp/kennel-9-py3-none-any.whl[train]'"),
    "from git": (
        {"url": "https://git.example/kennel", "vcs_info": {"vcs": "git", "commit_id": "0"}},
        "'kennel[train] @ git+https://git.example/kennel'",
    ),
    "from an index": (None, "'kennel[train]'"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_verb_names_what_is_missing_and_the_pip_command(kennel: Kennel, source: str) -> None:
    came, expected = SOURCES[source]
    kennel.state(data="dogs")
    done = kennel.run("train", status=2, PYTHONPATH=install(kennel, came))
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("train: not installed: no-such-torch, no_such.hook; ")
    assert done.stderr.rstrip().endswith(f" -m pip install {expected}")
    assert not (kennel.folder / ".kennel" / "local").exists(), "nothing was started"


def test_both_extras_are_named_where_both_are_needed(kennel: Kennel) -> None:
    done = kennel.run("demo", status=2, PYTHONPATH=install(kennel, None))
    assert (
        "not installed: no-such-server, no-such-torch, no_such.hook; " in done.stderr and "'kennel[train,serve]'" in done.stderr
    )


def test_one_of_the_two_engines_is_enough_to_serve(kennel: Kennel) -> None:
    path = install(kennel, None, gpu="rich")
    printed = kennel.run("deploy", "--model-data", "s3://bucket/none/model.tar.gz", status=None, PYTHONPATH=path).stderr
    assert "not installed" not in printed
    kennel.run("stop")


@pytest.mark.parametrize("line", [("--target", "aws"), ("--backend", "docker"), ("--train-image", "my-image:1"), ("--dry-run",)])
def test_what_runs_elsewhere_is_not_looked_for(kennel: Kennel, line: tuple[str, ...]) -> None:
    kennel.state(data="dogs")
    kennel.state("aws", data="dogs")
    done = kennel.run("train", *line, status=None, PYTHONPATH=install(kennel, None))
    assert "not installed" not in done.stderr
    kennel.run("stop")


def test_doctor_warns_and_does_not_fail(kennel: Kennel) -> None:
    printed = kennel.run("doctor", status=None, PYTHONPATH=install(kennel, None)).stdout
    assert "warn  not installed: no-such-server, no-such-torch, no_such.hook" in printed
    assert "ok    the packages of the launchers" in printed


def test_the_pip_command_builds_what_smdebug_needs_on_a_newer_python(kennel: Kennel) -> None:
    kennel.state(data="dogs")
    said = kennel.run("train", status=2, PYTHONPATH=install(kennel, None)).stderr
    assert ("; CFLAGS=-DPyEval_CallObject=PyObject_CallObject /" in said) is (sys.version_info >= (3, 13))
