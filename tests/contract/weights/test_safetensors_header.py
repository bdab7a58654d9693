"""The safetensors header check, against the library that writes the files."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from contract.errors import SafetensorsError
from contract.weights import safetensors_header


@pytest.fixture()
def good(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_file(
        {"a": np.zeros((3, 4), np.float32), "b": np.ones(5, np.int64), "empty": np.zeros((0, 2), np.float32)}, path, {"x": "y"}
    )
    return path


def test_a_file_of_the_library_is_good(good: Path) -> None:
    safetensors_header.check(good)


def _with_header(path: Path, header: object, data: bytes) -> None:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_broken_files_are_named(good: Path) -> None:
    whole = good.read_bytes()
    entry = {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}
    broken = [
        lambda: good.write_bytes(b""),
        lambda: good.write_bytes(b"\x80\x04pickle"),
        lambda: good.write_bytes(whole[:-1]),
        lambda: good.write_bytes(whole + b"\0"),
        lambda: good.write_bytes(struct.pack("<Q", 1 << 62) + whole[8:]),
        lambda: good.write_bytes(struct.pack("<Q", 10) + b"[" * 10),
        lambda: good.write_bytes(struct.pack("<Q", 200_000) + b"[" * 200_000),
        lambda: _with_header(good, [], b""),
        lambda: _with_header(good, {"a": 1}, b""),
        lambda: _with_header(good, {"a": entry | {"data_offsets": [0, "4"]}}, b"\0" * 4),
        lambda: _with_header(good, {"a": entry | {"data_offsets": [4, 0]}}, b"\0" * 4),
        lambda: _with_header(good, {"a": entry, "b": entry}, b"\0" * 4),
        lambda: _with_header(good, {"a": entry, "b": entry | {"data_offsets": [5, 8]}}, b"\0" * 8),
    ]
    for number, spoil in enumerate(broken):
        spoil()
        with pytest.raises(SafetensorsError, match=r"^model\.safetensors: ") as caught:
            safetensors_header.check(good)
        assert "\n" not in str(caught.value), number
    _with_header(good, {"a": entry}, b"\0" * 4)
    safetensors_header.check(good)


def test_a_header_may_fill_the_file_and_be_as_long_as_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 2) + b"{}")
    safetensors_header.check(path)
    path.write_bytes(struct.pack("<Q", 3) + b"{}")
    with pytest.raises(SafetensorsError, match="header of 3 bytes in a file of 10"):
        safetensors_header.check(path)
    for length, beyond in ((safetensors_header.HEADER_LIMIT, False), (safetensors_header.HEADER_LIMIT + 1, True)):
        path.write_bytes(struct.pack("<Q", length) + b"{}".ljust(length))
        if beyond:
            with pytest.raises(SafetensorsError, match="not safetensors"):
                safetensors_header.check(path)
        else:
            safetensors_header.check(path)
