"""One model of many: its worker processes, the requests that wait for them, and its end. It knows no other model."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from contract.errors import ContractError
from contract.layout import Layout
from serve import artefact, handler_choice, headers, log
from serve.config import Config, child_environ
from serve.errors import RequestError, ServeError
from serve.invocation import Invocation
from serve.workers.deaths import OUT_OF_MEMORY, WorkerDeaths
from serve.workers.dispatcher import Dispatcher
from serve.workers.pool import Workers

_UNLOADED = RequestError(503, "ModelUnloaded", "the model was unloaded before it answered", retry_after=1)


class Model:
    """A model from the moment it is loaded until its processes are gone.

    `failed` is called with the model and one line where it was loaded and cannot answer any more.
    """

    def __init__(self, name: str, url: str, folder: Path, config: Config, failed: Callable[["Model", str], None]) -> None:
        """`folder`: where the artefact at `url` lies. Raises ServeError where nothing in it says how it answers."""
        self.name = name
        self.url = url
        self.loaded = False
        choice = handler_choice.choose(Layout(folder.parent), child_environ())
        handler_choice.check(choice, folder)
        self._private = Path(tempfile.mkdtemp(prefix="model-")) if choice.own_code else None
        self.config = replace(config, model=folder, handler=choice, own_folder=self._private)
        self._failed = failed
        self._reason: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._dispatcher = Dispatcher(
            batch=config.batch,
            in_flight_limit=config.in_flight_limit,
            queue_limit=config.queue_limit,
            died=WorkerDeaths().error,
        )
        # One try: the platform is told at once, and makes room or asks again.
        self._workers = Workers(self.config, self._dispatcher, self._fatal, first_tries=1)
        self._fields = headers.as_they_came if choice.own_code else headers.of_a_picture
        known = choice.own_code or config.default_accept in headers.OUTPUTS
        self._default_accept = config.default_accept if known else headers.OUTPUTS[0]

    @property
    def own_code(self) -> bool:
        """Whether a person's own code answers."""
        return self.config.handler.own_code

    @property
    def pids(self) -> list[int]:
        return self._workers.pids

    @property
    def owed(self) -> int:
        """Requests that wait for an answer of this model."""
        return self._dispatcher.owed

    async def load(self) -> None:
        """Start the workers and wait until all of them have the model. Raises RequestError with the reason where one has not."""
        deaths = WorkerDeaths()
        try:
            if not self.own_code:
                await asyncio.to_thread(artefact.verified, self.config.model)
            if not self._reason.done():
                self._workers.start()
            async with asyncio.timeout(self.config.startup_timeout):
                while self._workers.ready < self.config.workers and not self._reason.done():
                    await asyncio.wait([self._reason], timeout=0.01)
        except TimeoutError:
            self._fatal(f"not loaded after {self.config.startup_timeout:g} s; set SAGEMAKER_STARTUP_TIMEOUT higher")
        except (ServeError, ContractError) as error:
            self._fatal(str(error))
        if self._reason.done():
            reason, killed = self._reason.result(), deaths.error() is OUT_OF_MEMORY
            raise RequestError(507, OUT_OF_MEMORY.code, reason) if killed else RequestError(500, "ModelNotLoaded", reason)
        self.loaded = True

    def invocation(self, invocation: Invocation) -> None:
        """Answer a request, now or later. Raises RequestError 503 where too many wait."""
        invocation.deadline = asyncio.get_running_loop().time() + self.config.request_timeout
        self._dispatcher.submit(invocation)

    def fields(self, given: dict[str, str]) -> dict[str, str]:
        """What the model's handler gets of a request's headers. Raises RequestError for a head that no answer fits."""
        return self._fields(given, self._default_accept)

    def cancel(self, invocation: Invocation) -> None:
        self._dispatcher.cancel(invocation)

    def look_after(self, now: float) -> None:
        """See to its requests' deadlines, and to workers that hang."""
        self._dispatcher.expire(now)
        self._workers.sweep()

    def ended(self, pid: int, status: int) -> None:
        """Take what waitpid said of a child of this program."""
        self._workers.ended(pid, status)

    def give_up(self, error: RequestError = _UNLOADED) -> None:
        """Answer everything still owed with `error`."""
        self._dispatcher.give_up(error)

    def end(self, reason: str = "the model was unloaded while it was loaded") -> None:
        """Kill its processes and wait until they are gone, and their memory with them; what is owed is answered before."""
        self.give_up()
        if not self._reason.done():
            self._reason.set_result(reason)
        self._workers.close()

    def remove_files(self) -> None:
        """Remove what was fetched and installed for it."""
        if self._private is not None:
            shutil.rmtree(self._private, ignore_errors=True)

    def _fatal(self, reason: str) -> None:
        if self._reason.done():
            return
        self._reason.set_result(reason)
        if self.loaded:
            log.event("model_failed", "error", model=self.name, reason=reason)
            self._failed(self, reason)
