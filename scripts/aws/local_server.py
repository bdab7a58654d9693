"""The local SageMaker of this checkout is started in the background, found again and stopped from here.

It is a program of its own; this file knows its command line and the server.json that it writes.
"""

import json
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from botocore import xform_name
from botocore.exceptions import ClientError

from contract.files import write_whole
from scripts.aws import server_images, server_options
from scripts.aws.calls import Call
from scripts.aws.clients import local_session, options
from scripts.aws.defaults import ROLE
from scripts.aws.policies import trust
from scripts.aws.root_lock import end_holder, holder
from scripts.aws.settings import Settings
from scripts.config import PROJECT, UPSTREAM_PROXY, WITHOUT_AWS_FILES, inherited_environment, upstream_proxy
from scripts.errors import RunError
from scripts.output import complain

PORT = 4566

READY_SECONDS = 60.0
STOP_SECONDS = 40.0
"""The server gives its containers 30 s to end."""


class PortTaken(RunError):
    """Another program listens on the port."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server that answers: its address, the HTTPS proxy that leads AWS's names to it, the proxy through which that passes on
    what is not AWS's, and the key that it takes."""

    url: str
    pid: int
    https_proxy: str
    upstream_proxy: str
    access_key: str
    secret_key: str


def root(settings: Settings) -> Path:
    return server_options.root(settings.home)


def running(settings: Settings) -> Server | None:
    """The server of this checkout, None when it is not up.

    A server.json that a killed server left is not believed: only the process that holds the lock on the root wrote the right one.
    """
    try:
        written = json.loads((root(settings) / "server.json").read_text("utf-8"))
        server = Server(
            written["url"],
            int(written["pid"]),
            written["https_proxy"],
            written["upstream_proxy"],
            written["access_key"],
            written["secret_key"],
        )
        host, port = server.url.rpartition("/")[2].split(":")
        if server.pid != holder(root(settings)):
            return None
        with socket.create_connection((host, int(port)), timeout=5):
            return server
    except (OSError, ValueError, KeyError):
        return None


def command(settings: Settings, port: int) -> list[str]:
    """The server's command line. Its table of images says what each image name stands for on this machine."""
    options = server_options.read(settings.home)
    place = ["--root", str(root(settings)), "--port", str(port), "--region", settings.region, "--account", options.account]
    place += ["--role", ROLE]
    return [sys.executable, "-m", "local_sagemaker", *place, *server_images.arguments(settings, options)]


def ensure(settings: Settings, port: int | None = None) -> Server:
    """The running server, started when there is none; it has buckets and role afterwards. Raises RunError with its own words.

    A server that cannot be set up is ended again. Where a launcher was killed before it had set the server up, the next does.
    """
    server = running(settings)
    if server is None:
        root(settings).mkdir(0o700, parents=True, exist_ok=True)
        _unfinished(settings).touch()
        server = _start(settings, port) if port is not None else _start_anywhere(settings)
        try:
            _set_up(settings, server)
        except BaseException:
            stop(settings)
            raise
        complain(f"local SageMaker started on {server.url} (kennel stop ends it)")
    elif _unfinished(settings).exists():
        _set_up(settings, server)
    return server


def _unfinished(settings: Settings) -> Path:
    """The file that is there from before the start of a server until its buckets and role are made."""
    return root(settings) / "set-up-unfinished"


def _start(settings: Settings, port: int) -> Server:
    folder = root(settings)
    log = folder / "server.log"
    with log.open("ab") as output:
        begin = output.tell()
        process = subprocess.Popen(
            command(settings, port),
            cwd=folder,
            env=inherited_environment() | WITHOUT_AWS_FILES | {"PYTHONPATH": str(PROJECT), UPSTREAM_PROXY: upstream_proxy()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        server = _when_ready(settings, process, log, begin)
        write_whole(folder / "port", server.url.rpartition(":")[2])
        return server
    except BaseException:
        _end(process)
        raise


def _when_ready(settings: Settings, process: "subprocess.Popen[bytes]", log: Path, begin: int) -> Server:
    """The server once it answers. Raises RunError when it ends before, or does not answer in time."""
    limit = time.monotonic() + READY_SECONDS
    while time.monotonic() < limit:
        status = process.poll()
        server = running(settings)
        if server and (server.pid == process.pid or status is not None):
            return server
        if status is not None:
            said = _last_line(log, begin)
            kind = PortTaken if "--port" in said else RunError
            raise kind(f"local SageMaker: {said} (exit status {status}; see {log})")
        time.sleep(0.05)
    raise RunError(f"local SageMaker: not ready after {READY_SECONDS:.0f} s; see {log}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _start_anywhere(settings: Settings) -> Server:
    """On the last server's port, else on the usual one, so that what points there goes on working; on any other when those are
    taken."""
    for port in dict.fromkeys([*_last_port(settings), PORT]):
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        if not taken:
            with suppress(PortTaken):
                return _start(settings, port)
    return _start(settings, 0)


def _last_port(settings: Settings) -> list[int]:
    """The port of the last server of this root; empty where there was none."""
    try:
        return [port for port in [int((root(settings) / "port").read_text("ascii"))] if 0 < port < 65536]
    except (OSError, ValueError):
        return []


def _last_line(log: Path, begin: int) -> str:
    with log.open("rb") as lines:
        lines.seek(begin)
        text = lines.read().decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(text) if line.strip()), "it said nothing")


def account(settings: Settings, number: str) -> list[Call]:
    """What a new account needs: the buckets, ours and the SageMaker SDK's default one, and the role.

    On this machine nobody else makes them; on AWS the person has them.
    """
    name = settings.role_arn.rpartition("/")[2]
    role = {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(trust(settings))}
    buckets = dict.fromkeys((settings.bucket, f"sagemaker-{settings.region}-{number}"))
    return [*(Call("s3", "CreateBucket", {"Bucket": bucket}) for bucket in buckets), Call("iam", "CreateRole", role)]


def _set_up(settings: Settings, server: Server) -> None:
    """Make buckets and role where they are not there yet; a second time changes nothing."""
    session = local_session(server.access_key, server.secret_key)
    for call in account(settings, server_options.read(settings.home).account):
        client = session.client(call.service, region_name=settings.region, endpoint_url=server.url, config=options(local=True))
        try:
            getattr(client, xform_name(call.operation))(**call.request)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "EntityAlreadyExists"):
                raise RunError(f"local SageMaker: {error}") from None
    _unfinished(settings).unlink(missing_ok=True)


def stop(settings: Settings) -> bool:
    """End the server and what it runs: SIGTERM, then SIGKILL. False when it was not up. Raises RunError where it does not end."""
    return end_holder(root(settings), STOP_SECONDS)
