"""Whatever an old checkpoint holds, its tensors are read or SalvageError says why not, in little time and memory."""

import io
import pickle
import tempfile
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.fuzzing import bounded, fuzzed, mutated
from train.errors import SalvageError
from train.salvage import saved_network, torch_file


@cache
def samples() -> list[bytes]:
    """One file in each form that torch has written."""
    state = {"fc.weight": torch.ones(2, 3), "fc.bias": torch.zeros(2, dtype=torch.float16)}
    new, old = io.BytesIO(), io.BytesIO()
    torch.save({"state_dict": state, "epoch": 3}, new)
    torch.save(state, old, _use_new_zipfile_serialization=False)
    return [new.getvalue(), old.getvalue(), pickle.dumps(state)]


def read(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "a.pth"
        place.write_bytes(data)
        with open(place, "rb") as stream:
            try:
                file = torch_file.open_file(place, stream)
                for found in saved_network.find(file):
                    for tensor in found.tensors.values():
                        assert tensor.load().numel() <= 4 * len(data)
            except SalvageError as error:
                assert len(str(error)) < 1000


@fuzzed(60)
@given(st.deferred(lambda: mutated(samples())))
def test_a_damaged_checkpoint_is_read_or_refused(data: bytes) -> None:
    bounded(lambda: read(data))


def with_pickle(change: bytes) -> bytes:
    """The zip form with another data.pkl."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(samples()[0])) as before, zipfile.ZipFile(stream, "w") as after:
        for name in before.namelist():
            after.writestr(name, change if name.endswith("data.pkl") else before.read(name))
    return stream.getvalue()


def inner() -> Iterator[bytes]:
    with zipfile.ZipFile(io.BytesIO(samples()[0])) as archive:
        yield archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))


@fuzzed(80)
@given(st.deferred(lambda: mutated(list(inner()))))
@example(b"\x80\x02.")
def test_a_checkpoint_with_a_damaged_pickle_is_read_or_refused(data: bytes) -> None:
    bounded(lambda: read(with_pickle(data)))
