"""Someone else's program, run as a person runs it: with what `kennel env` prints, in an environment that `make compat` builds.

It may talk to this machine only (loopback.py).
"""

import subprocess
from collections.abc import Set
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "compat"
ENVIRONMENTS = ROOT / ".kennel" / "compat"


class Client:
    """A folder, and the environment variables that its programs get."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment

    def python(self, name: str) -> Path:
        """The interpreter of the environment `name`. Skips, and says so, where it is absent."""
        path = ENVIRONMENTS / name / "bin" / "python"
        if not path.exists():
            pytest.skip(f"no {path.relative_to(ROOT)}: make compat builds it")
        return path

    def run(self, name: str, *command: str | Path, status: int = 0, reaches: Set[str] = frozenset()) -> str:
        """What a Python program printed. `reaches`: the hosts elsewhere that it has to have tried, and no other."""
        attempts = self.folder / f"attempts-{name}"
        attempts.write_text("")
        line = [self.python(name), HERE / "loopback.py", attempts, *command]
        done = subprocess.run(
            line, env=self.environment, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=220
        )
        assert done.returncode == status, done.stdout[-5000:]
        assert set(attempts.read_text().split()) == reaches
        return done.stdout
