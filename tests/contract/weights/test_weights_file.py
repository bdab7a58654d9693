"""What a file of weights is instead, told from its bytes; what is finite, to the last number of the last tensor."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from contract.weights import weights_file


def saved(path: Path, state: object, way: str) -> Path:
    if way == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=way == "zip")
    return path


@pytest.mark.parametrize("way", ["zip", "old", "safetensors"])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_weights_are_sound_until_their_last_number_is_not(way: str, kind: torch.dtype, tmp_path: Path) -> None:
    state = {"a.weight": torch.ones(3, dtype=kind), "a.count": torch.tensor([7]), "b.weight": torch.zeros(700_001, dtype=kind)}
    assert weights_file.problem(saved(tmp_path / "w.pth", state, way)) == ""
    for value in (float("nan"), float("inf"), -float("inf")):
        state["b.weight"][-1] = value
        told = weights_file.problem(saved(tmp_path / "w.pth", state, way))
        assert told == "holds NaN or infinity in 'b.weight': the training that it is from had failed; take another file"
    state["b.weight"][-1] = torch.finfo(kind).max
    assert weights_file.problem(saved(tmp_path / "w.pth", state, way)) == ""


@pytest.mark.parametrize("way", ["zip", "old"])
def test_a_pickled_network_is_named_by_its_class(way: str, tmp_path: Path) -> None:
    told = weights_file.problem(saved(tmp_path / "w.pth", torch.nn.Sequential(torch.nn.Linear(2, 2)), way))
    assert told.startswith("holds pickled Python objects (torch.nn.modules") and "kennel salvage" in told


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "is empty"),
        (b"\n <!DOCTYPE html><title>404</title>", "is a web page"),
        (b"\xef\xbb\xbf<html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 46830571\n", "is a Git LFS pointer"),
        (b"\x1f\x8b\x08 a compressed file", "is neither what torch.save wrote nor safetensors"),
        (pickle.dumps({"w": [1.0]}), "was written by pickle.dump"),
        (pickle.dumps({"w": np.ones(3)}), "holds pickled Python objects (numpy"),
        (b"\x80\x02cut", "is damaged, or no state dict"),
        (b"PK\x03\x04 and nothing more", "is a damaged zip"),
        ((40).to_bytes(8, "little") + b"{" + b"x" * 60, "is damaged: its safetensors header"),
        ((9 << 20).to_bytes(8, "little") + b"{" * (9 << 20), "is damaged: its safetensors header of 9,437,184 bytes"),
        (
            (60).to_bytes(8, "little") + b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(60),
            "is damaged: 68 bytes, and its safetensors header describes 72; download it again",
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_weights_is_called_what_it_is(body: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(body)
    assert told in weights_file.problem(tmp_path / "w.pth")


def test_other_zips_are_told_apart(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.zip", "w") as archive:
        archive.writestr("w.pth", b"x")
    assert weights_file.problem(tmp_path / "w.zip").startswith("is a zip that torch.save did not write")
    body = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), body)
    (tmp_path / "w.pt").write_bytes(body.getvalue())
    assert weights_file.problem(tmp_path / "w.pt").startswith("is a TorchScript program")
