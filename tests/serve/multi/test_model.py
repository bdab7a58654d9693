"""One model of many, from its loading to its end, without a port."""

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from serve.config import Config
from serve.errors import RequestError, ServeError
from serve.http.exchange import Exchange
from serve.invocation import Invocation
from serve.multi.model import Model
from tests.support import artefact, own_model


class Client:
    """A connection that remembers the status of each answer."""

    def __init__(self) -> None:
        self.statuses: list[int] = []

    def send(self, exchange: Exchange, status: int, content_type: str | None, body: bytes, headers: str) -> None:
        self.statuses.append(int(status))


def model(folder: Path) -> Model:
    return Model("m", "url", folder, Config(model=folder), lambda model, reason: None)


def asked(found: Model, body: bytes) -> Client:
    """The client of a request to the model."""
    client = Client()
    exchange = Exchange(client, body=bytearray(body))
    found.invocation(Invocation(exchange, found.fields({"content-type": "image/jpeg"})))
    return client


def test_a_request_that_comes_while_it_is_loaded_waits_and_its_end_answers_the_rest(dogs: list[bytes]) -> None:
    async def whole() -> None:
        found = model(artefact.small() / "model")
        early = asked(found, dogs[0])
        assert not found.loaded and found.owed == 1
        await found.load()
        while not early.statuses:
            await asyncio.sleep(0.01)
        pids, late = found.pids, asked(found, dogs[0])
        found.end()
        assert early.statuses == [200] and late.statuses == [503] and len(pids) == 1
        assert not any(psutil.pid_exists(pid) for pid in pids)

    asyncio.run(whole())


def test_an_end_while_it_is_loaded_ends_the_loading() -> None:
    async def whole() -> None:
        found = model(artefact.small() / "model")
        loading = asyncio.create_task(found.load())
        await asyncio.sleep(0.2)
        found.end()
        with pytest.raises(RequestError, match="unloaded while"):
            await loading
        assert not found.loaded

    asyncio.run(whole())


def test_what_a_person_s_model_needs_goes_to_a_folder_that_is_removed(tmp_path: Path) -> None:
    async def whole() -> None:
        own_model.write(tmp_path, {"code/inference.py": own_model.ECHO})
        found = model(tmp_path / "model")
        folder = found.config.own_folder
        assert found.own_code and folder is not None and os.path.isdir(folder)
        found.end()
        found.remove_files()
        assert not os.path.exists(folder)
        (tmp_path / "empty" / "model").mkdir(parents=True)
        with pytest.raises(ServeError, match="nothing in the model says"):
            model(tmp_path / "empty" / "model")

    asyncio.run(whole())
