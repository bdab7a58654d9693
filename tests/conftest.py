"""What every test may use: the real pictures and weights, where they lie beside the project."""

import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.modules["openvino_telemetry"] = None  # importing openvino would report the import to its makers

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real dogs, real weights, odd and broken pictures. Skips, and says so, where they are absent."""
    if not (SHARED / "dogs").is_dir():
        pytest.skip("no real pictures: ../shared/data is absent")
    return SHARED


@pytest.fixture()
def short_tmp(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A temporary folder with a short name: Unix sockets take at most 107 bytes of path."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="k-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture()
def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
