"""One HTTP call of a serving container, and its answer, read up to a limit. What is called, and when, is others'."""

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiohttp

ANSWER_LIMIT = 6_291_456
"""Bytes of a body that InvokeEndpoint may carry, either way."""
SKIPPED = ("User-Agent", "Content-Type", "Accept", "Accept-Encoding")
"""What the HTTP library would say of itself."""


class Answer(NamedTuple):
    """What a container answered."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class ContainerCalls:
    """The way to a container at `host:port`, over connections that stay open. It is used in the event loop.

    Of an answer of more than `answer_limit` bytes a little more than that is read.
    """

    session: aiohttp.ClientSession
    address: str
    answer_limit: int = ANSWER_LIMIT

    async def call(
        self,
        method: str,
        path: str,
        body: bytes | AsyncIterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> Answer:
        """Asks and waits for the whole answer, `seconds` at most: the session's own limit where that is None. A body that comes
        in pieces is sent in chunks.

        Raises TimeoutError, aiohttp.ClientConnectorError where nothing was sent, and otherwise aiohttp.ClientError or OSError.
        """
        patience: dict[str, Any] = {} if seconds is None else {"timeout": aiohttp.ClientTimeout(total=seconds)}
        async with self.session.request(
            method,
            f"http://{self.address}{path}",
            data=body,
            headers=headers,
            allow_redirects=False,
            skip_auto_headers=SKIPPED,
            **patience,
        ) as response:
            parts, size = [], 0
            async for chunk in response.content.iter_any():
                parts.append(chunk)
                size += len(chunk)
                if size > self.answer_limit:
                    break
            return Answer(response.status, response.headers, b"".join(parts))
