"""Real containers of real images: a training job and a serving program that are started by `docker run`, as root or hardened.

Both are what the tests of the plain processes use (train_jobs.py, server.py), with another way to start. Whatever a container
wrote outside /tmp and its declared mounts fails the test that started it.
"""

import atexit
import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType

from scripts.images.docker_engine import Refused, ask, program
from tests.support import train_jobs
from tests.support.server import Server

USER = "10001"
WAYS: dict[str, tuple[str, ...]] = {
    "root": (),
    "hardened": (
        *("--user", USER, "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),
        *("--security-opt", "no-new-privileges", "--pids-limit", "512"),
    ),
}
"""How an image is run: as SageMaker does, and as docs/12-the-images.md says."""
LABEL = f"kennel-test={os.getpid()}"
_numbers = itertools.count()


def run_command(image: str, arguments: Sequence[str], *flags: str, way: str = "root", name: str = "") -> list[str]:
    """`docker run` of an image; `flags` go before it."""
    named = ["--name", name] if name else []
    return [program(), "run", "--label", LABEL, *named, *WAYS[way], *flags, image, *arguments]


def output(image: str, *arguments: str, flags: Sequence[str] = (), way: str = "hardened") -> str:
    """What a short command prints in a container without a network. Raises CalledProcessError when it fails."""
    command = run_command(image, arguments, "--rm", "--network", "none", *flags, way=way)
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def new_name(what: str) -> str:
    """A name no other container has; whatever still has it when the tests end is removed."""
    name = f"kennel-test-{what}-{os.getpid()}-{next(_numbers)}"
    atexit.register(remove, name)
    return name


def remove(name: str) -> None:
    """Ends and removes a container, if there is one of that name."""
    with contextlib.suppress(Refused):
        ask("rm", "--force", "--volumes", name)


def stop(name: str, seconds: int) -> float:
    """`docker stop`: SIGTERM, and SIGKILL after `seconds`. Returns how long it took."""
    began = time.monotonic()
    ask("stop", "--time", str(seconds), name)
    return time.monotonic() - began


def running(name: str) -> bool:
    """Whether a container has started and not ended."""
    with contextlib.suppress(Refused):
        return ask("inspect", "--format", "{{.State.Running}}", name).strip() == b"true"
    return False


def exit_code(name: str) -> int:
    """How a container ended; 137 after SIGKILL."""
    return int(ask("inspect", "--format", "{{.State.ExitCode}}", name))


def written(name: str) -> list[str]:
    """Paths that `docker diff` shows outside /tmp and the mounts, the folders that lead there left out."""
    mounts = ask("inspect", "--format", "{{range .Mounts}}{{.Destination}}\n{{end}}", name).decode().split()
    free = [PurePosixPath(path) for path in ("/tmp", *mounts)]
    paths = [PurePosixPath(line[2:]) for line in ask("diff", name).decode().splitlines()]
    return [
        path.as_posix() for path in paths if not any(path.is_relative_to(place) or place.is_relative_to(path) for place in free)
    ]


def usable(folder: Path) -> Path:
    """Makes a folder that any user of a container may write to."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    return folder


def take_dogs(shared: Path, folder: Path, breeds: int = 3, **channels: int) -> None:
    """So many real pictures of each of some breeds for each channel (train, validation, test), copied below `folder`."""
    for channel, count in channels.items():
        for breed in sorted((shared / "dogs" / {"validation": "valid"}.get(channel, channel)).iterdir())[:breeds]:
            (folder / channel / breed.name).mkdir(parents=True)
            for picture in sorted(breed.iterdir())[:count]:
                shutil.copy(picture, folder / channel / breed.name)


class TrainContainer(train_jobs.Container):
    """A job that `docker run IMAGE train` works on. Its pictures lie below `base`/input/data, or are drawn as in `jobs`."""

    def __init__(
        self,
        image: str,
        base: Path,
        *,
        way: str = "root",
        hosts: tuple[str, ...] = ("algo-1",),
        host: str = "algo-1",
        network: str = "none",
        **settings: str,
    ) -> None:
        counts = {"train": 0, "validation": 0} if (base / "input" / "data").is_dir() else {"train": 8, "validation": 4}
        super().__init__(base, **counts, **(train_jobs.WHOLE | settings))
        self.put("resourceconfig", {"current_host": host, "hosts": list(hosts), "network_interface_name": "eth0"})
        self.image, self.way, self.host, self.network, self.name = image, way, host, network, ""

    def start(self, *flags: str, **environ: str) -> subprocess.Popen[str]:
        """Starts a new container on what lies below `base`; `flags` are the engine's."""
        self.name = new_name("train")
        inside = [f"{usable(self.base / name)}:/opt/ml/{name}" for name in ("model", "output", "checkpoints")]
        mounts = [part for mount in (f"{self.base / 'input'}:/opt/ml/input:ro", *inside) for part in ("--volume", mount)]
        variables = [part for pair in environ.items() for part in ("--env", "=".join(pair))]
        place = ["--network", self.network]
        if not self.network.startswith("container:"):
            place += ["--hostname", self.host] + ([] if self.network == "none" else ["--network-alias", self.host])
        command = run_command(self.image, ["train"], *mounts, *variables, *place, *flags, way=self.way, name=self.name)
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")

    def run(self, *flags: str, **environ: str) -> train_jobs.Ended:
        started = time.monotonic()
        return self.finish(self.start(*flags, **environ), started)

    def finish(self, process: subprocess.Popen[str], started: float = float("nan")) -> train_jobs.Ended:
        """Waits for the end; the container is removed, and has written to its mounts, /tmp and a script's folder only."""
        done = train_jobs.ended(process, started, timeout=220)
        stray = [path for path in written(self.name) if not path.startswith("/opt/ml/code")]
        remove(self.name)
        assert not stray, stray
        return done


class ServeContainer(Server):
    """`docker run IMAGE serve` on the model below `base`, published on loopback; hardened it has no network at all.

    Without a network, each connection to `port` goes in through a small program that the engine starts in the container.
    """

    def __init__(
        self, image: str, base: Path, *flags: str, way: str = "root", ready: bool = True, inner: int = 8347, **environ: object
    ) -> None:
        """`inner`: the port in the container; with 8080 nothing is said of it, as SageMaker does."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._ready, self.name, self._inner = ready, new_name("serve"), inner
        self.folder = tempfile.TemporaryDirectory(prefix="t-")
        self.log_path = Path(self.folder.name) / "log"
        settings = {"KENNEL_DRAIN_GRACE_SECONDS": "0.3"} | ({} if inner == 8080 else {"SAGEMAKER_BIND_TO_PORT": str(inner)})
        settings |= {name: str(value) for name, value in environ.items()}
        variables = [part for name, value in settings.items() for part in ("--env", f"{name}={value}")]
        hidden = way == "hardened"
        place = ["--network", "none"] if hidden else ["--publish", f"127.0.0.1:{self.port}:{inner}"]
        mount = ["--volume", f"{base / 'model'}:/opt/ml/model:ro"]
        command = run_command(image, ["serve"], *mount, *place, *variables, *flags, way=way, name=self.name)
        self.started = time.monotonic()
        self._errors = os.memfd_create("stderr")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=self._errors)
        self._door = socket.create_server(("127.0.0.1", self.port), backlog=128) if hidden else None
        if self._door is not None:
            threading.Thread(target=self._let_in, daemon=True).start()

    def _let_in(self) -> None:
        assert self._door is not None
        while self.process.poll() is None and not running(self.name):
            time.sleep(0.05)
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._door.accept()
                with link:
                    command = [program(), "exec", "--interactive", self.name, "python", "-c", _RELAY, str(self._inner)]
                    subprocess.Popen(command, stdin=link, stdout=link, stderr=subprocess.DEVNULL)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)  # the docker command hands it on
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(30)
        stray = [] if error is not None else written(self.name)
        remove(self.name)
        self.process.wait(30)
        if self._door is not None:
            self._door.close()
        if error is not None:
            print(self.log()[-8000:])
        os.close(self._errors)
        self.folder.cleanup()
        assert not stray, stray

    def wait_ready(self, seconds: float = 180.0) -> float:
        return super().wait_ready(seconds)

    def address(self) -> tuple[str, int]:
        """Where the container itself listens: the engine's own door at the published port outlives it, and takes what it cannot
        hand on."""
        found = ask("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", self.name).decode().strip()
        return (found, self._inner) if found else ("127.0.0.1", self.port)

    def kill_workers(self) -> None:
        """SIGKILL to every worker that ever got ready and is still there."""
        pids = {event["pid"] for event in self.events("worker_ready")} - {event["pid"] for event in self.events("worker_gone")}
        ask("exec", self.name, "python", "-c", f"import os\nfor pid in {sorted(pids)}: os.kill(pid, 9)")


_RELAY = """
import os, socket, sys, threading
link = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def up():
    while data := os.read(0, 65536):
        link.sendall(data)
    link.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := link.recv(65536):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
"""
