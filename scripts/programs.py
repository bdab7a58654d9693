"""Starting and ending the two programs as SageMaker starts and ends a container. Not what they do, not where their data lies.

This is the seam: whoever runs the programs through the SageMaker API replaces this file and keeps the rest.
"""

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from contract.layout import BASE_DIR_VARIABLE, Layout
from scripts.config import inherited_environment
from scripts.errors import RunError

STOP_SECONDS = {"train": 120.0, "serve": 30.0}
"""Seconds between SIGTERM and SIGKILL, as SageMaker allows them."""


class Program:
    """One running `train` or `serve` on a private /opt/ml. As a context it is stopped at the end, whatever happens."""

    def __init__(
        self, name: str, layout: Layout, *, environment: Mapping[str, str] | None = None, log: Path | None = None
    ) -> None:
        """`log`: a file for its output; without one the output goes where ours goes."""
        self.name, self.layout = name, layout
        own = {BASE_DIR_VARIABLE: str(layout.base.absolute()), "PYTHONUNBUFFERED": "1"}
        self._log = log.open("wb") if log else None
        self._process = subprocess.Popen(
            [sys.executable, "-m", name, name],
            env=inherited_environment() | own | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT if self._log else None,
            # Its own session: Ctrl-C reaches this process, which then stops the program in SageMaker's way.
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def running(self) -> bool:
        return self._process.poll() is None

    def wait(self) -> None:
        """Wait for the end. Raises RunError with what output/failure says unless it ended well."""
        self.check(self._process.wait())

    def check(self, status: int) -> None:
        if status != 0:
            told = self.layout.failure.read_text("utf-8", "replace").strip() if self.layout.failure.exists() else ""
            ending = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
            raise RunError(f"{self.name}: {told or 'no reason given'} ({ending})")

    def last_line(self) -> str:
        """The last line of the log file, where it has one: what a program that ended early said of it."""
        lines = Path(self._log.name).read_text("utf-8", "replace").split("\n") if self._log else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "its last lines say why")

    def stop(self) -> int:
        """SIGTERM, the time SageMaker allows, SIGKILL. Returns the exit status."""
        if self.running():
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_SECONDS[self.name])
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._log:
            self._log.close()
