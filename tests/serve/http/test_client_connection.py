"""One connection, with a service of our own behind it: order, keep-alive, deadlines, limits; over a real socket."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from serve.config import Config
from serve.errors import RequestError
from serve.http.client_connection import HEAD_LIMIT, ClientConnection
from serve.http.exchange import Exchange

CONFIG = Config(
    model=Path("/nowhere"), body_limit=1000, header_timeout=0.3, body_timeout=0.3, idle_timeout=0.3, connection_limit=3
)
Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Echo:
    """Answers with the body; `/slow` only when it is let go. Counts what is held and who left."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.connections: set[ClientConnection] = set()
        self.draining = False
        self.held = 0
        self.left: list[str] = []
        self.waiting: list[Exchange] = []

    def admit(self, exchange: Exchange) -> None:
        if exchange.target == "/no":
            raise RequestError(404, "NotFound", "no")

    def hold(self, size: int) -> None:
        self.held += size

    def handle(self, exchange: Exchange) -> None:
        if exchange.target == "/slow":
            self.waiting.append(exchange)
        else:
            exchange.answer(200, "text/plain", bytes(exchange.body))

    def gone(self, exchange: Exchange) -> None:
        self.left.append(exchange.target)

    async def sweep(self) -> None:
        while True:
            now = asyncio.get_running_loop().time()
            for connection in [connection for connection in self.connections if connection.deadline <= now]:
                connection.expire()
            await asyncio.sleep(0.02)


def with_service(client: Callable[[Echo, int], Awaitable[None]], config: Config = CONFIG) -> None:
    async def run() -> None:
        service = Echo(config)
        server = await asyncio.get_running_loop().create_server(lambda: ClientConnection(service), "127.0.0.1", 0)
        sweeping = asyncio.create_task(service.sweep())
        try:
            await client(service, server.sockets[0].getsockname()[1])
        finally:
            sweeping.cancel()
            server.close()

    asyncio.run(asyncio.wait_for(run(), 20))


async def talk(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = await reader.read()
    writer.close()
    return answer


def post(target: str, body: bytes, more: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (target.encode(), more, len(body), body)


CLOSE = b"Connection: close\r\n"


def bodies(answer: bytes) -> list[bytes]:
    return [part.split(b"\r\n\r\n", 1)[1] for part in answer.split(b"HTTP/1.1 ")[1:]]


def test_a_request_that_comes_byte_by_byte_is_one_request() -> None:
    async def client(service: Echo, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for byte in post("/", b"hello", CLOSE):
            writer.write(bytes([byte]))
            await writer.drain()
        assert bodies(await reader.read()) == [b"hello"]
        writer.close()

    with_service(client)


def test_pipelined_answers_keep_their_order_though_the_first_is_slow() -> None:
    async def client(service: Echo, port: int) -> None:
        asking = asyncio.create_task(talk(port, post("/slow", b"one") + post("/", b"two") + post("/", b"three", CLOSE)))
        while not service.waiting:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        service.waiting[0].answer(200, "text/plain", b"one")
        assert bodies(await asking) == [b"one", b"two", b"three"]
        assert service.held == 0

    with_service(client)


def test_a_client_that_does_not_wait_for_answers_is_not_read_on() -> None:
    async def client(service: Echo, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post("/slow", b"one") + post("/", b"x" * 900) * 10_000)
        await asyncio.sleep(0.5)
        assert 0 < service.held < 1 << 20
        service.waiting[0].answer(200, "text/plain", b"one")
        answered = 0
        while answered < 10_001:
            answered += (await reader.readuntil(b"\r\n\r\n")).count(b"HTTP/1.1 200")
            await reader.readexactly(900 if answered > 1 else 3)
        assert service.held == 0
        writer.close()

    with_service(client)


def test_an_answer_after_the_client_left_goes_nowhere() -> None:
    async def client(service: Echo, port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post("/slow", b"x" * 500))
        while not service.waiting:
            await asyncio.sleep(0.01)
        assert service.held == 500
        writer.close()
        while service.connections:
            await asyncio.sleep(0.01)
        service.waiting[0].answer(200)
        assert service.left == ["/slow"] and service.held == 0

    with_service(client)


def test_what_is_held_is_let_go_whatever_happens() -> None:
    async def client(service: Echo, port: int) -> None:
        for data in (post("/", b"x" * 900), post("/", b"x" * 1001), post("/no", b"x" * 10), b"POST / HTTP/1.1\r\nbroken\r\n\r\n"):
            await talk(port, data.replace(b"Host: x\r\n", b"Host: x\r\n" + CLOSE))
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 800\r\n\r\n" + b"x" * 400)
        while service.held != 400:
            await asyncio.sleep(0.01)
        writer.close()
        while service.connections:
            await asyncio.sleep(0.01)
        assert service.held == 0

    with_service(client)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HT", b"408"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", b"408"),
        (b"", b""),
        (post("/", b"done"), b"200"),
    ],
)
def test_deadlines_close_what_stands_still(data: bytes, status: bytes) -> None:
    """Half a head, half a body, nothing at all, and one that only keeps its connection open."""

    async def client(service: Echo, port: int) -> None:
        start = asyncio.get_running_loop().time()
        answer = await talk(port, data)
        assert answer[9:12] == status and 0.25 < asyncio.get_running_loop().time() - start < 2

    with_service(client)


def test_the_head_has_a_limit_in_one_header_and_in_many() -> None:
    async def client(service: Echo, port: int) -> None:
        fits = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: " + b"a" * (HEAD_LIMIT - 200) + b"\r\n\r\n"
        assert (await talk(port, fits))[9:12] == b"200"
        for data in (b"X: " + b"a" * HEAD_LIMIT, b"X: a\r\n" * (HEAD_LIMIT // 6)):
            assert b"HeadersTooLong" in await talk(port, b"GET / HTTP/1.1\r\n" + data)

    with_service(client)


async def head_of(port: int, first: bytes, rest: bytes) -> bytes:
    """The answer to a head that comes in two pieces, the second when the first has been looked at."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(first)
    await asyncio.sleep(0.2)
    writer.write(rest)
    answer = await reader.read()
    writer.close()
    return answer


def test_a_head_may_be_as_long_as_the_limit_and_no_longer() -> None:
    """Whether it comes whole, by what it says, or stands unfinished, by what has come."""
    start, end = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: ", b"\r\n\r\n"

    async def client(service: Echo, port: int) -> None:
        for beyond, status in ((0, b"200"), (1, b"400")):
            unfinished = start + b"a" * (HEAD_LIMIT - len(start) + beyond)
            answer = await head_of(port, unfinished, end)
            assert answer[9:12] == status, answer
            said = len("/") + len("Host: x\r\n") + len("X: \r\n") + len("Connection: close\r\n")
            assert (await talk(port, start + b"a" * (HEAD_LIMIT - said + beyond) + end))[9:12] == status

    with_service(client, replace(CONFIG, header_timeout=5))


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
def test_a_body_may_be_as_long_as_the_limit_and_no_longer(chunked: bool) -> None:
    async def client(service: Echo, port: int) -> None:
        for size, status in ((1000, b"200"), (1001, b"413")):
            body = b"x" * size
            plain = post("/", body, b"Connection: close\r\n")
            head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            answer = await talk(port, head + b"%x\r\n%b\r\n0\r\n\r\n" % (size, body) if chunked else plain)
            assert answer[9:12] == status

    with_service(client)


def test_as_many_connections_as_the_limit_are_served_and_one_more_is_told_so() -> None:
    async def client(service: Echo, port: int) -> None:
        connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        while len(service.connections) < 2:
            await asyncio.sleep(0.01)
        assert (await talk(port, post("/", b"third", b"Connection: close\r\n")))[9:12] == b"200"
        while len(service.connections) > 2:
            await asyncio.sleep(0.01)
        connections.append(await asyncio.open_connection("127.0.0.1", port))
        while len(service.connections) < 3:
            await asyncio.sleep(0.01)
        answer = await talk(port, b"")
        assert answer[9:12] == b"503" and b"Retry-After: 1\r\n" in answer
        for _, writer in connections:
            writer.close()

    with_service(client, replace(CONFIG, header_timeout=5))


def test_http_1_0_is_closed_after_its_answer() -> None:
    async def client(service: Echo, port: int) -> None:
        answer = await talk(port, b"GET / HTTP/1.0\r\n\r\n" * 2)
        assert answer.count(b"HTTP/1.1 200") == 1 and b"Connection: close" in answer

    with_service(client)


def test_while_draining_the_last_answer_closes() -> None:
    async def client(service: Echo, port: int) -> None:
        service.draining = True
        answer = await talk(port, post("/", b"one") + post("/", b"two"))
        assert bodies(answer) == [b"one", b"two"]
        assert answer.count(b"Connection: close") == 1

    with_service(client)


def test_a_client_that_reads_nothing_is_dropped_and_costs_no_memory() -> None:
    """Its answers fill the sockets' buffers and a little more; then nothing of it is read, and at the deadline it is closed."""

    async def client(service: Echo, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.transport.pause_reading()
        one = post("/", b"x" * 900)
        start = time.monotonic()
        while service.connections and time.monotonic() - start < 10:
            if writer.transport.get_write_buffer_size() < 1 << 20:
                writer.write(100 * one)
            await asyncio.sleep(0.005)
            assert service.held < 4096 + 1000, "what one piece of a read holds, and a body that is coming"
        assert not service.connections and service.held == 0
        writer.transport.abort()
        del reader

    with_service(client)


def test_many_requests_in_one_read_leave_turns_to_others() -> None:
    async def client(service: Echo, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        turns, longest, counting = 0, 0.0, True

        async def count() -> None:
            nonlocal turns, longest
            while counting:
                start = time.monotonic()
                await asyncio.sleep(0)
                turns, longest = turns + 1, max(longest, time.monotonic() - start)

        counter = asyncio.create_task(count())
        writer.write(2000 * post("/", b"") + post("/", b"end", CLOSE))
        answer = await reader.read()
        counting = False
        await counter
        assert bodies(answer) == 2000 * [b""] + [b"end"] and turns > 2000 / 16

    with_service(client)


def test_a_client_that_waits_to_send_its_body_is_told_after_the_answers_before_it() -> None:
    async def client(service: Echo, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        before, _, body = post("/", b"late", b"Expect: 100-continue\r\n" + CLOSE).partition(b"late")
        writer.write(post("/", b"one") + post("/slow", b"two") + before)
        while not service.waiting:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        service.waiting[0].answer(200, "text/plain", b"two")
        told = await reader.readuntil(b"100 Continue\r\n\r\n")
        assert [int(part[:3]) for part in told.split(b"HTTP/1.1 ")[1:]] == [200, 200, 100]
        writer.write(b"late" + body)
        assert bodies(await reader.read()) == [b"late"]
        writer.close()

    with_service(client)
