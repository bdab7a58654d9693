"""Row 45: a wheel that differs from its lock, or a package without a hash, is not installed; no lock has one without."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "docker" / "locks").glob("*.txt"))


def wheel(folder: Path, name: str, needs: str = "", code: str = "whole = True\n") -> str:
    """A wheel of one module; returns its line in a lock."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n" + (f"Requires-Dist: {needs}\n" if needs else "")
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(f"{name}.py", code)
        packed.writestr(f"{name}-1.0.dist-info/METADATA", about)
        packed.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def install(folder: Path, lock: str) -> subprocess.CompletedProcess[str]:
    (folder / "lock.txt").write_text(lock)
    command = [sys.executable, "-m", "pip", "--isolated", "install", "--require-hashes", "--no-index"]
    command += ["--find-links", str(folder), "--target", str(folder / "in"), "-r", str(folder / "lock.txt")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_the_lock_says_is_installed(tmp_path: Path) -> None:
    done = install(tmp_path, wheel(tmp_path, "kibble", needs="bowl") + wheel(tmp_path, "bowl"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "in" / "kibble.py").exists() and (tmp_path / "in" / "bowl.py").exists()


def test_an_altered_wheel_is_refused(tmp_path: Path) -> None:
    lock = wheel(tmp_path, "kibble")
    wheel(tmp_path, "kibble", code="whole = False\n")
    done = install(tmp_path, lock)
    assert done.returncode != 0 and "DO NOT MATCH THE HASHES" in done.stderr
    assert not (tmp_path / "in").exists()


@pytest.mark.parametrize("second", ["", "bowl==1.0\n"], ids=["not in the lock", "without a hash"])
def test_a_dependency_without_a_hash_is_refused(tmp_path: Path, second: str) -> None:
    wheel(tmp_path, "bowl")
    done = install(tmp_path, wheel(tmp_path, "kibble", needs="bowl") + second)
    assert done.returncode != 0 and "require-hashes" in done.stderr
    assert not (tmp_path / "in").exists()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_package_of_every_lock_has_its_hashes(lock: Path) -> None:
    text = re.sub(r"#.*", "", lock.read_text()).replace("\\\n", " ")
    entries = [line.split() for line in text.splitlines() if line.strip()]
    assert entries
    for name, *rest in entries:
        # What follows a semicolon is for which Python and system the line is; `make lock` writes it.
        hashes = rest[next((index for index, word in enumerate(rest) if word.startswith("--hash")), len(rest)) :]
        assert rest[: len(rest) - len(hashes)][:1] in ([], [";"]), f"{lock.name}: {name}"
        assert re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z0-9,_-]+\])?==[^=;]+", name), f"{lock.name}: {name}"
        assert hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", word) for word in hashes), f"{lock.name}: {name}"


def test_whatever_installs_asks_for_hashes() -> None:
    """The images' installer for all it installs but what it built itself from hashed archives; the Makefile for each lock."""
    installer = (ROOT / "docker" / "install.sh").read_text()
    assert "PIP_REQUIRE_HASHES=1" in installer
    assert installer.count("PIP_REQUIRE_HASHES=0") == 1 and '--no-index --no-deps "$wheel"' in installer
    for line in (ROOT / "Makefile").read_text().splitlines():
        if "pip install" in line:
            assert "--require-hashes" in line or "--no-deps --no-build-isolation -e ." in line, line
