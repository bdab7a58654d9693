"""Row 13: SIGKILL one of two workers under load, again and again."""

import asyncio
import random
import time
from datetime import datetime

from bench.load import Load, Result
from tests.support import artefact
from tests.support.server import Server
from tests.support.train_jobs import wait_until

KILLS, SECONDS_BETWEEN = 4, 2.5


def test_a_killed_worker_costs_only_its_own_request(dogs: list[bytes]) -> None:
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=2) as server:
        start_up = server.event("serving")["seconds"]
        result, pings = asyncio.run(_load_and_kill(server, dogs))
        wait_until(lambda: len(server.events("worker_ready")) == 2 + KILLS)
        gone = [_time(event) for event in server.events("worker_gone")]
        ready = [_time(event) for event in server.events("worker_ready")][2:]
        errors = [sample for sample in result.samples if sample.status != 200]
        backs = [after - before for before, after in zip(gone, ready, strict=True)]
        print(f"{KILLS} kills, {len(result.samples)} requests: {result.statuses}; worker back after {max(backs):.2f} s at most")
        print(f"/ping: {len(pings)} asked, slowest {max(seconds for _, seconds in pings) * 1000:.0f} ms")
        assert len(gone) == KILLS
        assert len(errors) <= KILLS, "only the request inside the killed worker may fail"
        assert all(sample.status == 500 and b"WorkerDied" in sample.body for sample in errors)
        assert max(backs) <= start_up + 2
        assert all(status == 200 for status, _ in pings) and max(seconds for _, seconds in pings) < 2


async def _load_and_kill(server: Server, dogs: list[bytes]) -> tuple[Result, list[tuple[int, float]]]:
    load = Load(bodies=dogs, clients=4, port=server.port, keep_bodies=True)
    running = asyncio.create_task(load.run(KILLS * SECONDS_BETWEEN + 1))
    pinging = asyncio.create_task(asyncio.to_thread(_ping, server, KILLS * SECONDS_BETWEEN))
    choose = random.Random(13)
    for _ in range(KILLS):
        await asyncio.sleep(SECONDS_BETWEEN - 1 + 2 * choose.random())
        choose.choice(await asyncio.to_thread(server.wait_workers, 2)).kill()
    return await running, await pinging


def _ping(server: Server, seconds: float) -> list[tuple[int, float]]:
    seen, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.monotonic()
        seen.append((server.ping().status, time.monotonic() - start))
        time.sleep(0.05)
    return seen


def _time(event: dict) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()
