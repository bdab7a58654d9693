"""Row 15: SIGTERM with many requests in flight: all of them answered, no reset, exit 0."""

import asyncio
import signal
import time

from bench.load import Load, Result
from tests.support import artefact
from tests.support.server import Server

CLIENTS = 200


def test_sigterm_under_load_loses_nothing(dogs: list[bytes]) -> None:
    with Server(artefact.small(), KENNEL_QUEUE_LIMIT=400, KENNEL_DRAIN_GRACE_SECONDS=1) as server:
        result, pings = asyncio.run(_stop_under_load(server, dogs))
        status, errors = server.wait_end(30)
        seconds = time.monotonic() - pings["signal"]
        print(f"{CLIENTS} clients, {len(result.samples)} requests: {result.statuses}; exit {status} after {seconds:.2f} s")
        assert status == 0 and errors == ""
        assert seconds < 25
        assert result.count(0) == 0, "a request was accepted and not answered"
        assert result.count(200) + result.count(-1) == len(result.samples)
        after = [sample for sample in result.samples if sample.at > pings["signal"] and sample.status == 200]
        print(f"{len(after)} requests that arrived after the signal were answered; /ping said {pings['status']}")
        assert after and pings["status"] == 503


async def _stop_under_load(server: Server, dogs: list[bytes]) -> tuple[Result, dict[str, float]]:
    load = Load(bodies=dogs, clients=CLIENTS, port=server.port)
    running = asyncio.create_task(load.run(60))
    await asyncio.sleep(2.5)
    server.process.send_signal(signal.SIGTERM)
    told = {"signal": time.monotonic()}
    await asyncio.sleep(0.2)
    told["status"] = (await asyncio.to_thread(server.ping)).status
    await asyncio.sleep(1.5)
    load.stop.set()
    return await running, told
