"""The serve images in real containers, as root and hardened: ports, real, odd and broken pictures, an honest /ping, the drain."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.load import Load, Result
from tests.support import artefact, containers
from tests.support.containers import WAYS, ServeContainer

CLIENTS = 12


@pytest.fixture(scope="module", params=WAYS)
def server(request: pytest.FixtureRequest, built_images: dict[str, str]) -> Iterator[ServeContainer]:
    """One container of serve-cpu, on the port that SAGEMAKER_BIND_TO_PORT names, for the tests that do not hurt it."""
    more = {"SAGEMAKER_MODEL_SERVER_WORKERS": 2, "SAGEMAKER_MAX_PAYLOAD_IN_MB": 64}
    with ServeContainer(built_images["serve-cpu"], artefact.small(), way=request.param, **more) as running:
        yield running


@pytest.fixture(scope="module")
def dogs(shared_data: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((shared_data / "dogs" / "test").rglob("*.jpg"))[:24]]


def test_real_pictures_are_answered(server: ServeContainer, dogs: list[bytes]) -> None:
    for dog in dogs[:8]:
        answer = server.invoke(dog)
        assert answer.status == 200 and len(answer.json()["predictions"]) == 5
    assert [event["port"] for event in server.events("serving")] == [8347]


def test_odd_pictures_are_answered_and_broken_ones_refused(server: ServeContainer, shared_data: Path) -> None:
    table = json.loads((shared_data / "odd" / "manifest.json").read_text())["files"]
    wrong, statuses = [], []
    for name, facts in table.items():
        status = server.invoke((shared_data / "odd" / name).read_bytes(), "application/x-image").status
        statuses.append(status)
        if facts["kind"] == "valid" and facts["pillow"].get("format") in ("JPEG", "PNG", "WEBP"):
            right = status == 200
        else:
            right = 400 <= status < 500 or (status == 200 and facts["pillow"].get("decodes"))
        wrong += [] if right else [(name, facts["what"], status)]
    print(f"{len(table)} odd pictures: { ({status: statuses.count(status) for status in set(statuses)}) }")
    assert not wrong, wrong
    assert not server.events("worker_gone")


def test_ping_tells_of_the_workers(server: ServeContainer, dogs: list[bytes]) -> None:
    """The last one of this container: its workers are killed."""
    assert server.ping().status == 200
    server.kill_workers()
    seen, limit = [], time.monotonic() + 30
    while seen[-1:] != [200] or 503 not in seen:
        seen.append(server.ping().status)
        assert time.monotonic() < limit, f"/ping said {set(seen)} with every worker killed"
    assert server.invoke(dogs[0]).status == 200
    assert len(server.events("worker_gone")) == 2


@pytest.mark.parametrize("way", WAYS)
def test_a_stop_loses_no_answer(way: str, built_images: dict[str, str], dogs: list[bytes]) -> None:
    """On the default port, 8080, as on an endpoint of which nothing else was said."""
    with ServeContainer(built_images["serve-cpu"], artefact.small(), way=way, inner=8080) as server:
        result, seconds = asyncio.run(_stop_under_load(server, dogs))
        status, errors = server.wait_end(5)
        print(f"{way}: docker stop took {seconds:.1f} of 30 s; {len(result.samples)} requests: {result.statuses}")
        assert (status, errors) == (0, "") and containers.exit_code(server.name) == 0
        assert seconds < 25
        assert result.count(200) > CLIENTS
        if way == "root":  # hardened, each connection passes through a program of the test's, which dies with the container
            assert result.count(0) == 0, "a request was accepted and not answered"
            assert result.count(200) + result.count(-1) == len(result.samples)


async def _stop_under_load(server: ServeContainer, dogs: list[bytes]) -> tuple[Result, float]:
    host, port = server.address()
    load = Load(bodies=dogs, clients=CLIENTS, host=host, port=port, pause=0.01)
    running = asyncio.create_task(load.run(60))
    await asyncio.sleep(3)
    stopping = asyncio.create_task(asyncio.to_thread(containers.stop, server.name, 30))
    await asyncio.sleep(1)  # the port is closed by now
    load.stop.set()
    return await running, await stopping


@pytest.mark.parametrize("way", WAYS)
def test_without_a_model_it_ends_with_one_line(way: str, built_images: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with ServeContainer(built_images["serve-cpu"], tmp_path, way=way, ready=False) as server:
        status, errors = server.wait_end(60)
    assert status == 1
    assert errors.startswith("serve: nothing in the model says how it answers: looked for model.json, code/inference.py")
    assert "found nothing;" in errors and errors.count("\n") == 1


def test_a_model_that_it_may_not_read_is_named(built_images: dict[str, str], tmp_path: Path) -> None:
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    (base / "model" / "model.safetensors").chmod(0o600)
    with ServeContainer(built_images["serve-cpu"], base, way="hardened", ready=False) as server:
        status, errors = server.wait_end(60)
    assert status == 1
    assert errors == "serve: model.safetensors: cannot be read (Permission denied); make it readable for everybody\n"


@pytest.mark.parametrize("way", WAYS)
def test_both_engines_answer_alike(way: str, built_images: dict[str, str], dogs: list[bytes]) -> None:
    """serve-torch without a GPU runs torch on the CPU."""
    answers = {}
    for image in ("serve-cpu", "serve-torch"):
        with ServeContainer(built_images[image], artefact.small(), way=way, SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
            answers[image] = [server.invoke(dog, X_Amzn_SageMaker_Custom_Attributes="top_k=5").json() for dog in dogs[:4]]
    for one, other in zip(*answers.values(), strict=True):
        pairs = [{best["class"]: best["probability"] for best in answer["predictions"]} for answer in (one, other)]
        assert pairs[0] == pytest.approx(pairs[1], abs=1e-4)
