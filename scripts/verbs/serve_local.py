"""`kennel serve-local MODEL`: a model answers on this machine, in the foreground, and is loaded anew when its code or it changes.

It runs the serve program as an endpoint would, without an endpoint, a bucket or a server: for the minutes in which one writes an
inference.py.
"""

import http.client
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract import archive
from contract.changing_folder import current_files
from contract.errors import ArchiveError
from contract.process import end_with_parent
from contract.script_mode import CACHE_VARIABLE
from scripts.aws.calls import Call
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import ServeLocalConfig
from scripts.config import PROJECT, inherited_environment, pip_settings
from scripts.errors import LaunchError
from scripts.files import model_code

_LOOK = 0.25
"""Seconds between two looks at the files."""
_STOP = 10.0
Stamp = dict[str, tuple[int, int]]
"""Time of change (ns) and size of each file."""


def plan(config: ServeLocalConfig) -> list[Call]:
    """Nothing is sent to any service."""
    return []


def run(config: ServeLocalConfig, output: Terminal) -> int:
    """Serve until Ctrl-C. Raises LaunchError where the port is taken, or the first model cannot be made."""
    _check_port(config.port)
    first = True
    while True:
        seen = _stamp(config)
        with tempfile.TemporaryDirectory(prefix="kennel-serve-local-") as folder:
            try:
                _lay_out(config, Path(folder) / "model")
            except LaunchError as error:
                if first:
                    raise
                output.line(f"{error}; waits for a change", style="red")
                _until_changed(config, seen)
                continue
            first = False
            with _program(config, Path(folder)) as process:
                began = time.monotonic()
                while process.poll() is None and not _answers(config.port) and _stamp(config) == seen:
                    time.sleep(_LOOK / 5)
                if process.poll() is not None:
                    output.line("the model cannot be served; waits for a change", style="red")
                elif _stamp(config) == seen:
                    _tell(config, time.monotonic() - began, output)
                _until_changed(config, seen)
        output.line("changed: loads it anew")


def _tell(config: ServeLocalConfig, seconds: float, output: Terminal) -> None:
    url = f"http://127.0.0.1:{config.port}/invocations"
    output.line(f"ready after {seconds:.1f} s; ask it, as often as you change it:")
    output.line(f"curl {url} -H 'Content-Type: {config.content_type}' --data-binary @FILE")


def _lay_out(config: ServeLocalConfig, model: Path) -> None:
    """The model folder as the program finds it, with the code in it. Raises LaunchError."""
    code = model_code.read(config.code) if config.code else None
    try:
        if config.model.is_dir():
            shutil.copytree(config.model, model)
        else:
            archive.unpack(config.model, model)
        if code:
            model_code.lay(code, model)
    except ArchiveError as error:
        raise LaunchError(f"{config.model}: {error}; give a model.tar.gz, or the folder that is in one") from None
    except (OSError, shutil.Error) as error:
        raise LaunchError(f"{config.model}: cannot be copied to {model.parent}: {error}") from None


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
        process.terminate()
        try:
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_changed(config: ServeLocalConfig, seen: Stamp) -> None:
    while _stamp(config) == seen:
        time.sleep(_LOOK)


def _stamp(config: ServeLocalConfig) -> Stamp:
    found: Stamp = {}
    for place in filter(None, (config.model, config.code)):
        for path, status in current_files(place):
            if "__pycache__" not in path.parts:
                found[str(path)] = status.st_mtime_ns, status.st_size
    return found


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LaunchError(f"--port {port}: {error.strerror}; give another port") from None


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
