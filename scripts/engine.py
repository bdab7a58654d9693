"""The Docker engine, through its own command line: what is asked of it, and its last words when it says no.

The command line rather than a library: it is what people who build images have, with their contexts and credentials.
"""

import shutil
import subprocess
from collections.abc import Sequence

from scripts.errors import LaunchError


class Refused(LaunchError):
    """The engine answered with an error; the message is its last line."""


def program() -> str:
    """Path of the docker command. Raises LaunchError where there is none."""
    found = shutil.which("docker")
    if found is None:
        raise LaunchError("docker: no such command; install an engine such as Docker's, or Debian's docker.io")
    return found


def ask(*arguments: str, given: bytes | None = None) -> bytes:
    """What `docker ARGUMENTS` prints. `given` goes to its standard input. Raises Refused."""
    done = subprocess.run([program(), *arguments], input=given or b"", capture_output=True)
    if done.returncode:
        raise Refused(f"docker {arguments[0]}: {last_line(done.stderr.decode('utf-8', 'replace')) or done.returncode}")
    # `docker logs` keeps a container's two streams apart; what it printed is both.
    return done.stdout + (done.stderr if arguments[0] == "logs" else b"")


def last_line(text: str) -> str:
    """The last line that is not empty, without the engine's usual beginning."""
    lines: Sequence[str] = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("Error response from daemon: ") if lines else ""
