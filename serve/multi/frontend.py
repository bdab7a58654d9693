"""The HTTP API of a multi-model container: /ping, /models, and each model's own paths. It holds no model itself.

GET /ping says that the program lives, whatever is loaded: the platform loads a model when somebody asks for it.
"""

import asyncio
import json
import traceback
from collections.abc import Coroutine
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from serve import log
from serve.config import Config
from serve.errors import RequestError
from serve.http import http_rules
from serve.http.client_connection import too_large
from serve.http.exchange import Exchange
from serve.http.port import Port
from serve.invocation import Invocation
from serve.multi.model import Model
from serve.multi.models import Models

_LOAD_LIMIT = 65_536
"""Bytes of a body that asks for a model to be loaded."""
NAME_LIMIT = 1024
PAGE = 100
"""Models a page, where nobody says how many."""
_SHUTTING_DOWN = RequestError(503, "ShuttingDown", "the server is shutting down", retry_after=1)


class ModelInvocation(Invocation):
    """One request to one model."""

    def __init__(self, exchange: Exchange, model: Model) -> None:
        super().__init__(exchange, model.fields(exchange.headers))
        self.model = model


class ModelsFrontend(Port):
    """Everything between the port and the models."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.models = Models(config)
        self._tasks: set[asyncio.Task[None]] = set()

    # -- what the port asks ---------------------------------------------------------------------------------------------

    def look_after(self, now: float) -> None:
        self.models.look_after(now)

    def owed(self) -> int:
        return self.models.owed

    def give_up(self, error: RequestError) -> None:
        self.models.give_up(error)

    async def drain(self) -> None:
        """What is only being loaded is given up first."""
        self.models.stop_loading()
        await super().drain()

    # -- what a connection asks (client_connection.Service) -----------------------------------------------------------------

    def admit(self, exchange: Exchange) -> None:
        parts = _parts(exchange)
        allowed = _allowed(parts)
        if exchange.method not in allowed:
            raise RequestError(405, "MethodNotAllowed", f"this path takes {' and '.join(allowed)} and nothing else")
        limit = 0
        if parts == ["models"] and exchange.method == "POST":
            limit = _LOAD_LIMIT
        elif len(parts) == 3:
            limit = self.config.body_limit
            exchange.pending = ModelInvocation(exchange, self.models.find(parts[1]))
        if int(exchange.headers.get("content-length", "0")) > limit:
            raise too_large(limit)

    def handle(self, exchange: Exchange) -> None:
        try:
            if isinstance(exchange.pending, ModelInvocation):
                self._invoke(exchange, exchange.pending)
            else:
                self._manage(exchange, _parts(exchange))
        except RequestError as error:
            exchange.refuse(error)

    def gone(self, exchange: Exchange) -> None:
        if isinstance(exchange.pending, ModelInvocation):
            exchange.pending.model.cancel(exchange.pending)

    def _invoke(self, exchange: Exchange, invocation: ModelInvocation) -> None:
        model = invocation.model
        if self.models.find(model.name) is not model:  # unloaded, and loaded again, while the body came
            raise RequestError(404, "ModelNotFound", "no model of that name is loaded")
        if not exchange.body and not model.own_code:
            raise RequestError(400, "EmptyBody", "the body is empty; send a picture")
        model.invocation(invocation)

    def _manage(self, exchange: Exchange, parts: list[str]) -> None:
        if parts == ["ping"]:
            if self.draining:
                raise _SHUTTING_DOWN
            exchange.answer(200)
        elif parts == ["models"] and exchange.method == "GET":
            _answer(exchange, self._page(exchange))
        elif parts == ["models"]:
            if self.draining:
                raise _SHUTTING_DOWN
            name, url = _asked(bytes(exchange.body))
            self._later(exchange, self.models.load(name, url), f"the model {name} is loaded")
        elif exchange.method == "GET":
            _answer(exchange, _described(self.models.described(parts[1])))
        else:
            self._later(exchange, self.models.unload(parts[1]), f"the model {parts[1]} is unloaded")

    def _later(self, exchange: Exchange, work: Coroutine[Any, Any, None], status: str) -> None:
        """Answer once `work` is done. It is done to its end, though the client be gone: SageMaker waits a minute only."""

        async def run() -> None:
            try:
                await work
            except RequestError as error:
                exchange.refuse(error)
            except Exception:
                exchange.refuse(RequestError(500, "InternalError", "the server failed on this request"))
                log.event("request_failed", "error", request_id=exchange.request_id, traceback=traceback.format_exc())
            else:
                _answer(exchange, {"status": status})

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _page(self, exchange: Exchange) -> dict[str, Any]:
        query = parse_qs(urlsplit(exchange.target).query)
        limit = query.get("limit", [str(PAGE)])[0]
        if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit[:9]) <= 100_000:
            raise RequestError(400, "BadLimit", "limit must be a whole number from 1 to 100000")
        page = self.models.page(query.get("next_page_token", [""])[0], int(limit))
        following = {} if page.following is None else {"nextPageToken": page.following}
        return {"models": [_described(model) for model in page.models], **following}


def _parts(exchange: Exchange) -> list[str]:
    """The parts of a request's path, decoded."""
    return [unquote(part) for part in http_rules.path(exchange.target).strip("/").split("/")]


def _allowed(parts: list[str]) -> tuple[str, ...]:
    """The methods that a path takes. Raises RequestError 404 for a path that is none here."""
    match parts:
        case ["ping"]:
            return ("GET",)
        case ["models"]:
            return ("GET", "POST")
        case ["models", _]:
            return ("GET", "DELETE")
        case ["models", _, "invoke"]:
            return ("POST",)
    raise RequestError(404, "NotFound", "there is only /ping, /models, /models/NAME and /models/NAME/invoke")


def _asked(body: bytes) -> tuple[str, str]:
    """Name and URL of the model that is to be loaded. Raises RequestError 400."""
    try:
        given = json.loads(body)
        name, url = given["model_name"], given["url"]
    except (ValueError, KeyError, TypeError, RecursionError):
        name = url = None
    if not isinstance(name, str) or not isinstance(url, str):
        raise RequestError(400, "BadRequest", 'the body must be JSON, {"model_name": "...", "url": "..."}')
    if not 0 < len(name) <= NAME_LIMIT or not name.isprintable() or "/" in name:
        raise RequestError(400, "BadModelName", f"model_name must have 1 to {NAME_LIMIT} printable characters and no slash")
    return name, url


def _described(model: Model) -> dict[str, str]:
    return {"modelName": model.name, "modelUrl": model.url}


def _answer(exchange: Exchange, content: dict[str, Any]) -> None:
    exchange.answer(200, "application/json", json.dumps(content).encode("ascii"))
