"""Pretrained weights in the cache that torchvision looks into, under the names that it asks for."""

from pathlib import Path

import pytest
import torch
from torch.hub import load_state_dict_from_url
from torchvision.models import ResNet18_Weights, ResNet50_Weights

from scripts.files import hub_cache


def test_the_names_are_those_that_torchvision_asks_for() -> None:
    names = hub_cache.known_names()
    for weights in (*ResNet18_Weights, *ResNet50_Weights):
        assert weights.url.rpartition("/")[2] in names
    assert len(names) > 80


@pytest.mark.parametrize(
    ("file", "digest", "found"),
    [
        ("resnet18.pth", "0" * 64, ["resnet18-f37072fd.pth"]),
        ("resnet18-imagenet.pth", "0" * 64, ["resnet18-f37072fd.pth"]),
        ("resnet50.pth", "0" * 64, ["resnet50-0676ba61.pth", "resnet50-11ad3fa6.pth"]),
        ("resnet50.pth", "0676ba61" + "0" * 56, ["resnet50-0676ba61.pth"]),
        ("resnet50-11ad3fa6.pth", "0" * 64, ["resnet50-11ad3fa6.pth"]),
        ("anything.pth", "f37072fd" + "0" * 56, ["resnet18-f37072fd.pth"]),
        ("own-network.pth", "0" * 64, []),
    ],
)
def test_a_file_is_known_by_its_name_or_by_what_is_in_it(file: str, digest: str, found: list[str]) -> None:
    assert hub_cache.fitting(Path(file), digest, hub_cache.known_names()) == found


def test_torch_finds_it_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "resnet18.pth")
    hub_cache.put(tmp_path / "resnet18.pth", tmp_path / "cache", "resnet18-f37072fd.pth")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache" / "torch"))
    found = load_state_dict_from_url("https://localhost:9/models/resnet18-f37072fd.pth", weights_only=True)
    assert found["a"].tolist() == [1.0, 1.0]
