"""The stages of a network before its head, and its last block, by structure alone."""

import pytest
import torch
from torch import nn
from torchvision import models

from train.model import network, stages


def names(arch: str) -> tuple[list[str], str]:
    with torch.device("meta"):
        module = models.get_model(arch, weights=None, num_classes=3)
    head, by_part = network.head_name(module, 3), {id(part): name for name, part in module.named_modules()}
    return [by_part[id(part)] for part in stages.stages(module, head)], by_part[id(stages.last_block(module, head))]


@pytest.mark.parametrize(
    ("arch", "last_stage", "last_block"),
    [("resnet18", "layer4.1", "layer4.1"), ("vgg11", "classifier.3", "classifier.3"), ("resnet50", "layer4.2", "layer4.2")],
)
def test_a_part_with_more_than_half_of_the_weights_counts_as_its_children(arch: str, last_stage: str, last_block: str) -> None:
    found, last = names(arch)
    assert (found[-1], last) == (last_stage, last_block)


def test_exactly_half_of_the_weights_stays_one_stage_and_one_more_does_not() -> None:
    for extra, expected in ((0, 2), (1, 3)):
        wide = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2 + extra, bias=False))
        rest = nn.ParameterList([nn.Parameter(torch.zeros(5))])
        module = nn.ModuleDict({"rest": rest, "wide": wide, "head": nn.Linear(1, 3, bias=False)})
        assert len(stages.stages(module, "head")) == expected
