"""Which network weights are of, told by names and shapes; and what computes otherwise though its weights would fit."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision import models

from train.errors import SalvageError
from train.salvage import architecture, saved_network, torch_file
from train.salvage.architecture import Fit


def matched(network: object, folder: Path, wanted: str | None = None) -> Fit:
    torch.save(network, folder / "a.pth")
    with open(folder / "a.pth", "rb") as stream:
        (found,) = saved_network.find(torch_file.open_file(folder / "a.pth", stream))
        return architecture.match(found, wanted)


@pytest.mark.parametrize("arch", ["alexnet", "mobilenet_v2", "regnet_y_400mf", "googlenet"])
def test_architectures_are_told_by_their_weights(tmp_path: Path, arch: str) -> None:
    options = {"init_weights": False} if arch == "googlenet" else {}
    fit = matched(models.get_model(arch, num_classes=7, **options).state_dict(), tmp_path)
    assert (fit.arch, fit.classes) == (arch, 7)


def test_a_head_in_a_sequential_is_the_head(tmp_path: Path) -> None:
    network = models.resnet18()
    network.fc = nn.Sequential(nn.Dropout(0.3), nn.Linear(512, 5), nn.LogSoftmax(dim=1))
    fit = matched(network, tmp_path)
    assert (fit.arch, fit.classes) == ("resnet18", 5) and {"fc.weight", "fc.bias"} < set(fit.tensors)


def test_a_head_of_two_layers_is_refused_with_what_does_not_fit(tmp_path: Path) -> None:
    network = models.resnet18()
    network.fc = nn.Sequential(nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 5))
    with pytest.raises(SalvageError, match=r"closest is resnet18: 4 unknown \(fc.0.bias, .*2 missing \(fc.bias, fc.weight\)"):
        matched(network, tmp_path)


def test_what_computes_otherwise_is_refused_unless_it_is_asked_for(tmp_path: Path) -> None:
    network = models.resnet18(num_classes=5)
    network.relu = nn.LeakyReLU()
    network.maxpool.stride = 1
    network.bn1.eps = 0.1
    with pytest.raises(
        SalvageError, match=r"bn1 has eps 0.1, not 1e-05; relu is 'LeakyReLU', not ReLU; maxpool has stride 1, not 2"
    ):
        matched(network, tmp_path)
    assert matched(network, tmp_path, "resnet18").arch == "resnet18"
    network = models.resnet18()
    network.fc = nn.Sequential(nn.Linear(512, 5), nn.Sigmoid())
    with pytest.raises(SalvageError, match=r"fc.1 is 'Sigmoid'"):
        matched(network, tmp_path)


def test_an_architecture_that_does_not_fit_is_not_forced(tmp_path: Path) -> None:
    with pytest.raises(SalvageError, match="the closest is resnet34: 80 missing"):
        matched(models.resnet18(num_classes=5), tmp_path, "resnet34")


def test_wrappers_come_off(tmp_path: Path) -> None:
    inner = models.squeezenet1_1(num_classes=4).state_dict()
    fit = matched({f"model.module.{name}": value for name, value in inner.items()}, tmp_path)
    assert (fit.arch, fit.classes) == ("squeezenet1_1", 4) and set(fit.tensors) == set(inner)
