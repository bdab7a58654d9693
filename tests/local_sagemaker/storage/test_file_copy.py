"""A file's bytes into another, on one file system and from one to another."""

import os
import tempfile
from pathlib import Path

import pytest

from local_sagemaker.storage.file_copy import copy_bytes


@pytest.mark.parametrize("place", ["/dev/shm", None])
def test_all_of_it_comes_whichever_way(tmp_path: Path, place: str | None) -> None:
    data = os.urandom(3_000_001)
    with tempfile.NamedTemporaryFile(dir=place, buffering=0) as source, (tmp_path / "t").open("xb", buffering=0) as target:
        source.write(data)
        target.write(b"before")
        source.seek(1)
        copy_bytes(source, target)
    assert (tmp_path / "t").read_bytes() == b"before" + data[1:]
