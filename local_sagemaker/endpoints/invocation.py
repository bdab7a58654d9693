"""InvokeEndpoint: from a request to one container and back, over connections that stay open. It runs in the event loop.

Which targets there are is told by endpoint_run.py (`Route`); this module chooses, relays the API's headers only, and turns what
goes wrong into the API's errors. A request is either answered by one container or not given to any: it is repeated only where
no connection could be made.
"""

import asyncio
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp

from ..context import InvokeResult
from ..errors import AwsError
from .container_calls import ANSWER_LIMIT as PAYLOAD_LIMIT
from .container_calls import Answer, ContainerCalls
from .loaded_models import CannotLoad, LoadedModels

TIMEOUT = 60.0
KEEP_ALIVE = 1.5
"""Seconds an idle connection is kept: less than any common server's, so that none is used while it is being closed."""
PREFIX = "x-amzn-sagemaker-"
TARGET_MODEL = PREFIX + "target-model"
REQUEST_HEADERS = (
    "content-type",
    "accept",
    *(
        PREFIX + name
        for name in (
            "custom-attributes",
            "target-model",
            "target-variant",
            "target-container-hostname",
            "inference-id",
            "enable-explanations",
            "inference-component",
            "session-id",
            "prefix-aware-id",
        )
    ),
)
ANSWER_HEADERS = ("content-type", PREFIX + "custom-attributes", PREFIX + "new-session-id", PREFIX + "closed-session-id")
MODEL_EXITED = "An error occurred while handling request as the model process exited."
TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for each"
    " container in Amazon CloudWatch, resolve the issue, and try again."
)


@dataclass(eq=False)
class Target:
    """One container that serves, at `host:port`. The counts are of requests: being answered, answered, answered with 5xx (or
    not at all). `models`: where the container is of a multi-model endpoint, which it has loaded."""

    address: str
    variant: str
    models: LoadedModels | None = None
    outstanding: int = 0
    answered: int = 0
    failed: int = 0


@dataclass
class Turns:
    """Chooses among weights so that any run of choices keeps the shares (smooth weighted round robin)."""

    weights: Sequence[float]
    _credit: list[float] = field(default_factory=list)

    def next(self) -> int:
        """The position whose turn it is."""
        if not self._credit:
            self._credit = [0.0] * len(self.weights)
        for position, weight in enumerate(self.weights):
            self._credit[position] += weight
        chosen = max(range(len(self.weights)), key=self._credit.__getitem__)
        self._credit[chosen] -= sum(self.weights)
        return chosen


class VariantTargets:
    """The targets of the variants of one fleet, with the variants' weights."""

    def __init__(self, variants: Iterable[tuple[str, float, Sequence[Target]]]) -> None:
        self.targets = {name: list(targets) for name, _, targets in variants if targets}
        weighted = [(name, weight) for name, weight, targets in variants if targets]
        self._names = [name for name, _ in weighted]
        weights = [weight for _, weight in weighted]
        self._turns = Turns(weights if sum(weights) > 0 else [1.0] * len(weights))

    def choose(self, variant: str | None) -> list[Target]:
        """The targets of the asked variant, or of the one whose turn it is."""
        if not self._names:
            return []
        return self.targets.get(variant or self._names[self._turns.next()], [])


class Route:
    """Where the requests of one endpoint go: fleets and their shares."""

    def __init__(self, fleets: Sequence[tuple[float, VariantTargets]], variants: Sequence[str]) -> None:
        self.variants = variants
        self._fleets = [fleet for _, fleet in fleets]
        self._turns = Turns([share for share, _ in fleets])

    def choose(self, variant: str | None, model: str | None = None) -> list[Target]:
        """The targets to try, the least busy first, and of those the ones that have the model."""
        targets = self._fleets[self._turns.next()].choose(variant) if self._fleets else []
        if not targets:
            targets = next((found for fleet in self._fleets if (found := fleet.choose(variant))), [])
        return sorted(targets, key=lambda target: (target.outstanding, not _has(target, model)))


def _has(target: Target, model: str | None) -> bool:
    return model is not None and target.models is not None and target.models.has(model)


class Router:
    """Relays the invocations of every endpoint."""

    def __init__(self, region: str, account_id: str, timeout: float = TIMEOUT) -> None:
        self._region = region
        self._account_id = account_id
        self._timeout = timeout
        self._routes: dict[str, Route] = {}
        self._lock = threading.Lock()
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def set_route(self, endpoint: str, route: Route | None) -> None:
        """From now on requests of the endpoint go there; None: it is not in service. From any thread.

        A target that is no longer in the route and has nothing outstanding will get no request any more.
        """
        with self._lock:
            if route is None:
                self._routes.pop(endpoint, None)
            else:
                self._routes[endpoint] = route

    async def invoke(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> InvokeResult:
        """InvokeEndpoint. `headers` are the client's, with lower-case names. Raises AwsError."""
        if len(body) > PAYLOAD_LIMIT:
            raise _validation(
                "1 validation error detected: Value at 'body' failed to satisfy constraint: Member must have length less than"
                f" or equal to {PAYLOAD_LIMIT}"
            )
        kept = {name: headers[name] for name in REQUEST_HEADERS if name in headers}
        variant, model, tried = headers.get(PREFIX + "target-variant"), headers.get(TARGET_MODEL), list[Target]()
        while target := self._take(endpoint, variant, model, tried):
            try:
                return await self._relay(endpoint, target, kept, body)
            except aiohttp.ClientConnectorError:
                tried.append(target)  # nothing was sent: another instance may answer
            finally:
                target.outstanding -= 1
        raise AwsError("ServiceUnavailable", f"No instance of endpoint {endpoint} can be reached at the moment.", 503)

    def _take(self, endpoint: str, variant: str | None, model: str | None, tried: Sequence[Target]) -> Target | None:
        """The target for a request, counted as busy at once, so that whoever drains it sees the request."""
        with self._lock:
            route = self._routes.get(endpoint)
            if route is None:
                raise _validation(f"Endpoint {endpoint} of account {self._account_id} not found.")
            if variant is not None and variant not in route.variants:
                raise _validation(f"Variant {variant} of endpoint {endpoint} not found.")
            target = next((target for target in route.choose(variant, model) if target not in tried), None)
            if target is None:
                return None
            if target.models is None and model is not None:
                raise _validation(f"Endpoint {endpoint} is not a multi-model endpoint and does not support target model header.")
            if target.models is not None and model is None:
                raise _validation(
                    f"The request is missing a target model header: {endpoint} is a multi-model endpoint, so give TargetModel."
                )
            target.outstanding += 1
            return target

    async def _relay(self, endpoint: str, target: Target, headers: Mapping[str, str], body: bytes) -> InvokeResult:
        container = ContainerCalls(self._open_session(), target.address)
        try:
            if target.models is None:
                answer = await container.call("POST", "/invocations", body, headers)
            else:
                answer = await target.models.invoke(container, headers[TARGET_MODEL], body, headers)
        except CannotLoad as error:
            answer = Answer(error.status, {}, error.content)
        except TimeoutError:
            answer = Answer(0, {}, TIMED_OUT.encode())
        except aiohttp.ClientConnectorError:
            target.failed += 1
            raise
        except (aiohttp.ClientError, OSError):
            answer = Answer(0, {}, MODEL_EXITED.encode())
        target.answered += 1
        status, content = answer.status, answer.content
        if 200 <= status < 300 and len(content) <= PAYLOAD_LIMIT:
            given = {name: answer.headers[name] for name in ANSWER_HEADERS if name in answer.headers}
            return InvokeResult(status=200, headers={**given, "x-amzn-invoked-production-variant": target.variant}, body=content)
        if not 200 <= status < 500:
            target.failed += 1
        if 200 <= status < 300:
            content = f"The model's response is larger than {PAYLOAD_LIMIT} bytes.".encode()
        raise self._model_error(endpoint, status, content)

    def _model_error(self, endpoint: str, status: int, content: bytes) -> AwsError:
        words = content[:1024].decode("utf-8", "replace")
        side = "client" if 400 <= status < 500 else "server"
        group = f"/aws/sagemaker/Endpoints/{endpoint}"
        return AwsError(
            "ModelError",
            f'Received {side} error ({status}) from primary with message "{words}". See log group {group} in account'
            f" {self._account_id} for more information.",
            424,
            {
                "OriginalStatusCode": status,
                "OriginalMessage": words,
                "LogStreamArn": f"arn:aws:logs:{self._region}:{self._account_id}:log-group:{group}",
            },
        )

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._loop = asyncio.get_running_loop()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def close(self) -> None:
        """Closes the connections. From another thread than the loop's."""
        if self._session is not None and self._loop is not None and self._loop.is_running():
            asyncio.run_coroutine_threadsafe(self._session.close(), self._loop).result(5.0)


def _validation(message: str) -> AwsError:
    return AwsError("ValidationError", message)
