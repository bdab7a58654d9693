"""Row 12: no network, read-only input and root, uid 10001, no capability: trains to completion, 0 outbound attempts."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from contract import manifest
from scripts.images.docker_engine import ask
from tests.support import containers
from tests.support.containers import TrainContainer

COUNTERS = ("IpOutNoRoutes", "Ip6OutNoRoutes", "UdpOutDatagrams", "TcpAttemptFails")
"""Of a network without any way out: what asked for one, what sent a datagram (a name to resolve), what found nobody."""

ASK = """
import socket
for name in ("192.0.2.1", "example.invalid"):
    try:
        socket.create_connection((name, 80), 1)
    except OSError:
        pass
"""


@pytest.fixture()
def nowhere(built_images: dict[str, str]) -> Iterator[str]:
    """A container that keeps a network namespace without any network, so that its counters outlive who used it."""
    name = containers.new_name("nowhere")
    ask("run", "--detach", "--name", name, "--network", "none", built_images["serve-cpu"], "sleep", "1000")
    yield name
    containers.remove(name)


def attempts(nowhere: str) -> dict[str, int]:
    """The kernel's counters of that namespace."""
    text = ask("exec", nowhere, "cat", "/proc/net/snmp", "/proc/net/snmp6").decode()
    lines = [line.split() for line in text.splitlines()]
    found = {line[0]: int(line[1]) for line in lines if len(line) == 2}
    for names, values in pairwise(lines):
        if names[0] == values[0]:
            found |= {names[0].rstrip(":") + name: int(value) for name, value in zip(names[1:], values[1:], strict=True)}
    return {name: found[name] for name in COUNTERS}


def test_it_trains_and_asks_nobody(built_images: dict[str, str], nowhere: str, tmp_path: Path) -> None:
    before = attempts(nowhere)
    job = TrainContainer(built_images["train"], tmp_path / "ml", way="hardened", network=f"container:{nowhere}")
    run = job.run()
    assert run.code == 0, run.err
    assert manifest.verify(job.layout.model).provenance["steps"] == 6
    print(f"trained in {run.seconds:.1f} s with uid {containers.USER} and no capability; outbound attempts: {attempts(nowhere)}")
    assert attempts(nowhere) == before


def test_an_attempt_is_seen(nowhere: str) -> None:
    """That the counters tell: one connection, one name."""
    before = attempts(nowhere)
    ask("exec", nowhere, "python", "-c", ASK)
    after = attempts(nowhere)
    assert sum(after.values()) >= sum(before.values()) + 2, after
