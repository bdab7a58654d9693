"""The port of the program: who is connected, which bodies are in memory, and its end without a loss. It knows no path.

What is served there says a subclass: it judges heads, answers requests, and looks after its deadlines.
"""

import asyncio
import os
import socket
from abc import ABC, abstractmethod

from serve import log
from serve.config import Config
from serve.errors import RequestError, ServeError
from serve.http import listener
from serve.http.client_connection import ClientConnection
from serve.http.exchange import Exchange

_SWEEP_SECONDS = 0.25
_HANDSHAKE_SECONDS = 0.1
"""How long one that has begun may take to end once the port takes no new ones."""
_QUIET_SECONDS = 0.3
"""A connection accepted at the last moment has this long to send its request."""
_LAST_WORDS_SECONDS = 1.0
"""How long the last answers may take to reach slow clients once everything is answered."""


class Port(ABC):
    """The only thing that listens; a connection's Service. It is opened, swept from then on, drained and closed."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.connections: set[ClientConnection] = set()
        self.draining = False
        self._held = 0
        self._server: asyncio.Server | None = None
        self._listener: socket.socket | None = None
        self._last: set[asyncio.Task[object]] = set()
        self._sweeper: asyncio.TimerHandle | None = None

    @abstractmethod
    def admit(self, exchange: Exchange) -> None: ...

    @abstractmethod
    def handle(self, exchange: Exchange) -> None: ...

    @abstractmethod
    def gone(self, exchange: Exchange) -> None: ...

    @abstractmethod
    def look_after(self, now: float) -> None:
        """See to deadlines of what is being worked on; called again and again. `now`: the event loop's time."""

    @abstractmethod
    def owed(self) -> int:
        """Requests that still wait for their answer."""

    @abstractmethod
    def give_up(self, error: RequestError) -> None:
        """Answer everything still owed with `error`."""

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
        self.look_after(now)
        self._sweeper = loop.call_later(_SWEEP_SECONDS, self.sweep)

    async def drain(self) -> None:
        """Answer what was accepted and what still comes in the grace, then close everything."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        self.draining = True
        log.event("draining", owed=self.owed(), connections=len(self.connections))
        await asyncio.sleep(self.config.drain_grace)
        await self._stop_listening()
        quiet_since = loop.time()
        while loop.time() - quiet_since < _QUIET_SECONDS and loop.time() - start < self.config.drain_limit:
            if any(connection.owing for connection in self.connections):
                quiet_since = loop.time()
            await asyncio.sleep(0.02)
        self.give_up(RequestError(503, "ShuttingDown", "the server is shutting down", retry_after=1))
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

    def hold(self, size: int) -> None:
        if size > 0 and self._held + size > self.config.upload_budget:
            raise RequestError(503, "Overloaded", "too many bodies are being sent at one time; try again", retry_after=1)
        self._held += size

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
