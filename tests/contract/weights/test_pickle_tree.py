"""A pickle is read as data: whatever it would do when it is run, here it does not."""

import io
import os
import pickle
import pickletools
import struct
from collections import OrderedDict
from functools import partial
from pathlib import Path

import pytest

from contract.errors import PickleError
from contract.weights import pickle_tree
from contract.weights.pickle_tree import Name, Stub


def read(data: bytes) -> object:
    return pickle_tree.read(io.BytesIO(data), set())


class Calls:
    """Pickles as a call of any function."""

    def __init__(self, function: object, *arguments: object) -> None:
        self._call = (function, arguments)

    def __call__(self) -> None:
        """Pickle's writer wants what it writes as called to be callable."""

    def __reduce__(self) -> tuple:
        return self._call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_come_out_as_they_went_in(protocol: int) -> None:
    value = {"a": [1, -2, 3.5, None, True], "b": ("x", b"y" * 300, 1 << 70), 7: {"deep": [(), (1,), (1, 2), (1, 2, 3)]}}
    found = read(pickle.dumps(value, protocol))
    found["b"] = tuple(
        "".join if isinstance(part, Stub) else part for part in found["b"]
    )  # protocols 0 to 2 make bytes by a call
    assert found["a"] == value["a"] and found[7] == value[7] and found["b"][2] == 1 << 70


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_object_is_a_stub_with_its_state(protocol: int) -> None:
    names: set[Name] = set()
    found = pickle_tree.read(io.BytesIO(pickle.dumps(OrderedDict(a=partial(int, base=2)), protocol)), names)
    assert isinstance(found, Stub) and found.maker == Name("collections", "OrderedDict")
    inner = found.entries["a"]
    assert isinstance(inner, Stub) and inner.state is not None and str(Name("functools", "partial")) in map(str, names)


def test_nothing_that_a_pickle_names_is_called(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    hostile = [
        Calls(os.system, f"touch {canary}"),
        Calls(eval, f"open({str(canary)!r}, 'w')"),
        Calls(getattr, Calls(__import__, "os"), "system"),
        Calls(setattr, Calls(__import__, "sys"), "modules", {}),
        Calls(Calls(getattr, Calls(__import__, "os"), "mkdir"), str(canary)),
        Calls(__import__, "no_such_module_anywhere"),
    ]
    for value in hostile:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert isinstance(read(pickle.dumps(value, protocol)), Stub)
    for text in (
        f"cos\nsystem\n(S'touch {canary}'\ntR.",
        f"(S'touch {canary}'\nios\nsystem\n.",
        f"(cos\nsystem\nS'touch {canary}'\no.",
    ):
        assert isinstance(read(text.encode()), Stub)
    assert not canary.exists()
    # The same bytes, run as pickles are, do make it.
    pickle.loads(pickle.dumps(Calls(os.mkdir, str(canary))))  # noqa: S301
    assert canary.exists()


def test_state_is_kept_and_not_applied() -> None:
    found = read(b"cbuiltins\nobject\n)\x81}(X\x0c\x00\x00\x00__setstate__cos\nsystem\nub.")
    assert (
        isinstance(found, Stub) and found.state == {"__setstate__": Name("os", "system")} and not hasattr(found, "__setstate__")
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a whole pickle"),
        (b"hello", "not a whole pickle"),
        (pickle.dumps([1, 2, 3])[:-2], "not a whole pickle"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b"x.", "not a whole pickle"),
        (b"\x80\x02\x8b" + struct.pack("<I", 0x7FFFFFFF) + b"x.", "not a whole pickle"),
        (b"I" + b"9" * 100_000 + b"\n.", "not a whole pickle"),
        (b"N\x95.", "not a whole pickle"),
        (b"h\x05.", "not a whole pickle"),
        (b"0.", "not a whole pickle"),
        (b"\x82\x01.", "instruction EXT1"),
        (b"\x80\x05\x97.", "instruction NEXT_BUFFER"),
        (b"K\x01N\x86K\x02a.", "treats a tuple as a list"),
        (b"]K\x02b.", "treats a list as a Stub"),
        (b"NN\x93.", "by what is no name"),
        (b"N" * (pickle_tree.INSTRUCTIONS + 1), "instructions"),
    ],
)
def test_what_is_broken_or_beyond_measure_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(PickleError, match=words):
        read(data)


def test_a_huge_place_in_the_memo_costs_nothing() -> None:
    assert read(b"Nr\xff\xff\xff\xff0j\xff\xff\xff\xff.") is None


def test_keys_that_are_dear_to_hash_are_dropped() -> None:
    nested = b"(" + b"N" + b"\x85" * 200_000 + b"K\x01d."  # hashing this tuple in a dictionary would end the process
    assert read(nested) == {}
    assert read(pickle.dumps({(1 << 61) - 1: 1, 5: 2, "x": 3})) == {5: 2, "x": 3}


def test_every_instruction_of_a_real_module_is_known(tmp_path: Path) -> None:
    import torch
    from torch import nn

    for protocol in (2, 3, 4, 5):
        data = io.BytesIO()
        torch.save(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), data, pickle_protocol=protocol)
        data.seek(0)
        assert b"BatchNorm2d" in data.getvalue()
        assert {opcode.name for opcode, _, _ in pickletools.genops(pickle.dumps(nn.ReLU(), protocol))}
