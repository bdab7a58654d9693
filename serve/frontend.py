"""The frontend: the only thing that listens on the port. /ping and /invocations, admission, and the way to the workers.

It answers /ping from what the workers' sockets say at this moment and never decodes a picture itself.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping

from contract import cgroup
from serve import headers, http_rules, listener, log
from serve.client_connection import ClientConnection, too_large
from serve.config import Config
from serve.dispatcher import Dispatcher
from serve.errors import RequestError, ServeError
from serve.exchange import Exchange
from serve.workers import Workers

_SWEEP_SECONDS = 0.25
_HANDSHAKE_SECONDS = 0.1
"""How long one that has begun may take to end once the port takes no new ones."""
_QUIET_SECONDS = 0.3
"""A connection accepted at the last moment has this long to send its request."""
_LAST_WORDS_SECONDS = 1.0
"""How long the last answers may take to reach slow clients once everything is answered."""
OUT_OF_MEMORY = RequestError(507, "OutOfMemory", "not enough memory for this request")
_INFERENCE_ID = "x-amzn-sagemaker-inference-id"


class Invocation:
    """One prediction on its way through the dispatcher."""

    def __init__(self, exchange: Exchange, fields: Mapping[str, str]) -> None:
        """`fields`: the headers that the handler gets. Raises RequestError for a body that would have to be unpacked."""
        if exchange.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise RequestError(415, "UnsupportedContentEncoding", "Content-Encoding must be identity; send it unpacked")
        self._exchange = exchange
        self._fields = fields
        self.deadline = float("inf")

    def part(self) -> tuple[dict[str, str], bytearray]:
        return {"id": self._exchange.request_id, **self._fields}, self._exchange.body

    def succeed(self, status: int, content_type: str, body: bytes, headers: Mapping[str, str]) -> None:
        if status >= 400:
            self._log(status)
        lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        self._exchange.answer(status, content_type, body, headers=lines)

    def fail(self, error: RequestError) -> None:
        self._log(error.status)
        self._exchange.refuse(error)

    def _log(self, status: int) -> None:
        inference_id = self._exchange.headers.get(_INFERENCE_ID)
        more = {"inference_id": inference_id} if inference_id else {}
        level = "error" if status >= 500 else "warning"
        log.event("invocation_failed", level, status=int(status), request_id=self._exchange.request_id, **more)


class Frontend:
    """Everything between the port and the workers. `fatal` is called with the line that ends the program."""

    def __init__(self, config: Config, fatal: Callable[[str], None]) -> None:
        self.config = config
        self.connections: set[ClientConnection] = set()
        self.draining = False
        self.dispatcher = Dispatcher(
            batch=config.batch,
            in_flight_limit=config.in_flight_limit,
            queue_limit=config.queue_limit,
            died=self._worker_died,
        )
        self.workers = Workers(config, self.dispatcher, fatal)
        self._fields = headers.as_they_came if config.handler.own_code else headers.of_a_picture
        self._held = 0
        self._memory_kills = cgroup.memory_kills()
        self._server: asyncio.Server | None = None
        self._listener: socket.socket | None = None
        self._last: set[asyncio.Task[object]] = set()
        self._sweeper: asyncio.TimerHandle | None = None

    async def listen(self) -> None:
        """Open the port. Raises ServeError when that is not possible."""
        host, port = self.config.host, self.config.port
        try:
            self._listener = socket.create_server((host, port), backlog=self.config.backlog)
            self._listener.setblocking(False)
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(
                lambda: ClientConnection(self), sock=self._listener, backlog=self.config.backlog
            )
        except OSError as error:
            raise ServeError(
                f"cannot listen on {host}:{port} ({os.strerror(error.errno or 0)}); set SAGEMAKER_BIND_TO_PORT"
            ) from None

    def sweep(self) -> None:
        """Look after deadlines from now on."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in [connection for connection in self.connections if connection.deadline <= now]:
            connection.expire()
        self.dispatcher.expire(now)
        self.workers.sweep()
        self._sweeper = loop.call_later(_SWEEP_SECONDS, self.sweep)

    async def drain(self) -> None:
        """Answer what was accepted and what still comes in the grace, then close everything."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        self.draining = True
        log.event("draining", owed=self.dispatcher.owed, connections=len(self.connections))
        await asyncio.sleep(self.config.drain_grace)
        await self._stop_listening()
        quiet_since = loop.time()
        while loop.time() - quiet_since < _QUIET_SECONDS and loop.time() - start < self.config.drain_limit:
            if any(connection.owing for connection in self.connections):
                quiet_since = loop.time()
            await asyncio.sleep(0.02)
        self.dispatcher.give_up(RequestError(503, "ShuttingDown", "the server is shutting down", retry_after=1))
        for connection in list(self.connections):
            connection.hang_up()
        end = loop.time() + _LAST_WORDS_SECONDS
        while self.connections and loop.time() < end:
            await asyncio.sleep(0.02)

    def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._server is not None:
            self._server.close()

    async def _stop_listening(self) -> None:
        """Close the port when nobody is on the way through it: the kernel resets what it has accepted for us and we have not."""
        assert self._server is not None and self._listener is not None
        listener.refuse_new_connections(self._listener)
        asyncio.get_running_loop().add_reader(self._listener, self._accept_last)  # in the place of the server's own
        await asyncio.sleep(_HANDSHAKE_SECONDS)
        self._accept_last()
        self._server.close()

    def _accept_last(self) -> None:
        assert self._listener is not None
        loop = asyncio.get_running_loop()
        for connection in listener.accept_remaining(self._listener):
            self._last.add(loop.create_task(loop.connect_accepted_socket(lambda: ClientConnection(self), connection)))

    # -- what a connection asks (connection.Service) --------------------------------------------------------------------

    def admit(self, exchange: Exchange) -> None:
        path = http_rules.path(exchange.target)
        allowed = {"/ping": "GET", "/invocations": "POST"}.get(path)
        if allowed is None:
            raise RequestError(404, "NotFound", "there is only GET /ping and POST /invocations")
        if exchange.method != allowed:
            raise RequestError(405, "MethodNotAllowed", f"this path takes {allowed} and nothing else")
        length = exchange.headers.get("content-length", "0")
        limit = self.config.body_limit if path == "/invocations" else 0
        if int(length) > limit:
            raise too_large(limit)
        if path == "/invocations":
            exchange.pending = Invocation(exchange, self._fields(exchange.headers, self.config.default_accept))

    def hold(self, size: int) -> None:
        if size > 0 and self._held + size > self.config.upload_budget:
            raise RequestError(503, "Overloaded", "too many bodies are being sent at one time; try again", retry_after=1)
        self._held += size

    def handle(self, exchange: Exchange) -> None:
        if exchange.pending is None:
            self._ping(exchange)
            return
        try:
            if not exchange.body and not self.config.handler.own_code:
                raise RequestError(400, "EmptyBody", "the body is empty; send a picture")
            exchange.pending.deadline = asyncio.get_running_loop().time() + self.config.request_timeout
            self.dispatcher.submit(exchange.pending)
        except RequestError as error:
            exchange.refuse(error)

    def gone(self, exchange: Exchange) -> None:
        if exchange.pending is not None:
            self.dispatcher.cancel(exchange.pending)

    def _ping(self, exchange: Exchange) -> None:
        if self.draining:
            exchange.refuse(RequestError(503, "ShuttingDown", "the server is shutting down"))
        elif not self.workers.ready:
            exchange.refuse(RequestError(503, "NoWorker", "no worker is alive"))
        else:
            exchange.answer(200)

    def _worker_died(self) -> RequestError:
        """Out of memory where the kernel has killed a process of this container for that since it was last asked."""
        before, self._memory_kills = self._memory_kills, cgroup.memory_kills()
        if self._memory_kills > before:
            return OUT_OF_MEMORY
        return RequestError(500, "WorkerDied", "the worker process ended while it worked on this request")
