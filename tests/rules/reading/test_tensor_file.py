"""Tensors are read as smdebug wrote them, and as smdebug reads them."""

from pathlib import Path

import numpy as np
import pytest
from smdebug.core.tfrecord.tensor_reader import TensorReader

from rules.errors import SourceError
from rules.reading.tensor_file import decode
from tests.support.saved_tensors import write_step

KINDS = ["f4", "f8", "f2", "i4", "i8", "u1", "i2", "u2", "?"]


def record(folder: Path, value: object) -> bytes:
    write_step(folder, 0, {"a": value})
    return next((folder / "events").rglob("*.tfevents")).read_bytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4), (0, 3)])
def test_every_type_and_shape(tmp_path: Path, kind: str, shape: tuple[int, ...]) -> None:
    value = (100 * np.random.default_rng(0).random(shape)).astype(kind)
    found = decode(record(tmp_path, value))
    assert found.dtype == value.dtype and found.shape == shape and np.array_equal(found, value)


def test_it_reads_what_smdebug_reads(tmp_path: Path) -> None:
    written = record(tmp_path, np.random.default_rng(0).normal(size=(5, 7)))
    theirs = next(iter(TensorReader(written).read_tensors()))[2]
    assert np.array_equal(decode(written), theirs)


def test_int8_has_a_sign(tmp_path: Path) -> None:
    """smdebug's own reader gives 255 for it."""
    assert decode(record(tmp_path, np.array([-1, 1], "i1"))).tolist() == [-1, 1]


def test_strings(tmp_path: Path) -> None:
    assert decode(record(tmp_path, np.array(["Affenpinscher", "Käse"]))).tolist() == ["Affenpinscher", "Käse"]


@pytest.mark.parametrize("keep", [0, 5, 12, 40, -1])
def test_a_record_that_is_cut_off(tmp_path: Path, keep: int) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        decode(record(tmp_path, np.ones(8))[:keep])


def test_a_record_that_is_noise(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 500, "u1").tobytes()
    with pytest.raises(SourceError):
        decode(len(noise).to_bytes(8, "little") + b"crc!" + noise + b"crc!")
