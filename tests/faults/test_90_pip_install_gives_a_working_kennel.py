"""Row 90: `pip install` of the project in an empty environment: `kennel` runs there, outside the checkout, with the core alone.

The packages come from wherever pip is set up to get them; the test skips, and says so, where no index answers.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.person import write_pictures
from tests.support.wheel import build_wheel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ABSENT = ("torch", "openvino", "smdebug", "sagemaker-training", "pytest")
"""Packages that the core has no use for."""
_OFFLINE = re.compile(r"NameResolutionError|Failed to establish a new connection|Network is unreachable|Could not fetch URL")


class Installed:
    """The new environment, and a folder outside the checkout to type in."""

    def __init__(self, environment: Path, folder: Path) -> None:
        self.bin, self.folder = environment / "bin", folder
        folder.mkdir()

    def kennel(self, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the command as a person does who has activated the environment."""
        own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTHON", "TARGET", "BACKEND"))}
        done = subprocess.run(
            [self.bin / "kennel", *words],
            cwd=self.folder,
            env=own | {"PATH": f"{self.bin}:{own['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == status, (words, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        return done


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    place = tmp_path_factory.mktemp("row-90")
    wheel = build_wheel(place / "wheel")
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "venv", place / "env"], check=True)
    done = subprocess.run([place / "env" / "bin" / "pip", "install", "-q", wheel], capture_output=True, text=True)
    if done.returncode and _OFFLINE.search(done.stderr):
        pytest.skip(f"no package index answers: {done.stderr.strip().splitlines()[-1][:200]}")
    assert done.returncode == 0, done.stderr[-3000:]
    size = sum(path.stat().st_size for path in (place / "env").rglob("*") if path.is_file() and not path.is_symlink())
    print(f"installed in {time.monotonic() - began:.0f} s: {size / 1e6:.0f} MB")
    one = Installed(place / "env", place / "outside")
    yield one
    one.kennel("stop")
    shutil.rmtree(place)


def test_the_core_alone_was_installed(installed: Installed) -> None:
    listed = subprocess.run([installed.bin / "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True).stdout
    there = {line.partition("==")[0].lower() for line in listed.splitlines()}
    assert "boto3" in there and not there & set(ABSENT)
    assert "No broken requirements" in subprocess.run([installed.bin / "pip", "check"], capture_output=True, text=True).stdout


def test_the_local_sagemaker_starts_shows_and_ends(installed: Installed) -> None:
    assert "usage: kennel" in installed.kennel("--help").stdout
    began = time.monotonic()
    assert "local SageMaker on http://127.0.0.1:" in installed.kennel("up").stdout
    print(f"kennel up took {time.monotonic() - began:.1f} s")
    assert (installed.folder / ".kennel" / "local" / "server.json").is_file(), "what it keeps lies in the person's own folder"
    assert "nothing here yet" in installed.kennel("status").stdout
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:" in installed.kennel("env").stdout
    assert installed.kennel("policies").stdout.startswith("{")
    assert "next  kennel " in installed.kennel("doctor").stdout
    assert "local SageMaker stopped" in installed.kennel("stop").stdout


def test_pictures_are_uploaded(installed: Installed) -> None:
    write_pictures(installed.folder / "dogs", classes=2, each=2)
    assert "12 uploaded" in installed.kennel("data", "--folder", "dogs").stdout


@pytest.mark.parametrize(
    ("line", "extras"),
    [
        (("train", "--data-name", "dogs"), "train"),
        (("tune", "--data-name", "dogs"), "train"),
        (("deploy", "--model-data", "s3://kennel-local/model.tar.gz"), "serve"),
        (("salvage", "old.pth"), "train"),
        (("demo",), "train,serve"),
    ],
)
def test_a_verb_without_its_extra_says_which_in_one_line(installed: Installed, line: tuple[str, ...], extras: str) -> None:
    (installed.folder / "old.pth").touch()
    said = installed.kennel(*line, status=2).stderr
    assert said.count("\n") == 1 and said.startswith(f"{line[0]}: not installed: ")
    assert re.search(rf"python\S* -m pip install '\S+\.whl\[{extras}\]'$", said.rstrip()), said


def test_what_needs_the_checkout_says_so(installed: Installed) -> None:
    """The images are built from docker/, which no package holds."""
    said = installed.kennel("build", status=2).stderr
    assert said.count("\n") == 1 and "checkout" in said
