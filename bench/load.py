"""A closed-loop load generator: each client sends its next request when it has the answer to the last. Not an open-loop one.

One process, one thread, asyncio streams kept small: on a machine of two cores the generator must take little from the server.
The fault tests use it too; every request that was sent ends in exactly one `Sample`.
"""

import asyncio
import errno
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: when it was sent (monotonic seconds), how long it took, and its status.

    Status 0: the request was sent and no answer came. Status -1: no connection, nothing was sent.
    """

    at: float
    seconds: float
    status: int
    body: bytes = b""


@dataclass(slots=True)
class Result:
    """Everything one run saw."""

    samples: list[Sample] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, *statuses: int) -> int:
        return sum(sample.status in statuses for sample in self.samples)

    @property
    def statuses(self) -> dict[int, int]:
        """How many of each status; see Sample."""
        return {status: self.count(status) for status in sorted({sample.status for sample in self.samples})}

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.count(200) / self.seconds

    def quantile(self, share: float) -> float:
        """Latency in seconds below which `share` of the good answers came."""
        times = sorted(sample.seconds for sample in self.samples if sample.status == 200)
        return times[min(len(times) - 1, int(share * len(times)))] if times else float("nan")


@dataclass(slots=True, kw_only=True)
class Load:
    """`clients` connections to host:port (or to a Unix socket `path`) that send `bodies` in turn until `stop` is set."""

    bodies: Sequence[bytes]
    clients: int
    host: str = "127.0.0.1"
    port: int = 0
    path: str | None = None
    target: str = "/invocations"
    targets: Sequence[str] = ()
    """Asked in turn, each for one body, in the place of `target`."""
    content_type: str = "image/jpeg"
    keep_bodies: bool = False
    pause: float = 0.0
    """Seconds a client waits after an answer other than 200."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, seconds: float) -> Result:
        """Run for `seconds`, then let every request under way finish."""
        result = Result()
        start = time.monotonic()
        asyncio.get_running_loop().call_later(seconds, self.stop.set)
        await asyncio.gather(*(self._client(number, result) for number in range(self.clients)))
        result.seconds = time.monotonic() - start
        return result

    async def _client(self, number: int, result: Result) -> None:
        link: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        turn = number
        while not self.stop.is_set():
            body = self.bodies[turn % len(self.bodies)]
            target = self.targets[turn % len(self.targets)] if self.targets else self.target
            turn += self.clients
            at = time.monotonic()
            try:
                link = link or await self._connected()
                status, answer, keep = await self._ask(*link, target, body) if link else (-1, b"", False)
            except (OSError, asyncio.IncompleteReadError, ValueError):
                status, answer, keep = 0, b"", False
            result.samples.append(Sample(at, time.monotonic() - at, status, answer if self.keep_bodies else b""))
            if not keep and link is not None:
                link[1].close()
                link = None
            if status != 200 and self.pause:
                await asyncio.sleep(self.pause)
        if link is not None:
            link[1].close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection; None where it is refused or the machine with that address is gone. Any other failure counts as a loss."""
        try:
            if self.path is not None:
                return await asyncio.open_unix_connection(self.path)
            return await asyncio.open_connection(self.host, self.port)
        except OSError as error:
            if error.errno in (errno.ECONNREFUSED, errno.EHOSTUNREACH):
                return None
            raise

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str, body: bytes
    ) -> tuple[int, bytes, bool]:
        head = f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {self.content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode("ascii") + body)
        answer_head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(answer_head.split("content-length:", 1)[1].split("\r\n", 1)[0])
        answer = await reader.readexactly(length)
        return int(answer_head[9:12]), answer, "connection: close" not in answer_head


def run(load: Load, seconds: float) -> Result:
    """`load` for `seconds`, from code that is not asynchronous."""
    return asyncio.run(load.run(seconds))
