"""The requests of a transform job to one container: how many at a time, how often each, and what counts as an answer."""

import asyncio
from collections.abc import AsyncIterable, Callable, Mapping
from typing import Any

import aiohttp

from ..endpoints.container_calls import Answer, ContainerCalls
from . import settings
from .payloads import BadInput
from .settings import MEGABYTE, Settings, parse_parameters

ANSWER_BYTES = 100 * MEGABYTE
"""Of one answer, at most."""
PARAMETERS_SECONDS = 60.0
PAUSE = 0.5
"""Seconds before the first repetition; before each further one twice as many."""
SHOWN = 1024
"""Bytes of an answer that the log shows."""
NO_ANSWER = "Unable to get response from algorithm"

Body = bytes | Callable[[], AsyncIterable[bytes]]
"""A body, or what makes the pieces of one that is sent in chunks, anew for each try."""


class RequestFailed(Exception):
    """A request was not answered as it should: the first line of what the job's log says. `words`: what the container said.

    `side`: who is to blame as SageMaker sees it, AlgorithmError or ClientError.
    """

    def __init__(self, sentence: str, side: str = "AlgorithmError", words: str = "") -> None:
        super().__init__(sentence)
        self.side = side
        self.words = words


class ContainerRequests:
    """The way to the container at `address`. `slots` are as many as it may get requests at the same time."""

    def __init__(self, session: aiohttp.ClientSession, address: str, request: Mapping[str, Any], chosen: Settings) -> None:
        self._calls = ContainerCalls(session, address, ANSWER_BYTES)
        client = request.get("ModelClientConfig", {})
        self._seconds = float(client.get("InvocationsTimeoutInSeconds", settings.TIMEOUT))
        self._retries = client.get("InvocationsMaxRetries", settings.RETRIES)
        wanted = {
            "Content-Type": request["TransformInput"].get("ContentType"),
            "Accept": request["TransformOutput"].get("Accept"),
        }
        self._headers = {name: value for name, value in wanted.items() if value}
        self.slots = asyncio.Semaphore(chosen.concurrent)

    async def ask(self, body: Body) -> bytes:
        """The answer to a body. What the container refuses (4xx, but 429) is not sent again.

        Raises RequestFailed, and BadInput where the pieces of the body do.
        """
        pause = PAUSE
        for tries_left in range(self._retries, -1, -1):
            try:
                return self._checked(await self._send(body))
            except RequestFailed as failed:
                if not tries_left or failed.side == "ClientError":
                    raise
            await asyncio.sleep(pause)
            pause *= 2
        raise AssertionError("the last try returns or raises")

    async def _send(self, body: Body) -> Answer:
        sent = body if isinstance(body, bytes) else body()
        try:
            return await self._calls.call("POST", "/invocations", sent, self._headers, self._seconds)
        except TimeoutError:
            raise RequestFailed(NO_ANSWER, words=f"There was no answer within {self._seconds:.0f} seconds.") from None
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__, BadInput):  # raised by the pieces of the body
                raise error.__cause__ from None
            raise RequestFailed(NO_ANSWER, words=str(error)) from error

    def _checked(self, answer: Answer) -> bytes:
        if not 200 <= answer.status < 300:
            refused = 400 <= answer.status < 500 and answer.status != 429
            raise RequestFailed(
                f"Bad HTTP status received from algorithm: {answer.status}",
                "ClientError" if refused else "AlgorithmError",
                answer.content[:SHOWN].decode("utf-8", "replace"),
            )
        if len(answer.content) > ANSWER_BYTES:
            raise RequestFailed(f"The answer of the algorithm is larger than {ANSWER_BYTES} bytes")
        return answer.content


async def ask_parameters(session: aiohttp.ClientSession, address: str) -> tuple[dict[str, Any], str]:
    """What a container says to /execution-parameters, and a sentence where it says something that is of no use.

    404 says that it has none, which is all right.
    """
    try:
        answer = await ContainerCalls(session, address).call("GET", "/execution-parameters", seconds=PARAMETERS_SECONDS)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        return {}, f"/execution-parameters was not answered ({error or 'too late'}), so it is not taken into account."
    if answer.status == 404:
        return {}, ""
    if answer.status != 200:
        return {}, f"/execution-parameters was answered {answer.status}, so it is not taken into account."
    try:
        return parse_parameters(answer.content), ""
    except ValueError as error:
        return {}, f"The answer to /execution-parameters is not taken into account: {error}."
