"""Row 20: pictures that are small to send and huge to decode are refused fast, and no worker grows or dies."""

import json
import time
from pathlib import Path

import pytest

from tests.support import artefact
from tests.support.bombs import Bombs, decompression_bombs
from tests.support.server import Server

GROWTH_LIMIT = 50 << 20


@pytest.fixture(scope="module")
def bombs() -> Bombs:
    return decompression_bombs()


def test_decompression_bombs_cost_nothing(bombs: Bombs) -> None:
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        worker = server.workers()[0]
        for name, (body, right) in bombs.items():
            assert len(body) < 6_291_456, name
            before = worker.memory_info().rss
            start = time.monotonic()
            answer = server.invoke(body, "application/x-image")
            seconds = time.monotonic() - start
            growth = worker.memory_info().rss - before
            print(f"{name} ({len(body):,} bytes): {answer.status} in {seconds * 1000:.0f} ms, {growth / 2**20:+.1f} MiB")
            assert answer.status in right, (name, answer)
            # 200 ms alone; ten times that where the tests of others take the CPUs. A bomb that goes off takes memory in any case.
            assert seconds < 2 and growth < GROWTH_LIMIT, name
            if answer.status != 200:
                assert set(answer.json()) == {"code", "message", "request_id"}
        assert [process.pid for process in server.workers()] == [worker.pid]


def test_the_real_odd_pictures_are_answered(shared_data: Path) -> None:
    """Every valid one of an accepted format 200, every one that cannot be decoded a 4xx, and no worker dies."""
    table = json.loads((shared_data / "odd" / "manifest.json").read_text())["files"]
    accepted = {"JPEG", "PNG", "WEBP"}
    with Server(artefact.small(), SAGEMAKER_MAX_PAYLOAD_IN_MB=64) as server:
        workers = sorted(process.pid for process in server.workers())
        wrong, statuses = [], []
        for name, facts in table.items():
            known, body = facts["pillow"], (shared_data / "odd" / name).read_bytes()
            status = server.invoke(body, "application/x-image").status
            statuses.append(status)
            if facts["kind"] == "valid" and known.get("format") in accepted:
                right = status == 200
            else:
                right = 400 <= status < 500 or (status == 200 and known.get("decodes"))
            wrong += [] if right else [(name, facts["what"], status)]
        print(f"{len(table)} odd pictures: { ({status: statuses.count(status) for status in set(statuses)}) }")
        assert not wrong, wrong
        assert sorted(process.pid for process in server.workers()) == workers
