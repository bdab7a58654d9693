"""`make` on a machine that does not fit, or without a fitting Python: one line says so, before anything is fetched.

The machine is told by programs of these tests', first on the path: uname, df, getconf and Pythons.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GB = 1_000_000
"""In df's blocks of 1,024 bytes, as the script counts."""


class Machine:
    """A copy of what `make` needs to set up, and a folder of programs, which is all of its path."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder / "checkout", folder / "bin"
        for name in ("Makefile", "pyproject.toml", "setup.py", "docker/venv.sh", "docker/locks/dev.txt"):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.folder / name)
        self.bin.mkdir()
        for name in (
            "sh",
            "make",
            "sed",
            "awk",
            "expr",
            "dirname",
            "mkdir",
            "tail",
            "cut",
            "touch",
            "cat",
            "df",
            "gcc",
            "getconf",
        ):
            (self.bin / name).symlink_to(found if (found := shutil.which(name)) else "/bin/false")
        self.program("uname", "case $1 in -s) echo Linux ;; -m) echo x86_64 ;; -r) echo 6.6.87.2-microsoft-standard-WSL2 ;; esac")

    def program(self, name: str, script: str) -> None:
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    def python(self, name: str, version: tuple[int, int] = sys.version_info[:2], fit: str = "pass") -> None:
        """A Python of this version. It checks itself with the interpreter of these tests; to make an environment fails it."""
        headers = "import sys, sysconfig; path = sysconfig.get_path('include'); sysconfig.get_path = lambda name: path"
        words = f"{headers}; sys.version_info = ({version[0]}, {version[1]}, 0); {fit}"
        self.program(name, f'[ "$1" = -c ] || {{ echo "would make an environment with {name}"; exit 7; }}\n'
                           f'code=$2; shift 2; exec {sys.executable} -c "{words}\n$code" "$@"')  # fmt: skip

    def make(self, *words: str) -> str:
        """What `make doctor`, which needs the environment, says before it fails."""
        done = subprocess.run(
            ["make", "--no-print-directory", "doctor", *words],
            cwd=self.folder,
            env={"PATH": str(self.bin)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + "\n".join(line for line in done.stderr.splitlines() if not line.startswith("make"))


@pytest.fixture()
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def one_line(said: str) -> str:
    assert said.count("\n") == 0 and said.startswith("setup: "), said
    return said


@pytest.mark.parametrize(
    ("uname", "expected"),
    [
        ("case $1 in -s) echo Darwin ;; -m) echo arm64 ;; -r) echo 24.1 ;; esac", "and this is Darwin"),
        ("case $1 in -s) echo Linux ;; -m) echo aarch64 ;; -r) echo 6.1 ;; esac", "and this is aarch64"),
        ("case $1 in -s) echo Linux ;; -m) echo x86_64 ;; -r) echo 4.4.0-19041-Microsoft ;; esac", "WSL 1"),
    ],
)
def test_another_machine_is_named_in_one_line(machine: Machine, uname: str, expected: str) -> None:
    machine.python("python3")
    machine.program("uname", uname)
    assert expected in one_line(machine.make())


@pytest.mark.parametrize(("libc", "fits"), [("glibc 2.27", False), ("glibc 2.28", True)])
def test_an_old_c_library_is_named(machine: Machine, libc: str, fits: bool) -> None:
    machine.python("python3")
    machine.program("getconf", f"echo {libc}")
    said = machine.make()
    assert ("would make an environment" in said) is fits
    assert fits or libc in one_line(said)


def test_another_c_library_is_named(machine: Machine) -> None:
    machine.program("getconf", "echo 'getconf: GNU_LIBC_VERSION: unknown variable' >&2; exit 1")
    assert "glibc 2.28 or later" in one_line(machine.make())


@pytest.mark.parametrize(("free", "fits"), [(7 * GB - 1, False), (7 * GB, True)])
def test_a_disk_too_small_is_named_with_what_is_free(machine: Machine, free: int, fits: bool) -> None:
    machine.python("python3")
    machine.program("df", f"echo Filesystem 1024-blocks Used Available Capacity Mounted; echo /dev/x 99999999 1 {free} 1% /")
    said = machine.make()
    assert ("would make an environment" in said) is fits
    assert fits or f"6 GB are free in {machine.folder}/.venv, and about 7 GB are needed" in one_line(said)


def test_no_compiler_is_named(machine: Machine) -> None:
    machine.python("python3")
    (machine.bin / "gcc").unlink()
    assert "no gcc" in one_line(machine.make())


def test_the_oldest_python_that_fits_is_taken(machine: Machine) -> None:
    machine.python("python3", (3, 14))
    machine.python("python3.13", (3, 13))
    assert f"with {machine.bin}/python3.13: about 5 GB" in machine.make()
    machine.python("python3.12", (3, 12))
    assert "would make an environment with python3.12" in machine.make()


def test_a_python_by_another_name_is_taken(machine: Machine) -> None:
    machine.python("python", (3, 11))
    assert "would make an environment with python" in machine.make()


@pytest.mark.parametrize(("version", "fits"), [((3, 10), False), ((3, 11), True), ((3, 13), True), ((3, 14), False)])
def test_a_python_that_is_given_is_the_only_one(machine: Machine, version: tuple[int, int], fits: bool) -> None:
    machine.python("python3.11", (3, 11))
    machine.python("mine", version)
    said = machine.make(f"PYTHON={machine.bin}/mine")
    assert ("would make an environment with mine" in said) is fits
    assert fits or f"looked for {machine.bin}/mine (is {version[0]}.{version[1]}.0)" in one_line(said)


def test_without_any_python_that_fits_what_was_looked_for_is_said(machine: Machine) -> None:
    machine.program("python3.11", "echo 'pyenv: python3.11: command not found' >&2; exit 127")
    machine.python("python3.12", (3, 12), fit="sys.modules['ensurepip'] = None")
    machine.python("python3.13", (3, 13), fit="import sysconfig; sysconfig.get_path = lambda name: '/nowhere'")
    machine.python("python3", (3, 9))
    said = one_line(machine.make())
    for name, why in (
        ("python3.11", "pyenv: python3.11: command not found"),
        ("python3.12", "has no venv; "),
        ("python3.13", "has no headers; "),
        ("python3", r"is 3\.9\.0\)"),
        ("python", r"not found\)"),
    ):
        assert re.search(rf"[ ;]{re.escape(name)} \({why}", said), (name, said)
    assert not (machine.folder / ".venv" / "bin").exists()


def test_the_machine_of_these_tests_fits(tmp_path: Path) -> None:
    """The real programs, up to the choice of a Python."""
    done = subprocess.run([ROOT / "docker" / "venv.sh", tmp_path, "no-such-python"], capture_output=True, text=True)
    assert done.returncode == 2 and "looked for no-such-python (not found)" in one_line(done.stderr.strip())
