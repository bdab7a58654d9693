"""The frontend: the only thing that listens on the port. /ping and /invocations, admission, and the way to the workers.

It answers /ping from what the workers' sockets say at this moment and never decodes a picture itself.
"""

import asyncio
from collections.abc import Callable

from serve import headers
from serve.config import Config
from serve.errors import RequestError
from serve.http import http_rules
from serve.http.client_connection import too_large
from serve.http.exchange import Exchange
from serve.http.port import Port
from serve.invocation import Invocation
from serve.workers.deaths import WorkerDeaths
from serve.workers.dispatcher import Dispatcher
from serve.workers.pool import Workers


class Frontend(Port):
    """Everything between the port and the workers. `fatal` is called with the line that ends the program."""

    def __init__(self, config: Config, fatal: Callable[[str], None]) -> None:
        super().__init__(config)
        self.dispatcher = Dispatcher(
            batch=config.batch,
            in_flight_limit=config.in_flight_limit,
            queue_limit=config.queue_limit,
            died=WorkerDeaths().error,
        )
        self.workers = Workers(config, self.dispatcher, fatal)
        self._fields = headers.as_they_came if config.handler.own_code else headers.of_a_picture

    # -- what the port asks ---------------------------------------------------------------------------------------------

    def look_after(self, now: float) -> None:
        self.dispatcher.expire(now)
        self.workers.sweep()

    def owed(self) -> int:
        return self.dispatcher.owed

    def give_up(self, error: RequestError) -> None:
        self.dispatcher.give_up(error)

    # -- what a connection asks (client_connection.Service) -----------------------------------------------------------------

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
