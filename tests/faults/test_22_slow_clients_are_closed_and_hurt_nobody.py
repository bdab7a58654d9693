"""Row 22: clients that dribble headers or bodies are closed at their deadlines; the others hardly notice."""

import asyncio
import time

from bench.load import Load
from tests.support import artefact
from tests.support.server import Server

SLOW = 250
"""Of each kind."""


def test_slow_clients_are_closed_and_hurt_nobody(dogs: list[bytes]) -> None:
    with Server(artefact.small()) as server:
        alone, among, headers, bodies = asyncio.run(_run(server.port, dogs))
        print(f"{2 * SLOW} slow clients; median latency {alone * 1000:.1f} ms alone, {among * 1000:.1f} ms among them")
        print(
            f"closed: headers after {min(headers):.1f} to {max(headers):.1f} s, bodies {min(bodies):.1f} to {max(bodies):.1f} s"
        )
        assert len(headers) == len(bodies) == SLOW
        assert min(headers) > 9 and max(headers) < 13
        assert min(bodies) > 29 and max(bodies) < 33
        assert among < 3 * alone + 0.05, "one that waits for a slow client waits for seconds"
        assert server.ping().status == 200


async def _run(port: int, dogs: list[bytes]) -> tuple[float, float, list[float], list[float]]:
    normal = Load(bodies=dogs, clients=1, port=port)
    alone = await normal.run(3)
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\n"
    whole = head + b"Content-Type: image/jpeg\r\nContent-Length: 5000\r\n\r\n"
    headers = [asyncio.create_task(_dribble(port, head, b"X-A: b\r\n")) for _ in range(SLOW)]
    bodies = [asyncio.create_task(_dribble(port, whole, b"\0")) for _ in range(SLOW)]
    await asyncio.sleep(1)
    among = await Load(bodies=dogs, clients=1, port=port).run(3)
    assert set(alone.statuses) == set(among.statuses) == {200}
    return alone.quantile(0.5), among.quantile(0.5), await asyncio.gather(*headers), await asyncio.gather(*bodies)


async def _dribble(port: int, start: bytes, piece: bytes) -> float:
    """Seconds until the server closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    writer.write(start)
    reading = asyncio.create_task(reader.read(65536))
    while not reading.done():
        writer.write(piece)
        await asyncio.wait({reading}, timeout=1.0)
    answer = reading.result() if reading.exception() is None else b""
    writer.close()
    assert not answer or answer.startswith(b"HTTP/1.1 408 "), answer
    return time.monotonic() - began
