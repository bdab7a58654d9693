"""A file that is being replaced is the old one or the new one, whenever it is read and whatever goes wrong."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from contract.files import replacing, write_whole


def test_text_and_bytes_take_the_place_of_what_was_there(tmp_path: Path) -> None:
    for content, found in (("é", "é".encode()), (b"\xff", b"\xff")):
        for durable in (False, True):
            (tmp_path / "a").write_text("old")
            write_whole(tmp_path / "a", content, durable=durable)
            assert (tmp_path / "a").read_bytes() == found
    assert os.listdir(tmp_path) == ["a"]


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "a") as aside:
        aside.write_text("half")
        assert aside.name.startswith(".a.") and aside.name.endswith(".tmp")
        raise ZeroDivisionError
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a"):
        pass  # nothing was written
    assert (tmp_path / "a").read_text() == "old" and os.listdir(tmp_path) == ["a"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "no" / "a", "x")


def test_writers_at_once_never_show_a_half(tmp_path: Path) -> None:
    """Threads of one process and another process, over one file of two possible contents."""
    path, bodies = tmp_path / "a", (b"a" * 200_000, b"b" * 200_000)
    write_whole(path, bodies[0])
    other = "import sys; from pathlib import Path; from contract.files import write_whole\n"
    other += f"for n in range(200): write_whole(Path({str(path)!r}), b'ab'[n % 2:n % 2 + 1] * 200_000)"
    with subprocess.Popen([sys.executable, "-c", other], cwd=Path(__file__).parents[2]) as process:
        threads = [threading.Thread(target=lambda: [write_whole(path, bodies[n % 2]) for n in range(200)]) for _ in range(3)]
        for thread in threads:
            thread.start()
        reads = 0
        while process.poll() is None or any(thread.is_alive() for thread in threads):
            assert path.read_bytes() in bodies
            reads += 1
        assert process.returncode == 0 and reads > 10 and os.listdir(tmp_path) == ["a"]
