"""A real serve program for tests: started as SageMaker starts it, on a port of its own, ended by its own process id."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil

from tests.support.processes import alive

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict:
        return json.loads(self.body)


class Server:
    """One `python -m serve serve`. As a context: ready at its start, gone at its end."""

    def __init__(
        self, base: Path, *, ready: bool = True, stdout: int | None = None, shell: str = 'exec "$@"', **environ: object
    ) -> None:
        """`stdout`: a descriptor in the place of the log file, of whose events nobody can ask. `shell`: what starts "$@"."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._ready = ready
        self.folder = tempfile.TemporaryDirectory(prefix="t-")
        self.log_path = Path(self.folder.name) / "log"
        settings = {
            "SAGEMAKER_BASE_DIR": str(base),
            "SAGEMAKER_BIND_TO_PORT": str(self.port),
            "KENNEL_BIND_HOST": "127.0.0.1",
            "KENNEL_DRAIN_GRACE_SECONDS": "0.3",
            "TMPDIR": self.folder.name,
        }
        self.started = time.monotonic()
        self._errors = os.memfd_create("stderr")  # a pipe that is read at the end only would stop the program after 64 KiB
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", shell, "sh", sys.executable, "-m", "serve", "serve"],
                cwd=ROOT,
                env=os.environ | settings | {name: str(value) for name, value in environ.items()},
                stdout=log if stdout is None else stdout,
                stderr=self._errors,
                start_new_session=True,
            )

    def __enter__(self) -> "Server":
        if self._ready:
            self.wait_ready()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        tree = self.tree()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if error is not None:
            print(self.log()[-8000:])
        os.close(self._errors)
        self.folder.cleanup()

    def wait_ready(self, seconds: float = 60.0) -> float:
        """Seconds from launch until /ping says 200."""
        while time.monotonic() - self.started < seconds:
            assert self.process.poll() is None, self.errors() + self.log()
            try:
                if self.ping(timeout=5).status == 200:
                    return time.monotonic() - self.started
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"not ready after {seconds} s\n{self.log()}")

    def wait_end(self, seconds: float) -> tuple[int, str]:
        """Exit status and standard error."""
        return self.process.wait(seconds), self.errors()

    def errors(self) -> str:
        """What the program wrote to standard error so far."""
        size = os.fstat(self._errors).st_size
        return os.pread(self._errors, size, 0).decode(errors="replace")

    def ping(self, timeout: float = 10.0) -> Answer:
        return self.request("GET", "/ping", timeout=timeout)

    def invoke(self, body: bytes, content_type: str | None = "image/jpeg", timeout: float = 70.0, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type is not None:
            sent["Content-Type"] = content_type
        return self.request("POST", "/invocations", body, sent, timeout)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None, timeout: float = 10.0
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        finally:
            connection.close()

    def raw(self, data: bytes, timeout: float = 15.0) -> bytes:
        """Send bytes as they are; everything that comes back until the server closes."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as link:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                link.sendall(data)
            while True:
                try:
                    piece = link.recv(65536)
                except ConnectionResetError:
                    return received
                if not piece:
                    return received
                received += piece

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def events(self, name: str) -> list[dict]:
        """Log lines of one event."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith('{"time"')]
        return [line for line in lines if line["event"] == name]

    def event(self, name: str, **fields: object) -> dict:
        """The first line of an event with these fields, once it is there: the log is written beside the answers."""
        end = time.monotonic() + 30
        while True:
            for line in self.events(name):
                if fields.items() <= line.items():
                    return line
            assert time.monotonic() < end, f"no {name} with {fields} in the log"
            time.sleep(0.02)

    def tree(self) -> list[psutil.Process]:
        """The program and everything it started."""
        try:
            program = psutil.Process(self.process.pid)
            return [program, *program.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def workers(self) -> list[psutil.Process]:
        """Live processes that hold the model, by the pids the program reported."""
        pids = {event["pid"] for event in self.events("worker_ready")}
        return alive(process for process in self.tree() if process.pid in pids)

    def wait_workers(self, count: int, seconds: float = 30.0) -> list[psutil.Process]:
        """The live workers, once there are `count` of them."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if len(found := self.workers()) == count:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{len(self.workers())} workers after {seconds} s, not {count}")

    def rss(self) -> int:
        """Bytes of the frontend that are resident."""
        return psutil.Process(self.process.pid).memory_info().rss
