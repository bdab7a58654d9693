"""Fetching over loopback: resumed where it broke off, never glued together from two files, one line when it cannot be."""

import io
import random
from pathlib import Path

import pytest
from rich.console import Console

from scripts.cli.terminal import Terminal
from scripts.errors import LaunchError, RunError
from scripts.files.download import fetch
from tests.support.fakes import FileServer

BODY = random.Random(0).randbytes(300_000)
SAY = Terminal(Console(file=io.StringIO()))


def test_a_broken_off_download_goes_on_where_it_was(tmp_path: Path) -> None:
    with FileServer(BODY) as server:
        server.break_after = [100_000, 50_000]
        assert fetch(f"{server.url}/a.zip", tmp_path / "a.zip", SAY).read_bytes() == BODY
        assert server.asked == [None, "bytes=100000-", "bytes=150000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_a_later_command_goes_on_too(tmp_path: Path) -> None:
    with FileServer(BODY) as server:
        server.break_after = [10_000] * 5
        with pytest.raises(RunError, match=r"0\.1 MB are kept in .*a\.zip\.part, the same command goes on"):
            fetch(f"{server.url}/a.zip", tmp_path / "a.zip", SAY)
        assert fetch(f"{server.url}/a.zip", tmp_path / "a.zip", SAY).read_bytes() == BODY
        assert server.asked[-1] == "bytes=50000-"


def test_another_file_at_the_same_address_is_fetched_whole(tmp_path: Path) -> None:
    with FileServer(BODY) as server:
        server.break_after = [100_000] + [0] * 4
        with pytest.raises(RunError):
            fetch(f"{server.url}/a.zip", tmp_path / "a.zip", SAY)
        server.body, server.etag = BODY[::-1], '"2"'
        assert fetch(f"{server.url}/a.zip", tmp_path / "a.zip", SAY).read_bytes() == BODY[::-1]


@pytest.mark.parametrize(("etag", "ranges"), [('"1"', False), (None, True), ('W/"1"', True)])
def test_a_server_without_ranges_or_a_strong_etag_is_asked_for_all_of_it(tmp_path: Path, etag: str | None, ranges: bool) -> None:
    with FileServer(BODY, etag, ranges) as server:
        server.break_after = [100_000]
        assert fetch(f"{server.url}/a.zip", tmp_path / "a.zip", SAY).read_bytes() == BODY


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(tmp_path: Path) -> None:
    with FileServer(BODY) as server:
        server.status = [503, 429]
        assert fetch(f"{server.url}/a.zip", tmp_path / "a.zip", SAY).read_bytes() == BODY
        server.status = [404]
        with pytest.raises(LaunchError, match=r"the server says 404 Not Found; check the address"):
            fetch(f"{server.url}/b.zip", tmp_path / "b.zip", SAY)
        assert len(server.asked) == 4


def test_what_is_there_is_not_fetched_and_other_schemes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"x")
    assert fetch("http://127.0.0.1:9/a.zip", tmp_path / "a.zip", SAY).read_bytes() == b"x"
    with pytest.raises(LaunchError, match="need an http or https address"):
        fetch("file:///etc/passwd", tmp_path / "p", SAY)
