"""One client connection: HTTP/1.1 read with limits and deadlines, answered in order. It knows no route and no model.

llhttp (through httptools) parses and is strict about malformed messages; what it does not bound (head, body, chunks, time) is
bounded here. A connection that cannot go on is answered, half closed and listened to for a moment: closing it outright would
reset it, and the client would never see the answer.
"""

import asyncio
import traceback
from collections import deque
from http import HTTPStatus
from typing import Protocol

import httptools

from serve import log
from serve.config import Config
from serve.errors import RequestError
from serve.http import http_rules
from serve.http.exchange import Exchange

HEAD_LIMIT = 32_768
"""Bytes of request line and headers."""
_HEAD_PIECE, _CHUNKS_PIECE = 4096, 65_536
"""Bytes that are parsed in one go, of heads and of bodies in chunks."""
_REQUESTS_A_TURN = 16
"""Requests of one client that are handled in one turn of the event loop, at most."""
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 64 << 20
_REASONS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}


class Service(Protocol):
    """What a connection needs of the program behind it."""

    config: Config
    connections: "set[ClientConnection]"
    draining: bool

    def admit(self, exchange: Exchange) -> None:
        """Judge the head before the body is read. Raises RequestError."""

    def hold(self, size: int) -> None:
        """Count bytes of a body in memory, negative when they are let go. Raises RequestError when there are too many."""

    def handle(self, exchange: Exchange) -> None:
        """Answer a whole request, now or later."""

    def gone(self, exchange: Exchange) -> None:
        """The client left before the answer."""


class ClientConnection(asyncio.Protocol):
    """Reads requests one after the other; the next one is handled once the one before it is answered."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._config = service.config
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._reading: Exchange | None = None
        self._head_size = 0
        self._header_size = 0
        self._chunks = 0
        self._in_head = True
        self._waits_for_100 = False
        self._queue: deque[Exchange] = deque()
        self._handling: Exchange | None = None
        self._unread = memoryview(b"")
        """What has come and is not parsed: the next request waits for the answer to the one before it."""
        self._working = False
        self._blocked = False
        """The client does not read its answers."""
        self._discarding = False
        self._discarded = 0
        self.deadline = 0.0

    # -- asyncio --------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._expect(self._config.header_timeout)
        self._service.connections.add(self)
        over = len(self._service.connections) - self._config.connection_limit
        if over > self._config.backlog:
            self._transport.abort()
        elif over > 0:
            self._refuse(RequestError(503, "TooManyConnections", "too many connections; try again", retry_after=1))

    def data_received(self, data: bytes) -> None:
        if self._discarding:
            self._discarded += len(data)
            if self._discarded > _LINGER_BYTES:
                self._transport.abort()
            return
        if self._reading is None and not self._head_size and self._handling is None:
            self._expect(self._config.header_timeout)
        self._unread = memoryview(bytes(self._unread) + data if self._unread else data)
        self._work()

    def pause_writing(self) -> None:
        """The transport holds more than the client takes: nothing more is read, parsed or handled."""
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        if self.idle:
            self._expect(self._config.idle_timeout)
        self._work()

    def connection_lost(self, exc: Exception | None) -> None:
        self._service.connections.discard(self)
        self._discarding = True
        for exchange in (self._handling, self._reading, *self._queue):
            if exchange is not None:
                self._let_go(exchange)
        if self._handling is not None:
            self._service.gone(self._handling)
        self._handling = self._reading = None
        self._queue.clear()
        self._unread = memoryview(b"")

    def _parse(self) -> None:
        """Parse a piece of what has come: the parser cannot be stopped within one, and a read may hold thousands of requests."""
        size = min(len(self._unread), self._piece())
        data, self._unread = self._unread[:size], self._unread[size:]
        if self._in_head:
            self._head_size += size
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:  # ignored: the request is whole, and what follows is the next one
            self._parser = httptools.HttpRequestParser(self)
            self._unread = memoryview(bytes(data[upgrade.args[0] :]) + bytes(self._unread))
        except httptools.HttpParserCallbackError:
            told = traceback.format_exc()
            self._refuse(RequestError(500, "InternalError", "the server failed on this request"))
            log.event("request_failed", "error", traceback=told)
        except httptools.HttpParserError:
            self._refuse(RequestError(400, "BadRequest", "the request is not well-formed HTTP"))
        if self._in_head and self._head_size > HEAD_LIMIT:
            self._refuse(_too_long_head())
        if self._discarding:
            self._unread = memoryview(b"")

    def _piece(self) -> int:
        """Bytes to parse in one go: all of a body whose length is known, little where there may be many requests."""
        if self._in_head or self._reading is None:
            return _HEAD_PIECE
        length = self._reading.headers.get("content-length")
        return _CHUNKS_PIECE if length is None else max(1, int(length) - len(self._reading.body))

    # -- httptools ------------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._reading = Exchange(self)
        self._header_size = 0

    def on_url(self, url: bytes) -> None:
        if self._reading is not None and not self._discarding:
            self._reading.target += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        exchange = self._reading
        if exchange is None or self._discarding:
            return
        key = name.decode("latin-1").lower()
        if key in exchange.headers and key in http_rules.SINGLE:
            self._refuse(RequestError(400, "BadRequest", "a header that must be single came twice"))
        # Leading zeros say nothing, and Python reads no number of thousands of digits.
        exchange.headers[key] = value.decode("latin-1") if key != "content-length" else value.decode("latin-1").lstrip("0") or "0"
        self._header_size += len(name) + len(value) + 4
        if self._header_size + len(exchange.target) > HEAD_LIMIT:
            self._refuse(_too_long_head())

    def on_headers_complete(self) -> None:
        exchange = self._reading
        if exchange is None or self._discarding:
            return
        self._in_head, self._head_size, self._chunks = False, 0, 0
        self._expect(self._config.body_timeout)
        exchange.method = self._parser.get_method().decode("latin-1")
        exchange.keep_alive = self._parser.should_keep_alive()
        version = self._parser.get_http_version()
        try:
            http_rules.check(version, exchange.method, exchange.headers)
            self._service.admit(exchange)
        except RequestError as error:
            self._refuse(error)
            return
        self._waits_for_100 = version == "1.1" and "expect" in exchange.headers
        self._continue()

    def _continue(self) -> None:
        """Tell a client that waits to send its body to do so, when all that it asked before is answered."""
        if self._waits_for_100 and self._handling is None and not self._queue and not self._discarding:
            self._waits_for_100 = False
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_chunk_header(self) -> None:
        self._chunks += 1
        if not self._discarding and self._chunks > 1000 + self._config.body_limit // 512:
            self._refuse(RequestError(413, "TooManyChunks", "the body comes in too many chunks; send larger ones"))

    def on_body(self, data: bytes) -> None:
        exchange, self._waits_for_100 = self._reading, False
        if exchange is None or self._discarding:
            return
        if len(exchange.body) + len(data) > self._config.body_limit:
            self._refuse(too_large(self._config.body_limit))
            return
        try:
            self._service.hold(len(data))
        except RequestError as error:
            self._refuse(error)
            return
        exchange.body += data

    def on_message_complete(self) -> None:
        exchange, self._reading = self._reading, None
        self._in_head, self._waits_for_100 = True, False
        if exchange is None or self._discarding:
            return
        self._queue.append(exchange)
        self._discarding = not exchange.keep_alive

    # -- answering ------------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Parse and handle what has come, in order, as far as one turn of the event loop goes: other clients want theirs. A loop,
        because a handler may answer before it returns."""
        if self._working:
            return
        self._working, handled = True, 0
        while not self._blocked:
            if self._queue and self._handling is None:
                if handled == _REQUESTS_A_TURN:
                    asyncio.get_running_loop().call_soon(self._work)
                    break
                handled += 1
                self._handle(self._queue.popleft())
            elif self._unread and not self._queue:
                self._parse()
            else:
                break
        self._working = False
        if self._discarding or not (self._queue or self._unread or self._blocked):
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _handle(self, exchange: Exchange) -> None:
        self._handling = exchange
        self._expect(None)
        if exchange.error is not None:
            exchange.refuse(exchange.error)
        else:
            self._service.handle(exchange)

    def _refuse(self, error: RequestError) -> None:
        """Answer `error` after what came before it, and close; what is still being sent is not parsed."""
        if self._discarding:
            return
        exchange, self._reading = self._reading or Exchange(self), None
        exchange.error, exchange.keep_alive = error, False
        self._let_go(exchange)
        self._discarding = True
        self._queue.append(exchange)
        self._work()

    def send(self, exchange: Exchange, status: int, content_type: str | None, body: bytes, headers: str) -> None:
        """Write one answer; called through Exchange.answer."""
        if exchange is not self._handling:
            return
        self._let_go(exchange)
        self._handling = None
        close = not exchange.keep_alive or (
            self._service.draining and not self._queue and not self._unread and self._reading is None
        )
        head = f"{_REASONS[status]}Content-Length: {len(body)}\r\nX-Request-Id: {exchange.request_id}\r\n{headers}"
        if content_type is not None:
            head += f"Content-Type: {content_type}\r\n"
        head += "Connection: close\r\n\r\n" if close else "Connection: keep-alive\r\n\r\n"
        self._transport.write(head.encode("latin-1") + body)
        if close:
            self._half_close()
            return
        if self._blocked:
            self._expect(self._config.body_timeout)
        elif not self._queue:
            self._expect(self._config.header_timeout if self._reading or self._head_size else self._config.idle_timeout)
        self._continue()
        self._work()

    def _let_go(self, exchange: Exchange) -> None:
        """Of its body, here and now: an exchange and its request hold each other, and what collects such pairs comes late."""
        self._service.hold(-len(exchange.body))
        exchange.body = bytearray()

    def _half_close(self) -> None:
        self._discarding = True
        self._expect(_LINGER_SECONDS)
        if self._transport.is_closing():
            return
        self._transport.resume_reading()
        self._transport.write_eof()

    @property
    def owing(self) -> bool:
        """A request was begun and is not answered."""
        return self._handling is not None or self._reading is not None or bool(self._queue) or bool(self._unread)

    @property
    def idle(self) -> bool:
        """Nothing read, nothing owed."""
        return not self.owing and not self._head_size

    def hang_up(self) -> None:
        """Close for good once what was written is sent; one that was answered and half closed is left to its client."""
        if not self._discarding or self.owing:
            self._transport.close()

    def _expect(self, seconds: float | None) -> None:
        """Set the time by which something must have happened; None while the next move is ours."""
        self.deadline = float("inf") if seconds is None else asyncio.get_running_loop().time() + seconds

    def expire(self) -> None:
        """The deadline has passed: called by the service's sweep."""
        if self._discarding or self._transport.get_write_buffer_size():
            self._transport.abort()  # closing would wait until the client reads
        elif self.idle:
            self._transport.close()
        else:
            self._refuse(RequestError(408, "RequestTimeout", "the request was not sent whole in time"))


def too_large(limit: int) -> RequestError:
    """The answer to a body over `limit` bytes."""
    return RequestError(413, "PayloadTooLarge", f"the body is over {limit:,} bytes, the most this endpoint reads")


def _too_long_head() -> RequestError:
    return RequestError(400, "HeadersTooLong", f"request line and headers are over {HEAD_LIMIT:,} bytes")
