"""Row 18: many more clients than capacity: the queue stays bounded, the excess is refused at once, memory stays flat."""

import asyncio
import time

from bench.load import Load, run
from tests.support import artefact
from tests.support.server import Server

SECONDS, QUEUE, CLIENTS = 6.0, 10, 100


def test_ten_times_capacity_is_refused_fast(dogs: list[bytes]) -> None:
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1, KENNEL_QUEUE_LIMIT=QUEUE) as server:
        alone = run(Load(bodies=dogs, clients=1, port=server.port), 2)
        before = server.rss()
        result = asyncio.run(Load(bodies=dogs, clients=CLIENTS, port=server.port, keep_bodies=True, pause=0.3).run(SECONDS))
        growth = server.rss() - before
        refused = sorted(sample.seconds for sample in result.samples if sample.status == 503)
        start = time.monotonic()
        assert server.invoke(dogs[0]).status == 200
        recovery = time.monotonic() - start
        median = refused[len(refused) // 2]
        print(f"{result.statuses}; refused after {median * 1000:.1f} ms (median); accepted p99 {result.quantile(0.99):.2f} s")
        print(f"frontend grew {growth / 2**20:.1f} MiB; recovered in {recovery:.2f} s")
        assert set(result.statuses) == {200, 503} and len(refused) > 100
        assert all(b"Overloaded" in sample.body for sample in result.samples if sample.status == 503)
        assert median < result.quantile(0.5) / 2, "whoever is refused does not wait as those do who are not"
        # Ten wait, one is in hand: nobody waits longer than eleven predictions, on a machine where the clients compete too.
        assert result.quantile(0.99) < 11 * 4 * max(alone.quantile(0.9), 0.02)
        assert growth < 32 << 20 and recovery < 2


def test_a_refusal_says_when_to_come_back(dogs: list[bytes]) -> None:
    dog = dogs[0]
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1, KENNEL_QUEUE_LIMIT=1) as server:
        worker = server.workers()[0]
        worker.suspend()

        async def ask() -> list[int]:
            load = Load(bodies=[dog], clients=6, port=server.port, pause=5.0)
            running = asyncio.create_task(load.run(0.5))
            await asyncio.sleep(0.7)
            answer = await asyncio.to_thread(server.invoke, dog)
            worker.resume()
            await running
            return [answer.status, int(answer.headers["retry-after"])]

        assert asyncio.run(ask()) == [503, 1]
