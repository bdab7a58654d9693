"""A TrialContainer runs an image that is being checked, with an /opt/ml of its own and no mounts, and is removed afterwards.

Files go in and come out as `docker cp` carries them, so the engine may be anywhere and nothing owned by root is left here.
"""

import http.client
import io
import json
import tarfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from scripts.images import docker_engine

FOLDERS = ("input/config", "input/data", "model", "output/data", "checkpoints")
TICK = 0.05
_SIGTERM_BIT = 1 << 14


class TrialContainer:
    """`with TrialContainer(image, ["train"]) as trial`: created and filled, not started; removed at the end.

    `files`: paths below /opt/ml to their bytes. `port`: one that is published on loopback; without it, no network at all.
    """

    def __init__(
        self,
        image: str,
        arguments: list[str],
        files: Mapping[str, bytes],
        environment: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        network = ["--network", "none"] if port is None else ["--publish", f"127.0.0.1::{port}"]
        variables = [part for name, value in (environment or {}).items() for part in ("--env", f"{name}={value}")]
        made = docker_engine.ask("create", "--label", "kennel=lint-image", *network, *variables, image, *arguments)
        self._id, self._port, self._files = made.decode().strip(), port, files

    def __enter__(self) -> Self:
        docker_engine.ask("cp", "-", f"{self._id}:/", stdin=_tar(self._files))
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(docker_engine.Refused):
            docker_engine.ask("rm", "--force", "--volumes", self._id)

    def put(self, archive: Path, folder: str) -> None:
        """Unpacks a .tar or .tar.gz into a folder of the container."""
        docker_engine.ask("cp", "-", f"{self._id}:{folder}", stdin=archive.read_bytes())

    def start(self) -> str | None:
        """Starts it; the engine's words where there is no such program."""
        try:
            docker_engine.ask("start", self._id)
        except docker_engine.Refused as error:
            return str(error)
        return None

    def state(self) -> dict[str, Any]:
        """Running, Pid, ExitCode and the rest of the engine's State."""
        return json.loads(docker_engine.ask("inspect", "--format", "{{json .State}}", self._id))

    def wait(self, seconds: float) -> int | None:
        """The exit status; None when it still runs after that long."""
        limit = time.monotonic() + seconds
        while (state := self.state())["Running"]:
            if time.monotonic() > limit:
                return None
            time.sleep(TICK)
        return state["ExitCode"]

    def takes_sigterm(self) -> bool | None:
        """Whether the first process has a handler for SIGTERM at this moment; None where its /proc cannot be seen from here."""
        with suppress(OSError, ValueError, StopIteration):
            lines = Path(f"/proc/{self.state()['Pid']}/status").read_text().splitlines()
            caught = next(line.split()[1] for line in lines if line.startswith("SigCgt:"))
            return bool(int(caught, 16) & _SIGTERM_BIT)
        return None

    def signal(self) -> None:
        """SIGTERM to the first process, as SageMaker sends it."""
        with suppress(docker_engine.Refused):
            docker_engine.ask("kill", "--signal", "TERM", self._id)

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> int | None:
        """The status of an HTTP request to the published port; None where nobody answers within 2 s."""
        with suppress(OSError, ValueError, docker_engine.Refused, http.client.HTTPException):
            where = docker_engine.ask("port", self._id, f"{self._port}/tcp").decode().splitlines()[0]
            connection = http.client.HTTPConnection("127.0.0.1", int(where.rpartition(":")[2]), timeout=2)
            connection.request(method, path, body, dict(headers or {}))
            return connection.getresponse().status
        return None

    def read(self, path: str) -> bytes | None:
        """A file of the container; None when it is not there."""
        with suppress(docker_engine.Refused, KeyError):
            with tarfile.open(fileobj=io.BytesIO(docker_engine.ask("cp", f"{self._id}:{path}", "-"))) as packed:
                content = packed.extractfile(packed.getmembers()[0])
                return content.read() if content else None
        return None

    def written(self) -> list[str]:
        """Paths that were added or changed since the image, files and folders."""
        return [line[2:] for line in docker_engine.ask("diff", self._id).decode().splitlines() if line[:1] in ("A", "C")]

    def last_words(self) -> str:
        """The last line it printed."""
        return docker_engine.last_line(docker_engine.ask("logs", "--tail", "20", self._id).decode("utf-8", "replace"))


def _tar(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for folder in ("", "input", "output", *FOLDERS):
            entry = tarfile.TarInfo(f"opt/ml/{folder}".rstrip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name, body in files.items():
            entry = tarfile.TarInfo(f"opt/ml/{name}")
            entry.size, entry.mode = len(body), 0o644
            archive.addfile(entry, io.BytesIO(body))
    return packed.getvalue()
