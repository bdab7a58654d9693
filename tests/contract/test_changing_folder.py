"""Listing a folder while another program makes and removes folders in it."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from contract.changing_folder import current_files
from rules.reading.source import Folder

CHANGES = """
import shutil, sys
from pathlib import Path
root = Path(sys.argv[1])
print("begun", flush=True)
while True:
    for number in range(20):
        deep = root / "moving" / str(number) / "a" / "b"
        deep.mkdir(parents=True, exist_ok=True)
        (deep / "file").write_bytes(b"x")
    shutil.rmtree(root / "moving")
"""


def test_what_goes_meanwhile_is_left_out_and_what_stays_is_found(tmp_path: Path) -> None:
    (tmp_path / "kept" / "deep").mkdir(parents=True)
    (tmp_path / "kept" / "deep" / "file").write_bytes(b"12345")
    process = subprocess.Popen([sys.executable, "-c", CHANGES, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout and process.stdout.readline() == b"begun\n"
        until, moving = time.monotonic() + 2, 0
        while time.monotonic() < until:
            found = {path.relative_to(tmp_path).as_posix(): status.st_size for path, status in current_files(tmp_path)}
            assert found["kept/deep/file"] == 5
            moving = max(moving, len(found) - 1)
            assert "kept/deep/file" in [file.name for file in Folder(tmp_path).files("")]
        assert moving > 0, "nothing moved while we looked"
    finally:
        process.kill()
        process.wait()


def test_only_regular_files_are_listed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "broken").symlink_to("nothing")
    (tmp_path / "around").symlink_to(".")
    os.mkfifo(tmp_path / "pipe")
    assert {path.name for path, _ in current_files(tmp_path)} == {"file", "link"}
    assert [(path.name, status.st_size) for path, status in current_files(tmp_path / "file")] == [("file", 1)]
    shutil.rmtree(tmp_path)
    assert list(current_files(tmp_path)) == []
