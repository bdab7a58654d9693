"""What the local SageMaker itself costs, side by side with moto's server in one interleaved run: not what its jobs cost.

Idle memory, DescribeTrainingJob, what InvokeEndpoint adds to asking a do-nothing container, and S3 up and down. The figures
and the machine they belong to go to bench/results/local_server.json, with the targets and with what they do not show.
"""

import argparse
import base64
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psutil
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Table

from bench import results
from bench.machine import described, free_port
from contract.machine import cgroup
from tests.support.local_server import LocalServer, ask, job_request, make_endpoint, wait_for_job

BODY = base64.b64encode(os.urandom(45_000))[:45_000]
"""As large as a photograph that a launcher sends; text, for moto's server answers 500 to bytes that are not UTF-8."""
MEGABYTES = 200
NOT_SHOWN = [
    "the jobs and endpoints themselves: each container takes what its program takes",
    "AWS: the network and the service are absent here",
    "moto's InvokeEndpoint runs no container: it gives back a fixed answer",
    "moto keeps objects and state in memory, the local SageMaker on disk (here the temporary folder's)",
    "many clients at once: one client, S3 with boto3's own ten threads; client and server share the CPUs",
]


@dataclass(frozen=True, slots=True)
class Row:
    """One measure: the median over the rounds. `target` is the local SageMaker's, `better` says which way."""

    measure: str
    unit: str
    better: str
    target: float | None
    local_sagemaker: float
    moto: float | None


@dataclass(frozen=True, slots=True)
class Peer:
    """One server: boto3 clients of it, its process, its keys, and where its own address is."""

    client: Callable[[str], Any]
    pid: int
    url: str
    keys: Credentials


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=300, help="of each kind in each round")
    options = parser.parse_args()
    machine = described()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-local-")))
        server = LocalServer(folder / "root")
        stack.callback(server.stop)
        stack.callback(_remove_endpoint, server)  # its container would outlive the server
        ours = Peer(server.client, server.process.pid, server.url, Credentials(*server._keys))
        moto = stack.enter_context(_moto(folder))
        seen = _measure(server, ours, moto, folder, options.rounds, options.calls)
    rows = _rows({name: statistics.median(values) for name, values in seen.items()})
    facts = {
        "machine": machine,
        "moto": version("moto"),
        "rounds": options.rounds,
        "calls": options.calls,
        "rows": [asdict(row) for row in rows],
        "all": {name: [round(value, 3) for value in values] for name, values in seen.items()},
        "does_not_show": NOT_SHOWN,
    }
    results.write("local_server", facts)
    _print(rows)
    return 0


def _remove_endpoint(server: LocalServer) -> None:
    with contextlib.suppress(ClientError):
        server.sagemaker.delete_endpoint(EndpointName="bench")
        while server.sagemaker.describe_endpoint(EndpointName="bench")["EndpointStatus"] == "Deleting":
            time.sleep(0.1)


def _measure(server: LocalServer, ours: Peer, moto: Peer, folder: Path, rounds: int, calls: int) -> dict[str, list[float]]:
    seen: dict[str, list[float]] = {}
    peers = {"ours": ours, "moto": moto}
    for name, peer in peers.items():
        peer.client("s3").create_bucket(Bucket="bucket")
        seen[f"memory {name}"] = [psutil.Process(peer.pid).memory_info().rss / 2**20]
        peer.client("sagemaker").create_training_job(**job_request("bench"))
    wait_for_job(server, "bench")
    make_endpoint(server, "bench")
    port = int(json.loads(ask(server, "bench", "environment"))["SAGEMAKER_BIND_TO_PORT"])
    container = Peer(ours.client, ours.pid, f"http://127.0.0.1:{port}", ours.keys)
    source = folder / "source"
    source.write_bytes(os.urandom(MEGABYTES * 10**6))
    for turn in range(rounds + 1):
        found = {f"invoke {name}": _invoke(peer, calls) for name, peer in {**peers, "container": container}.items()}
        for name, peer in peers.items():
            found[f"describe {name}"] = _describe(peer.client("sagemaker"), calls)
            found[f"up {name}"], found[f"down {name}"] = _copy(peer.client("s3"), source, folder / "copy")
        for name, value in found.items() if turn else ():  # the first round warms up
            seen.setdefault(name, []).append(value)
    return seen


def _describe(client: Any, calls: int) -> float:
    """The median in milliseconds, boto3's own time included."""
    return _median(lambda: client.describe_training_job(TrainingJobName="bench"), calls)


def _invoke(peer: Peer, calls: int) -> float:
    """The median in milliseconds of one signed request on a connection that stays open; a container ignores the signature."""
    address = urlsplit(peer.url)
    signed = AWSRequest("POST", f"{peer.url}/endpoints/bench/invocations", {"Content-Type": "image/jpeg"}, BODY)
    SigV4Auth(peer.keys, "sagemaker", "us-east-1").add_auth(signed)
    path = "/endpoints/bench/invocations" if "Authorization" in signed.headers else "/invocations"
    connection = http.client.HTTPConnection(address.hostname, address.port)

    def once() -> None:
        connection.request("POST", path, BODY, dict(signed.headers))
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{peer.url}{path}: {answer.status}")

    try:
        return _median(once, calls)
    finally:
        connection.close()


def _copy(client: Any, source: Path, target: Path) -> tuple[float, float]:
    """Up and down through boto3's transfer manager as it comes, in MB/s."""
    began = time.perf_counter()
    client.upload_file(str(source), "bucket", "large")
    middle = time.perf_counter()
    client.download_file("bucket", "large", str(target))
    return MEGABYTES / (middle - began), MEGABYTES / (time.perf_counter() - middle)


def _median(call: Callable[[], Any], calls: int) -> float:
    times = []
    for _ in range(calls):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


@contextlib.contextmanager
def _moto(folder: Path) -> Iterator[Peer]:
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with open(folder / "moto.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url, keys = f"http://127.0.0.1:{port}", Credentials("a", "b")

    def client(service: str) -> Any:
        return boto3.client(
            service, "us-east-1", endpoint_url=url, aws_access_key_id=keys.access_key, aws_secret_access_key=keys.secret_key
        )

    try:
        for _ in range(100):
            with contextlib.suppress(OSError), contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as probe:
                probe.connect()
                break
            time.sleep(0.1)
        yield Peer(client, process.pid, url, keys)
    finally:
        process.terminate()
        process.wait()


def _rows(median: dict[str, float]) -> list[Row]:
    found = {name: round(value, 2) for name, value in median.items()}
    added = round(median["invoke ours"] - median["invoke container"], 2)
    return [
        Row("memory when idle", "MiB", "low", 150.0, found["memory ours"], found["memory moto"]),
        Row("DescribeTrainingJob, p50", "ms", "low", 5.0, found["describe ours"], found["describe moto"]),
        Row("what InvokeEndpoint adds, p50", "ms", "low", 2.0, added, None),
        Row("InvokeEndpoint in all, p50", "ms", "low", None, found["invoke ours"], found["invoke moto"]),
        Row(f"S3, {MEGABYTES} MB up", "MB/s", "high", 100.0, found["up ours"], found["up moto"]),
        Row(f"S3, {MEGABYTES} MB down", "MB/s", "high", 100.0, found["down ours"], found["down moto"]),
    ]


def _print(rows: list[Row]) -> None:
    table = Table(title=f"The local server beside moto's, {cgroup.cpus()} CPUs")
    for title in ("measure", "unit", "target", "local_sagemaker", "moto"):
        table.add_column(title, justify="left" if title == "measure" else "right")
    for row in rows:
        sign = {"low": "at most", "high": "at least"}[row.better]
        target = f"{sign} {row.target:g}" if row.target is not None else ""
        table.add_row(row.measure, row.unit, target, f"{row.local_sagemaker:g}", f"{row.moto:g}" if row.moto is not None else "")
    Console(width=110).print(table)


if __name__ == "__main__":
    sys.exit(main())
