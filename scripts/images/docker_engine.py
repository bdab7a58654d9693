"""The Docker engine, through its own command line: what is asked of it, which client builds, its last words when it says no.

The command line rather than a library: it is what people who build images have, with their contexts and credentials.
Nothing here knows what our images are.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.aws.calls import Command
from scripts.config import engine_environment
from scripts.errors import LaunchError

_WITH_BUILDKIT = range(19, 23)
"""Major versions of the docker client that carry BuildKit themselves; later ones have it in the plugin buildx."""
_INSTALL = "install Docker 20.10 or later (Debian: apt-get install docker.io; others: with the buildx plugin)"


class Refused(LaunchError):
    """The engine answered with an error; the message is its last line."""


@dataclass(frozen=True, slots=True)
class Client:
    """A docker program that can build. `buildx`: through the plugin, whose builds would carry attestations by default."""

    program: str
    buildx: bool


def program() -> str:
    """Path of the docker command. Raises LaunchError where there is none."""
    found = shutil.which("docker")
    if found is None:
        raise LaunchError(f"docker: no such command; {_INSTALL}")
    return found


def client() -> Client:
    """The first docker on PATH whose builds take secrets and cache mounts. Raises LaunchError when there is none."""
    seen = []
    for folder in os.get_exec_path(engine_environment()):
        candidate = shutil.which("docker", path=folder)
        if candidate is None:
            continue
        version = _quick(candidate, "version", "--format", "{{.Client.Version}}").stdout.strip() or "unknown"
        major = version.partition(".")[0]
        if major.isdecimal() and int(major) in _WITH_BUILDKIT:
            return Client(candidate, buildx=False)
        if _quick(candidate, "buildx", "version").returncode == 0:
            return Client(candidate, buildx=True)
        seen.append(f"{candidate} {version}")
    if seen:
        raise LaunchError(f"docker: {', '.join(seen)} cannot build with BuildKit, for want of the buildx plugin; {_INSTALL}")
    raise LaunchError(f"docker: no such command; {_INSTALL}")


def ask(*arguments: str, stdin: bytes | None = None) -> bytes:
    """What `docker ARGUMENTS` prints. `stdin` goes to its standard input. Raises Refused."""
    done = subprocess.run([program(), *arguments], input=stdin or b"", capture_output=True)
    if done.returncode:
        raise Refused(f"docker {arguments[0]}: {last_line(done.stderr.decode('utf-8', 'replace')) or done.returncode}")
    # `docker logs` keeps a container's two streams apart; what it printed is both.
    return done.stdout + (done.stderr if arguments[0] == "logs" else b"")


def inspect(image: str) -> dict[str, Any] | None:
    """What the engine knows of an image that it has; None when it has none of that name. Raises LaunchError without an engine."""
    try:
        return json.loads(ask("image", "inspect", image))[0]
    except Refused as error:
        if "no such image" in str(error).lower():
            return None
        raise LaunchError(f"{error}; start the engine, or set DOCKER_HOST") from None


def host() -> str:
    """Where the engine listens, by the person's own docker context."""
    try:
        return ask("context", "inspect", "--format", "{{.Endpoints.docker.Host}}").decode().strip()
    except Refused:
        return ""


def lines(command: Command, log: Path | None = None) -> Iterator[str]:
    """Run a command and yield what it says, line by line; all of it goes to `log` too. Raises Refused when it fails."""
    said: list[str] = []
    with ExitStack() as stack:
        copy = stack.enter_context(_opened(log)) if log else None
        process = stack.enter_context(
            subprocess.Popen(
                command.arguments,
                env=engine_environment() | dict(command.environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        )
        assert process.stdin is not None and process.stdout is not None  # both are pipes
        try:
            with suppress(BrokenPipeError):  # it ended before it read; its exit status says why
                process.stdin.write(command.stdin)
                process.stdin.close()
            for line in process.stdout:
                said = [*said[-200:], line.rstrip()]
                if copy:
                    copy.write(line)
                yield line.rstrip()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        where = f"; all of it is in {log}" if log else ""
        raise Refused(f"{Path(command.arguments[0]).name} {command.arguments[1]}: {_reason(said)}{where}")


def last_line(text: str) -> str:
    """The last line that is not empty, without the engine's usual beginning."""
    found: Sequence[str] = [line.strip() for line in text.splitlines() if line.strip()]
    return found[-1].removeprefix("Error response from daemon: ") if found else ""


def _opened(log: Path) -> Any:
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("w", buffering=1, encoding="utf-8")  # whoever follows it sees each line


def _reason(said: Sequence[str]) -> str:
    """The line that says why: the last one of an error, else the last one."""
    errors = [line for line in said if "error" in line.lower() or "failed to" in line]
    return last_line("\n".join(errors or said))[:400] or "it failed and said nothing"


def _quick(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        arguments, env=engine_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
