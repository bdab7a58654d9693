"""The Docker engine through its own command line: which client builds, what it said, and its failures as one line.

The commands are data (plan.Command), so a dry run prints what is run. Nothing here knows what our images are.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.config import engine_environment
from scripts.errors import LaunchError
from scripts.plan import Command

_WITH_BUILDKIT = range(19, 23)
"""Major versions of the docker client that carry BuildKit themselves; later ones have it in the plugin buildx."""
_INSTALL = "install Docker 20.10 or later (Debian: apt-get install docker.io; others: with the buildx plugin)"


@dataclass(frozen=True, slots=True)
class Client:
    """A docker program that can build. `buildx`: through the plugin, whose builds would carry attestations by default."""

    program: str
    buildx: bool


def client() -> Client:
    """The first docker on PATH whose builds take secrets and cache mounts. Raises LaunchError when there is none."""
    seen = []
    for folder in os.get_exec_path(engine_environment()):
        program = Path(folder) / "docker"
        if not os.access(program, os.X_OK) or program.is_dir():
            continue
        version = _quick(str(program), "version", "--format", "{{.Client.Version}}").stdout.strip() or "unknown"
        major = version.partition(".")[0]
        if major.isdecimal() and int(major) in _WITH_BUILDKIT:
            return Client(str(program), buildx=False)
        if _quick(str(program), "buildx", "version").returncode == 0:
            return Client(str(program), buildx=True)
        seen.append(f"{program} {version}")
    if seen:
        raise LaunchError(f"docker: {', '.join(seen)} cannot build with BuildKit, for want of the buildx plugin; {_INSTALL}")
    raise LaunchError(f"docker: no such program on PATH; {_INSTALL}")


def inspect(docker: Client, image: str) -> dict[str, Any] | None:
    """What the engine knows of an image that it has; None when it has none of that name. Raises LaunchError without an engine."""
    done = _quick(docker.program, "image", "inspect", image)
    if done.returncode == 0:
        return json.loads(done.stdout)[0]
    if "no such image" in done.stderr.lower():
        return None
    raise LaunchError(f"docker: {_last(done.stderr)}; start the engine, or set DOCKER_HOST")


def host(docker: Client) -> str:
    """Where the engine listens, by the person's own docker context."""
    done = _quick(docker.program, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    return done.stdout.strip() if done.returncode == 0 else ""


def lines(command: Command, log: Path | None = None) -> Iterator[str]:
    """Run a command and yield what it says, line by line; all of it goes to `log` too. Raises LaunchError when it fails."""
    said: list[str] = []
    process = subprocess.Popen(
        command.arguments,
        env=engine_environment() | command.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    try:
        with process, _written(log) as copy:
            for line in process.stdout:
                said = [*said[-200:], line.rstrip()]
                copy.write(line)
                yield line.rstrip()
    except BaseException:
        process.kill()
        raise
    if process.returncode:
        where = f"; all of it is in {log}" if log else ""
        raise LaunchError(f"{Path(command.arguments[0]).name} {command.arguments[1]}: {_reason(said)}{where}")


def _written(log: Path | None) -> Any:
    if log is None:
        return open(os.devnull, "w")
    log.parent.mkdir(parents=True, exist_ok=True)
    return log.open("w", encoding="utf-8")


def _reason(said: list[str]) -> str:
    """The line that says why: the last one of an error, else the last one."""
    errors = [line for line in said if "error" in line.lower()]
    return _last("\n".join(errors or said))


def _last(text: str) -> str:
    found = [line.strip() for line in text.splitlines() if line.strip()]
    return found[-1][:400] if found else "it failed and said nothing"


def _quick(*arguments: str) -> "subprocess.CompletedProcess[str]":
    environment: Mapping[str, str] = engine_environment()
    return subprocess.run(arguments, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
