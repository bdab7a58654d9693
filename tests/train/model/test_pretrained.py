"""Pretrained weights are loaded only where they fit; nothing in their file is run."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from train.errors import PretrainedError
from train.model import network, pretrained


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return network.build("shufflenet_v2_x0_5", 9, 32).state_dict()


def load(folder: Path, weights: object, suffix: str = ".pth", classes: int = 3) -> torch.nn.Module:
    folder.mkdir(exist_ok=True)
    path = folder / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(weights, path)
    else:
        torch.save(weights, path)
    module = network.build("shufflenet_v2_x0_5", classes, 32)
    assert len(pretrained.load(module, "shufflenet_v2_x0_5", "fc", pretrained.find_file(folder))) == 64
    return module


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_weights_are_taken_and_a_head_of_another_shape_is_replaced(tmp_path: Path, weights: dict, suffix: str) -> None:
    own = load(tmp_path, weights, suffix).state_dict()
    assert torch.equal(own["conv1.0.weight"], weights["conv1.0.weight"])
    assert own["fc.weight"].shape == (3, 1024)


def test_a_head_that_fits_is_taken_and_one_that_is_missing_is_made(tmp_path: Path, weights: dict) -> None:
    assert torch.equal(load(tmp_path, weights, classes=9).fc.weight, weights["fc.weight"])
    headless = {name: tensor for name, tensor in weights.items() if not name.startswith("fc.")}
    assert load(tmp_path, headless).fc.weight.shape == (3, 1024)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda w: {**w, "extra.weight": torch.zeros(1)},
            r"does not hold weights of shufflenet_v2_x0_5: 1 unknown \(extra.weight\)",
        ),
        (lambda w: {name: w[name] for name in list(w)[1:]}, r"1 missing \(conv1.0.weight\)"),
        (lambda w: {**w, "conv1.0.weight": torch.zeros(2)}, r"of another shape .* conv1.0.weight \[2\] for \[24, 3, 3, 3\]"),
        (lambda w: {"state_dict": w}, "not a flat state dict"),
        (lambda w: [1, 2], "not a flat state dict"),
    ],
)
def test_weights_that_do_not_fit_are_named(tmp_path: Path, weights: dict, change: object, message: str) -> None:
    with pytest.raises(PretrainedError, match=message):
        load(tmp_path, change(weights))


def test_a_pickle_among_the_weights_is_never_run(tmp_path: Path, weights: dict) -> None:
    canary = tmp_path / "canary"

    class Bomb:
        def __reduce__(self) -> tuple:
            return os.system, (f"touch {canary}",)

    with pytest.raises(PretrainedError, match=r"weights.pth holds pickled Python objects \(posix.system\), not a state dict"):
        load(tmp_path, {**weights, "x": Bomb()})
    assert not canary.exists()


def test_the_channel_must_hold_exactly_one_file(tmp_path: Path) -> None:
    with pytest.raises(PretrainedError, match="found none"):
        pretrained.find_file(tmp_path)
    (tmp_path / "a.pth").touch()
    (tmp_path / "b.pt").touch()
    with pytest.raises(PretrainedError, match=r"found a.pth, b.pt"):
        pretrained.find_file(tmp_path)


def test_real_weights_of_the_same_architecture_load(shared_data: Path) -> None:
    module = network.build("resnet18", 11, 64)
    digest = pretrained.load(module, "resnet18", "fc", shared_data / "weights" / "resnet18-imagenet.pth")
    assert len(digest) == 64
