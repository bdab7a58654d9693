"""The models that are loaded, by their names: loading where there is room, unloading, listing. It reads and writes no HTTP."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from contract.layout import DEFAULT_BASE
from serve import log
from serve.config import Config
from serve.errors import RequestError, ServeError
from serve.multi.memory import Memory
from serve.multi.model import Model

_FOLDER = "model"
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the list of models, by name. `following`: what the next one is asked for with; None at the end."""

    models: list[Model]
    following: str | None


class Models:
    """All of them: those that answer, and those that are being loaded, whose requests wait."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._memory = Memory(config.memory_limit)
        self._models: dict[str, Model] = {}

    def find(self, name: str) -> Model:
        """The model that answers to a name, now or once it is loaded. Raises RequestError 404."""
        if (model := self._models.get(name)) is None:
            raise RequestError(404, "ModelNotFound", "no model of that name is loaded")
        return model

    def described(self, name: str) -> Model:
        """A model that is loaded. Raises RequestError 404."""
        if not (model := self.find(name)).loaded:
            raise RequestError(404, "ModelNotFound", "the model of that name is still being loaded")
        return model

    def page(self, after: str, limit: int) -> Page:
        """`limit` loaded models at most, those whose names come after `after`."""
        names = sorted(name for name, model in self._models.items() if model.loaded and name > after)
        following = names[limit - 1] if len(names) > limit else None
        return Page([self._models[name] for name in names[:limit]], following)

    async def load(self, name: str, url: str) -> None:
        """Load the artefact at `url`, a folder, under a name.

        Raises RequestError: 409 where the name is taken, 404 where no folder is there, 507 where memory is short, 500 with the
        reason where the model cannot be loaded.
        """
        if name in self._models:
            raise RequestError(409, "ModelAlreadyLoaded", "a model of that name is loaded already, or being loaded")
        folder, started = self._folder(url), time.monotonic()
        try:
            model = Model(name, url, folder, self._config, self._drop)
        except ServeError as error:
            raise RequestError(500, "ModelNotLoaded", str(error)) from None
        self._models[name] = model
        try:
            await self._fit(model)
            await model.load()
            await self._keep(model, started)
        except Exception as error:
            told = error if isinstance(error, RequestError) else RequestError(500, "ModelNotLoaded", f"the files: {error}")
            log.event("model_not_loaded", "error", model=name, status=int(told.status), reason=told.message)
            await self._remove(model, told)
            raise told from None
        finally:
            self._memory.release(name)

    async def unload(self, name: str) -> None:
        """Returns once the memory is free. Raises RequestError 404."""
        await self._remove(self.find(name))
        log.event("model_unloaded", model=name)

    def look_after(self, now: float) -> None:
        for model in list(self._models.values()):
            model.look_after(now)

    @property
    def owed(self) -> int:
        return sum(model.owed for model in self._models.values())

    def give_up(self, error: RequestError) -> None:
        for model in self._models.values():
            model.give_up(error)

    def ended(self, pid: int, status: int) -> None:
        """Take what waitpid said of a child of this program."""
        for model in list(self._models.values()):
            model.ended(pid, status)

    def stop_loading(self) -> None:
        """Give up what is not loaded yet."""
        for model in self._models.values():
            if not model.loaded:
                model.end("the server is shutting down")

    def close(self) -> None:
        for model in self._models.values():
            model.end()
            model.remove_files()

    def _folder(self, url: str) -> Path:
        """Where a model lies. Only below the container's /opt/ml: who reaches the port must not name code elsewhere to be run."""
        base, path = self._config.model.parent, Path(url)
        if path.is_relative_to(DEFAULT_BASE):
            path = base / path.relative_to(DEFAULT_BASE)
        with contextlib.suppress(OSError, ValueError):  # a name that is too long, or none that a file can have
            path = path.resolve()
            if path.is_relative_to(base.resolve()) and path.name == _FOLDER and path.is_dir():
                return path
        raise RequestError(404, "UrlNotFound", f"url: no such folder; need one like {DEFAULT_BASE}/models/NAME/{_FOLDER}")

    async def _fit(self, model: Model) -> None:
        missing = await asyncio.to_thread(self._memory.reserve, model.name, model.config.model, model.own_code)
        if missing is not None:
            raise _short_of(missing)

    async def _keep(self, model: Model, started: float) -> None:
        """See that what was loaded has its room indeed."""
        taken = await asyncio.to_thread(self._memory.measure, model.config.model, model.own_code, model.pids)
        if excess := await asyncio.to_thread(self._memory.excess):
            raise _short_of(excess)
        log.event("model_loaded", model=model.name, seconds=round(time.monotonic() - started, 3), memory_mib=taken // _MIB)

    async def _remove(self, model: Model, error: RequestError | None = None) -> None:
        if error is not None:
            model.give_up(error)
        if self._models.get(model.name) is model:
            del self._models[model.name]
        model.end()
        await asyncio.to_thread(model.remove_files)

    def _drop(self, model: Model, reason: str) -> None:
        """One that cannot answer any more: the platform is told that it is not there, and loads it anew."""
        if self._models.get(model.name) is model:
            del self._models[model.name]
        model.end(reason)
        asyncio.get_running_loop().run_in_executor(None, model.remove_files)


def _short_of(missing: int) -> RequestError:
    message = f"{missing // _MIB + 1} MiB of memory are missing for this model; unload another"
    return RequestError(507, "OutOfMemory", message)
