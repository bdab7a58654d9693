"""The models that one container of a multi-model endpoint has in its memory: each loaded when it is first asked for, by one
call however many ask, and unloaded when another needs the room.

It speaks multi-model-server's container API: POST, GET and DELETE of /models, and POST /models/NAME/invoke. A model that is
loaded serves until it is unloaded, whatever becomes of its object in S3. Everything here runs in the event loop but `close`;
files are unpacked in threads (model_files.py).
"""

import asyncio
import contextlib
import itertools
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from urllib.parse import quote

import aiohttp

from ..containers.interruptible import Interrupted
from ..errors import AwsError
from ..storage.full_disk import refused_by_disk
from .container_calls import Answer, ContainerCalls
from .model_data import BadModelData
from .model_files import NAME, ModelFiles

PATIENCE = 60.0
"""Seconds that a request waits for its model; after that it is told to come again, and the model goes on loading."""
LOAD_LIMIT = 360.0
"""Seconds that a model may take from its archive in S3 into the memory of the container."""
UNPACKERS = 4
"""Archives that are unpacked at the same time for one container."""
PAGES = 100
"""Pages of the list of loaded models that are read."""
TOKEN_LIMIT = 1024
"""Characters of a page's token that are sent back."""
NO_ROOM = 507

T = TypeVar("T")
log = logging.getLogger(__name__)


class CannotLoad(Exception):
    """The container does not load a model: the status that it answered, 0 for none, and its words."""

    def __init__(self, status: int, content: bytes) -> None:
        super().__init__(f"{status}: {content[:1024].decode('utf-8', 'replace')}")
        self.status = status
        self.content = content


@dataclass(eq=False, slots=True)
class _Model:
    """A TargetModel. `has_files`: its files must stay; `uses`: requests that wait for it or are being answered by it.

    `loads`: how often it was loaded.
    """

    target: str
    name: str = ""
    is_loaded: bool = False
    has_files: bool = False
    uses: int = 0
    loads: int = 0
    load: asyncio.Task[None] | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while it is loaded or unloaded."""

    @property
    def is_loading(self) -> bool:
        return self.load is not None and not self.load.done()


class LoadedModels:
    """The models of one container. `url`: where the program in it sees the folder of `files`."""

    def __init__(
        self,
        files: ModelFiles,
        say: Callable[[str], None] = log.warning,
        *,
        keeps: bool = True,
        patience: float = PATIENCE,
        limit: float = LOAD_LIMIT,
    ) -> None:
        """`keeps`: a model stays loaded after an invocation (ModelCacheSetting). `say` gets what no request is told."""
        self.url = ""
        self._files = files
        self._say = say
        self._keeps = keeps
        self._patience = patience
        self._limit = limit
        self._models: dict[str, _Model] = {}  # by TargetModel, the least recently used first
        self._found: list[_Model] = []  # what a container that was adopted had loaded; which TargetModels is not known
        self._is_adopted = False
        self._adopting = asyncio.Lock()
        self._memory = asyncio.Lock()  # who holds it unloads others until there is room for its own
        self._disk = asyncio.Lock()  # the same of files; it is taken last
        self._calls = 0  # loads and unloads that the container is answering
        self._changed = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        self._pool = ThreadPoolExecutor(UNPACKERS, thread_name_prefix="models")
        self._is_closed = False

    def adopt(self) -> None:
        """The container was started by another server: what it has loaded and unpacked is looked up before the next load."""
        self._is_adopted = True

    def close(self) -> None:
        """The container stops: nothing writes to its folder any more when this returns. From any thread."""
        self._is_closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def has(self, target: str) -> bool:
        """Whether a TargetModel is loaded, or on its way."""
        model = self._models.get(target)
        return model is not None and (model.is_loaded or model.is_loading)

    async def invoke(self, container: ContainerCalls, target: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The container's answer to a request for a TargetModel, which is loaded before where it is not.

        Raises AwsError (ValidationError, ModelNotReadyException), CannotLoad, and what ContainerCalls.call raises.
        """
        model = self._models.pop(target, None) or _Model(target)
        self._models[target] = model
        model.uses += 1
        try:
            await self._ready(container, model)
            loads = model.loads
            answer = await container.call("POST", f"/models/{model.name}/invoke", body, headers)
            if answer.status == 404 and await self._is_lost(container, model, loads):
                await self._ready(container, model)
                answer = await container.call("POST", f"/models/{model.name}/invoke", body, headers)
            return answer
        finally:
            model.uses -= 1
            self._changed.set()
            self._forget(model)
            if not self._keeps and not model.uses and model.is_loaded:
                unloading = asyncio.create_task(self._unload(container, model))
                self._background.add(unloading)
                unloading.add_done_callback(self._background.discard)

    async def _is_lost(self, container: ContainerCalls, model: _Model, loads: int) -> bool:
        """Whether the container has dropped a model, so that 404 is no answer of the model's own."""

        def is_same() -> bool:
            return model.is_loaded and model.loads == loads

        if is_same() and (await container.call("GET", f"/models/{model.name}")).status == 404 and is_same():
            model.is_loaded = model.has_files = False  # another request that noticed may load it already
            self._changed.set()
        return not is_same()

    async def _ready(self, container: ContainerCalls, model: _Model) -> None:
        """Returns when a model is loaded."""
        if model.is_loaded:
            return
        if model.load is None or model.load.done():
            model.load = asyncio.create_task(self._load(container, model))
            model.load.add_done_callback(lambda load: self._after_load(model, load))
        load = model.load
        if not (await asyncio.wait([load], timeout=self._patience))[0]:
            raise AwsError(
                "ModelNotReadyException",
                f"Model {self._files.uri(model.target)} is not ready for inference yet: it goes on loading, up to"
                f" {self._limit:g} seconds in all. Send the request again.",
                429,
            )
        load.result()

    def _after_load(self, model: _Model, load: asyncio.Task[None]) -> None:
        self._changed.set()
        error = None if load.cancelled() else load.exception()
        if error is not None and not model.uses and not self._is_closed:
            with contextlib.suppress(RuntimeError):  # it is being closed
                self._pool.submit(self._say, f"Model {self._files.uri(model.target)} is not loaded: {error}")
        self._forget(model)

    def _forget(self, model: _Model) -> None:
        """Drops what is known of a model that is neither used nor loaded."""
        idle = not (model.uses or model.is_loaded or model.is_loading or model.lock.locked())
        if idle and self._models.get(model.target) is model:
            del self._models[model.target]

    # Loading

    async def _load(self, container: ContainerCalls, model: _Model) -> None:
        until = time.monotonic() + self._limit
        try:
            async with asyncio.timeout(self._limit), model.lock:
                if self._is_adopted:
                    await self._adopt(container)
                await self._take_in(container, model, until)
                self._found = [found for found in self._found if found.name != model.name]
                model.is_loaded = True
                model.loads += 1
        except (TimeoutError, Interrupted):
            words = f"Model {self._files.uri(model.target)} was not loaded within {self._limit:g} seconds."
            raise CannotLoad(0, words.encode()) from None
        except BadModelData as error:
            raise AwsError("ValidationError", str(error)) from error
        finally:
            model.has_files = model.is_loaded

    async def _take_in(self, container: ContainerCalls, model: _Model, until: float) -> None:
        """Has the container load a model; where it has no room, the others are unloaded, the least recently used first."""
        try:
            await self._fetch(model, until)
        except BadModelData as error:
            if not refused_by_disk(error):  # that is mended as it is laid out
                raise
        await self._lay_out(container, model, until)
        # The container's own lines know no other name, and those of its load come next.
        await self._in_thread(lambda: self._say(f"Model {self._files.uri(model.target)} is {model.name} in the container."))
        answer = await self._post(container, model)
        if answer.status == NO_ROOM:
            model.has_files = False  # while it waits others may need the disk
            async with self._memory:
                while answer.status == NO_ROOM and await self._unload_one(container):
                    await self._lay_out(container, model, until)
                    answer = await self._post(container, model)
        if not 200 <= answer.status < 300 and answer.status != 409:  # 409: it is loaded
            raise CannotLoad(answer.status, answer.content)

    async def _lay_out(self, container: ContainerCalls, model: _Model, until: float) -> None:
        """Has the files of a model there and in use; deletes those of others while the disk is full, or all are too many."""
        async with self._disk:
            while not model.has_files:
                try:
                    model.name = await self._fetch(model, until)
                    model.has_files = True
                except BadModelData as error:
                    if not refused_by_disk(error):
                        raise
                    if not await self._shrink(container, self._files.size() - 1):
                        raise CannotLoad(NO_ROOM, str(error).encode()) from error
            if not await self._shrink(container, self._files.limit):
                words = (
                    f"With {self._files.uri(model.target)} the models in use take more than {self._files.limit:,} bytes of disk."
                )
                raise CannotLoad(NO_ROOM, words.encode())

    async def _fetch(self, model: _Model, until: float) -> str:
        """Unpacks a model where that is to be done; in a thread, so that several are unpacked at a time."""
        return await self._in_thread(lambda: self._files.fetch(model.target, lambda: self._is_closed or time.monotonic() > until))

    async def _shrink(self, container: ContainerCalls, limit: int) -> bool:
        """Deletes files until all keep to `limit` bytes, those of unloaded models first; False where that cannot be."""
        more = True
        while await self._in_thread(partial(self._files.shrink, self._names(), limit)) > max(limit, 0):
            if not more:
                return False
            more = await self._unload_one(container)
        return limit >= 0

    async def _post(self, container: ContainerCalls, model: _Model) -> Answer:
        asked = json.dumps({"model_name": model.name, "url": f"{self.url}/{model.name}/model"}).encode()
        with self._calling():
            return await container.call("POST", "/models", asked, {"Content-Type": "application/json"}, self._limit)

    # Unloading

    async def _unload_one(self, container: ContainerCalls) -> bool:
        """Unloads the least recently used model, once there is one that answers no request; False where none is to come."""
        while not (idle := [model for model in self._all() if model.is_loaded and not model.uses]):
            if not self._calls and not any(model.is_loaded for model in self._all()):
                return False
            self._changed.clear()
            await self._changed.wait()
        await self._unload(container, idle[0])
        return True

    async def _unload(self, container: ContainerCalls, model: _Model) -> None:
        async with model.lock:
            if not model.uses and model.is_loaded:
                model.is_loaded = False
                with self._calling(), contextlib.suppress(aiohttp.ClientError, OSError):
                    await container.call("DELETE", f"/models/{model.name}")  # where it stays it says 507 again
                model.has_files = False
        self._found = [found for found in self._found if found.has_files]
        self._forget(model)

    @contextlib.contextmanager
    def _calling(self) -> Iterator[None]:
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            self._changed.set()

    def _all(self) -> Iterator[_Model]:
        """Every model, the least recently used first."""
        return itertools.chain(self._found, self._models.values())

    def _names(self) -> set[str]:
        """The names of the models whose files are in use."""
        return {model.name for model in self._all() if model.has_files}

    # A container that another server started

    async def _adopt(self, container: ContainerCalls) -> None:
        """Looks up what the container has loaded and what of it lies unpacked. What it does not tell is loaded anew."""
        async with self._adopting:
            if self._is_adopted:
                await self._in_thread(self._files.find)
                with contextlib.suppress(aiohttp.ClientError, OSError, ValueError):
                    self._found = [_Model("", name, is_loaded=True, has_files=True) for name in await _list(container)]
                self._is_adopted = False

    async def _in_thread(self, call: Callable[[], T]) -> T:
        """Calls it in one of the threads of this container. Raises aiohttp.ClientConnectionError where that stops."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        except (Interrupted, RuntimeError, asyncio.CancelledError):
            if not self._is_closed:
                raise
            raise aiohttp.ClientConnectionError("the container is being stopped") from None


async def _list(container: ContainerCalls) -> list[str]:
    """The names of the loaded models, where they are such as this server gives. Raises ValueError for what is no list."""
    names: list[str] = []
    path = "/models?limit=100"
    for _ in range(PAGES):
        answer = await container.call("GET", path)
        page = json.loads(answer.content) if answer.status == 200 else {}
        if not isinstance(page, dict) or not isinstance(models := page.get("models", []), list):
            raise ValueError("no list of models")
        given = [model.get("modelName") for model in models if isinstance(model, dict)]
        names += [name for name in given if isinstance(name, str) and NAME.fullmatch(name)]
        if not isinstance(token := page.get("nextPageToken"), str) or not token:
            break
        path = f"/models?limit=100&next_page_token={quote(token[:TOKEN_LIMIT], safe='')}"
    return names
