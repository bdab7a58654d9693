"""Loading and unloading in a real container's memory, with short limits: who waits how long, and what goes when room is short.

Of local_sagemaker.endpoints.loaded_models, local_sagemaker.endpoints.model_files and local_sagemaker.endpoints.container_calls.
"""

import asyncio
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from local_sagemaker.containers.backend import base_of
from local_sagemaker.endpoints.container_calls import ContainerCalls
from local_sagemaker.endpoints.health_check import is_healthy
from local_sagemaker.endpoints.loaded_models import PAGES, CannotLoad, LoadedModels
from local_sagemaker.endpoints.model_files import ModelFiles
from local_sagemaker.errors import AwsError
from local_sagemaker.storage.objects import Objects
from tests.support.local_server import SUPPORT, model_archive, wait_until

Ask = Callable[..., Awaitable[str]]


class NotHere(Exception):
    """The container answered 404."""


class Place:
    """A folder of a container, objects, and the container, which is a process."""

    def __init__(self, root: Path) -> None:
        self.objects = Objects(root / "state")
        self.objects.create_bucket("bucket")
        self.folder = root / "container"
        self.base = base_of(self.folder)
        (self.base / "models").make()
        self.said: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None

    def put(self, name: str, text: str = "", padding: int = 0) -> None:
        self.objects.put("bucket", f"many/{name}", model_archive(text or f"weights of {name}", padding))

    def start(self, **environment: str) -> None:
        self.stop()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        own = {"SAGEMAKER_BASE_DIR": str(self.base.path), "SAGEMAKER_BIND_TO_PORT": str(port)}
        command = [sys.executable, str(SUPPORT / "multi_model_container.py"), "serve"]
        self.process = subprocess.Popen(
            command, env={"PATH": os.environ["PATH"], **environment, **own}, stdout=subprocess.DEVNULL
        )
        self.address = f"127.0.0.1:{port}"
        wait_until(lambda: is_healthy(self.address, 2.0))

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def models(self, disk: int = 1 << 30, **options: Any) -> LoadedModels:
        files = ModelFiles(self.objects, "bucket", "many/", self.base / "models", disk)
        models = LoadedModels(files, self.said.append, **options)
        models.url = str(self.base.path / "models")
        return models

    @contextlib.asynccontextmanager
    async def asking(self, models: LoadedModels) -> AsyncIterator[Ask]:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:

            async def ask(target: str, body: str = "who") -> str:
                answer = await models.invoke(ContainerCalls(session, self.address), target, body.encode(), {})
                if answer.status == 404:
                    raise NotHere
                assert answer.status == 200, answer
                return answer.content.decode()

            yield ask
            await asyncio.to_thread(models.close)

    def unpacked(self) -> list[str]:
        return sorted(path.name for path in (self.base.path / "models").iterdir())


@pytest.fixture()
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.stop()


async def calls(ask: Ask, target: str) -> list[str]:
    return [call.split()[0] for call in json.loads(await ask(target, "seen"))["calls"]]


def test_a_model_that_loads_for_long_is_not_ready_and_goes_on_loading(place: Place) -> None:
    place.start()
    place.put("slow", "slow 1.5")

    async def run() -> None:
        async with place.asking(place.models(patience=0.5)) as ask:
            for _ in range(2):
                began = time.monotonic()
                with pytest.raises(AwsError, match="s3://bucket/many/slow is not ready") as raised:
                    await ask("slow")
                assert (raised.value.code, raised.value.status) == ("ModelNotReadyException", 429)
                assert 0.4 < time.monotonic() - began < 1.0
            await asyncio.sleep(0.8)
            assert await ask("slow") == "slow 1.5"
            assert (await calls(ask, "slow")).count("LOAD") == 1

    asyncio.run(run())


def test_a_load_that_takes_longer_than_its_limit_has_failed_and_is_begun_anew(place: Place) -> None:
    place.start()
    place.put("slow", "slow 2")

    async def run() -> None:
        async with place.asking(place.models(patience=0.2, limit=0.8)) as ask:
            with pytest.raises(AwsError, match="not ready"):
                await ask("slow")
            with pytest.raises(AwsError, match="not ready"):
                await ask("slow")
            await asyncio.sleep(1.0)
            (name,) = place.unpacked()
            assert place.said == [
                f"Model s3://bucket/many/slow is {name} in the container.",
                "Model s3://bucket/many/slow is not loaded: 0: Model s3://bucket/many/slow was not loaded within 0.8 seconds.",
            ]
            waiting = place.models(patience=5, limit=0.8)
            async with place.asking(waiting) as ask_again:
                with pytest.raises(CannotLoad, match="was not loaded within"):
                    await ask_again("slow")
                await asyncio.sleep(1.5)  # the container has gone on, and has it now
                assert await ask_again("slow") == "slow 2"

    asyncio.run(run())


def test_a_busy_model_is_waited_for_before_it_is_unloaded(place: Place) -> None:
    place.start(CAPACITY="1")
    place.put("a"), place.put("b")

    async def run() -> None:
        async with place.asking(place.models()) as ask:
            busy = asyncio.create_task(ask("a", "sleep 1"))
            await asyncio.sleep(0.4)
            began = time.monotonic()
            assert await ask("b") == "weights of b"
            assert time.monotonic() - began > 0.4
            assert await busy == "slept"
            both = await asyncio.gather(*[ask(name) for name in "abababab"])
            assert both == [f"weights of {name}" for name in "abababab"]

    asyncio.run(run())


@pytest.mark.parametrize("keeps", [True, False])
def test_many_requests_in_little_memory_are_all_answered_by_their_models(place: Place, keeps: bool) -> None:
    """Models are loaded, unloaded, dropped by the container and deleted from the disk all the while."""
    place.start(CAPACITY="2", LOAD_SECONDS="0.01")
    names = "abcdef"
    for name in names:
        place.put(name, padding=10_000)
    chance = random.Random(7)

    async def run() -> None:
        async with place.asking(place.models(30_000, keeps=keeps)) as ask:

            async def again(ask: Ask, name: str, body: str) -> str:
                """Asks once more where others have had the model dropped twice meanwhile."""
                while True:
                    with contextlib.suppress(NotHere):
                        return await ask(name, body)

            async def client() -> None:
                for _ in range(12):
                    name = chance.choice(names)
                    if chance.random() < 0.1:
                        assert await again(ask, name, "drop") == "dropped"
                    else:
                        assert await again(ask, name, "who") == f"weights of {name}"

            await asyncio.gather(*[client() for _ in range(8)])

    asyncio.run(run())


@pytest.mark.parametrize(("too_few", "left"), [(0, 2), (1, 1)])
def test_the_files_of_unloaded_models_are_deleted_over_the_limit(place: Place, too_few: int, left: int) -> None:
    place.start(CAPACITY="1")
    for name in "abc":
        place.put(name, padding=100_000)
    size = 100_000 + len("weights of a")

    async def run() -> None:
        async with place.asking(place.models(2 * size - too_few)) as ask:
            for name in "abc":
                assert await ask(name) == f"weights of {name}"
            assert len(place.unpacked()) == left

    asyncio.run(run())


def test_loaded_models_are_unloaded_when_their_files_are_too_many(place: Place) -> None:
    place.start()
    for name in "abc":
        place.put(name, padding=100_000)
    size = 100_000 + len("weights of a")

    async def run() -> None:
        async with place.asking(place.models(2 * size)) as ask:
            await ask("a"), await ask("b")
            assert len(place.unpacked()) == 2
            await ask("c")
            assert await calls(ask, "c") == ["LOAD", "INVOKE", "LOAD", "INVOKE", "DELETE", "LOAD", "INVOKE", "INVOKE"]
            assert len(place.unpacked()) == 2

    asyncio.run(run())


def test_a_full_disk_is_emptied_of_other_models(place: Place) -> None:
    models = place.base.path / "models"
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(models)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this test needs a small disk, and mounting one takes rights that it does not have")
    place.start()
    for name, padding in (("a", 1_200_000), ("b", 1_200_000), ("c", 1_200_000), ("large", 4 << 20)):
        place.put(name, padding=padding)

    async def run() -> None:
        async with place.asking(place.models()) as ask:
            for name in "abc":
                assert await ask(name) == f"weights of {name}"
            assert len(place.unpacked()) == 2
            with pytest.raises(CannotLoad, match=r"507: .*s3://bucket/many/large.*No space left on device"):
                await ask("large")
            assert place.unpacked() == []
            assert await ask("a") == "weights of a"

    try:
        asyncio.run(run())
    finally:
        subprocess.run(["umount", "--lazy", str(models)], check=True)


def test_one_archive_that_is_larger_than_the_limit_is_refused(place: Place) -> None:
    place.start()
    place.put("a", padding=100_000)
    size = 100_000 + len("weights of a")

    async def run(limit: int) -> str:
        async with place.asking(place.models(limit)) as ask:
            return await ask("a")

    assert asyncio.run(run(size)) == "weights of a"
    with pytest.raises(AwsError, match=r"s3://bucket/many/a: .* holds more than") as raised:
        asyncio.run(run(size - 1))
    assert raised.value.code == "ValidationError"


def test_nothing_is_written_once_the_container_has_stopped(place: Place) -> None:
    place.start()
    place.put("large", padding=1 << 30)

    async def run() -> None:
        models = place.models(4 << 30)
        async with place.asking(models) as ask:
            asked = asyncio.create_task(ask("large"))
            await asyncio.sleep(0.3)
            began = time.monotonic()
            await asyncio.to_thread(models.close)
            print(f"closed after {time.monotonic() - began:.2f} s, in the middle of an archive")
            assert time.monotonic() - began < 2
            assert place.unpacked() == []
            for request in (asked, ask("large")):
                with pytest.raises(aiohttp.ClientConnectionError, match="being stopped"):
                    await request
            assert place.unpacked() == []

    asyncio.run(run())


def test_a_list_of_loaded_models_without_end_is_given_up(place: Place) -> None:
    place.start(LIST='{"models": [], "nextPageToken": "a b/../&c"}')
    place.put("a")

    async def run() -> None:
        models = place.models()
        models.adopt()
        async with place.asking(models) as ask:
            assert await ask("a") == "weights of a"
            seen = json.loads(await ask("a", "seen"))["calls"]
            assert [call.split()[0] for call in seen] == ["GET"] * PAGES + ["LOAD", "INVOKE", "INVOKE"]
            assert seen[1] == "GET /models?limit=100&next_page_token=a%20b/../%26c", "it stays one token"

    asyncio.run(run())


@pytest.mark.parametrize("page", ["[]", '{"models": 3}', "no json", '{"models": [{"modelName": "../../../ping"}, 4]}'])
def test_an_adopted_container_that_tells_nonsense_is_asked_for_nothing_else(place: Place, page: str) -> None:
    place.start(LIST=page)
    place.put("a")

    async def run() -> None:
        models = place.models()
        models.adopt()
        async with place.asking(models) as ask:
            assert await ask("a") == "weights of a"
            assert await calls(ask, "a") == ["GET", "LOAD", "INVOKE", "INVOKE"]

    asyncio.run(run())
