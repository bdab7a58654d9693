"""The command line: every verb has help with an example, help is quick and imports nothing, and the verbs are frozen."""

import subprocess
import sys
import time

import pytest

from scripts.cli.arguments import VERBS
from scripts.cli.configure import BUILDERS
from tests.support.person import ROOT, Kennel

FROZEN = (
    "demo data weights init tune train rules deploy invoke logs report status down policies doctor build push lint-image salvage"
    " serve-local notebook run up env stop"
)


def test_the_verbs_are_these() -> None:
    assert list(VERBS) == FROZEN.split() and set(BUILDERS) == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example_and_a_dry_run(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    from scripts.__main__ import main

    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    printed = capsys.readouterr().out
    assert ended.value.code == 0 and "example: " in printed and "--dry-run" in printed and "--target" in printed


def test_help_imports_neither_boto3_nor_rich(kennel: Kennel) -> None:
    code = "import sys; from scripts.cli.arguments import parse\ntry: parse(['train', '--help'])"
    code += "\nfinally: print(sorted(sys.modules))"
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    print(f"kennel train --help: {1000 * (time.monotonic() - start):.0f} ms")
    assert "'argparse'" in done.stdout and "boto" not in done.stdout and "'rich'" not in done.stdout


def test_an_unknown_verb_or_flag_ends_with_2(kennel: Kennel) -> None:
    assert "invalid choice" in kennel.run("trian", status=2).stderr
    assert "unrecognized" in kennel.run("status", "--colour", status=2).stderr


def test_debug_shows_the_traceback(kennel: Kennel) -> None:
    process = kennel.start("train", "--debug")
    _, error = process.communicate(timeout=60)
    assert "Traceback" in error and "LaunchError" in error
