"""`kennel serve-local MODEL`: a model answers on this machine, in the foreground, and is loaded anew when its code or it changes.

It runs the serve program as an endpoint would, without an endpoint, a bucket or a server: for the minutes in which one writes an
inference.py.
"""

import http.client
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.machine.process import end_with_parent
from contract.script.script_mode import CACHE_VARIABLE, PROGRAM
from scripts.aws.calls import Call
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import ServeLocalConfig
from scripts.config import PROJECT, inherited_environment, pip_settings
from scripts.errors import BrokenScript, LaunchError
from scripts.files import model_code
from scripts.files.model_folder import ModelFolder, Stamp
from scripts.foreground import check_port, end

_LOOK = 0.25
"""Seconds between two looks at the files."""
_SLOW = 20.0
"""Seconds of loading before a person is told that they may wait, or not."""
_STOP = 10.0


def plan(config: ServeLocalConfig) -> list[Call]:
    """Nothing is sent to any service."""
    return []


def run(config: ServeLocalConfig, output: Terminal) -> int:
    """Serve until Ctrl-C. Raises LaunchError where the port is taken, or the first model cannot be made."""
    check_port(config.port)
    with _ended_in_order(), tempfile.TemporaryDirectory(prefix="kennel-serve-local-") as place:
        base = Path(place) / "ml"
        folder = ModelFolder(base / "model", config.model, config.code, _program_of(config))
        first = True
        while True:
            seen = folder.stamp()
            try:
                folder.update()
            except LaunchError as error:
                if first and not isinstance(error, BrokenScript):
                    raise
                output.line(f"{error}; waits for a change", style="red")
                while folder.stamp() == seen:
                    time.sleep(_LOOK)
            else:
                _serve(config, base, folder, seen, output)
                output.line("changed: loads it anew")
            first = False


def _serve(config: ServeLocalConfig, base: Path, folder: ModelFolder, seen: Stamp, output: Terminal) -> None:
    """Until something is no more as it was `seen`."""
    with _program(config, base) as process:
        began, is_slow = time.monotonic(), False
        while process.poll() is None and not _answers(config.port) and folder.stamp() == seen:
            time.sleep(_LOOK / 5)
            if not is_slow and time.monotonic() - began > _SLOW:
                output.line(f"still loads after {_SLOW:.0f} s; waits on, loads it anew at a change, and Ctrl-C ends it")
                is_slow = True
        ends = "the model cannot be served; waits for a change"
        if process.poll() is None and folder.stamp() == seen:
            _tell(config, time.monotonic() - began, output)
            ends = "the model is served no more; waits for a change"
        while folder.stamp() == seen:
            if ends and process.poll() is not None:
                output.line(ends, style="red")
                ends = ""
            time.sleep(_LOOK)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Inside, a closed terminal or a `kill` ends this program as Ctrl-C does, and leaves no folder and no process."""

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    earlier = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    for number, handler in earlier.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _program_of(config: ServeLocalConfig) -> str | None:
    """The script that the code has to have; None where a handler is named."""
    return None if config.environment.get("KENNEL_HANDLER") else config.environment.get(PROGRAM.upper()) or model_code.PROGRAM


def _tell(config: ServeLocalConfig, seconds: float, output: Terminal) -> None:
    url = f"http://127.0.0.1:{config.port}/invocations"
    output.line(f"ready after {seconds:.1f} s; ask it, as often as you change it:")
    output.line(f"curl {url} -H 'Content-Type: {config.content_type}' --data-binary @FILE")


@contextmanager
def _program(config: ServeLocalConfig, base: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The serve program, which prints what it prints; ended afterwards, and with this program however that ends."""
    environment = (
        inherited_environment()
        | pip_settings()
        | {
            **config.environment,
            "PYTHONPATH": str(PROJECT),
            "SAGEMAKER_BASE_DIR": str(base),
            "SAGEMAKER_BIND_TO_PORT": str(config.port),
            "KENNEL_BIND_HOST": "127.0.0.1",
            "KENNEL_DRAIN_GRACE_SECONDS": "0",
            CACHE_VARIABLE: str(config.settings.cache.absolute()),
        }
    )
    environment.setdefault("SAGEMAKER_MODEL_SERVER_WORKERS", "1")
    process = subprocess.Popen(
        [sys.executable, "-m", "serve", "serve"],
        env=environment,
        cwd=base,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for this program, which ends that one
        preexec_fn=end_with_parent,
    )
    try:
        yield process
    finally:
        end(process, _STOP)


def _answers(port: int) -> bool:
    """Whether a program on this machine says that it is healthy."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
