"""What every test may use: the real pictures and weights, where they lie beside the project; the Docker engine and our images.

A test that uses the engine, whatever its folder, carries the mark `engine`: `make test` leaves it out, `make test-images` runs
it. Without an engine it skips, and says so; with --no-skips a skip is a failure.
"""

import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

import docker
import psutil
import pytest
from docker.errors import DockerException
from hypothesis import settings

from tests.support import drawn_dogs, fuzzing
from tests.support.processes import words as words_of

sys.modules["openvino_telemetry"] = None  # importing openvino would report the import to its makers

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"
NO_PICTURES = "no real pictures: ../shared/data is absent"


settings.register_profile(fuzzing.LONG, print_blob=True)  # before --hypothesis-profile is looked at
settings.register_profile("patient", deadline=None)  # how long an example takes says nothing on a busy machine
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a test that skips fails, but for want of the real pictures")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "engine" in getattr(item, "fixturenames", ()):
            item.add_marker("engine")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--no-skips"):
        reason = str(call.excinfo.value) if call.excinfo else "skipped"
        if reason != NO_PICTURES:
            report.outcome, report.longrepr = "failed", f"skipped, which --no-skips forbids: {reason}"
    return report


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ends the local servers that tests left, which is a fault, and containers, which outlive a server that was killed."""
    yield
    base = str(tmp_path_factory.getbasetemp())
    running = {process: words_of(process) for process in psutil.process_iter()}
    left = {process: words for process, words in running.items() if any(word.startswith(base) for word in words)}
    _, servers = psutil.wait_procs([process for process, words in left.items() if "local_sagemaker" in words], timeout=10)
    for process, words in left.items():
        with contextlib.suppress(psutil.Error):
            if process in servers:
                process.terminate()
            elif any(word.endswith("container_init.py") for word in words):
                process.send_signal(signal.SIGUSR1)
    roots = [next(word for word in left[process] if word.startswith(base)) for process in servers]
    assert not roots, f"local servers that tests started and left, by their folders: {roots}"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real dogs, real weights, odd and broken pictures. Skips, and says so, where they are absent."""
    if not (SHARED / "dogs").is_dir():
        pytest.skip(NO_PICTURES)
    return SHARED


@pytest.fixture(scope="session")
def dogs() -> list[bytes]:
    """Drawn dogs, JPEG."""
    return drawn_dogs.pictures()


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """A client of the engine that answers here."""
    try:
        client = docker.from_env()
        client.ping()
    except DockerException as error:
        pytest.skip(f"no Docker engine answers: {error}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def base_image(engine: docker.DockerClient) -> str:
    """An image with Python 3.11: what `make base` makes, or any that is there under Debian's or Python's name."""
    wanted = ("kennel-base:bookworm", "python:3.11-slim-bookworm")
    found = next((name for name in wanted if engine.images.list(name)), None)
    if found is None:
        pytest.skip(f"the engine has neither {' nor '.join(wanted)}")
    return found


@pytest.fixture(scope="session")
def built_images(engine: docker.DockerClient) -> Mapping[str, str]:
    """The image ID of each of our images (train, serve-cpu, serve-torch, rules), of the code as it is now.

    `kennel build` makes them: what is in the engine's build cache takes it seconds, what is not takes minutes.
    """
    home = ROOT / ".kennel"
    done = subprocess.run(
        [sys.executable, "-m", "scripts", "build", "--home", str(home)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name: entry["image"] for name, entry in json.loads((home / "images.json").read_text()).items()}


@pytest.fixture()
def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
