"""Rates by stage: the head fastest, what is before it slower by the factor and the decay; warm-up and schedule by step."""

import pytest
import torch
from torchvision import models

from train.config import Config
from train.model import learning_rates, network


def factors(arch: str, train_layers: str = "all", **settings: float) -> dict[str, float]:
    module = models.get_model(arch, num_classes=3)
    net = network.freeze(module, network.head_name(module, 3), train_layers)
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    groups = learning_rates.param_groups(net, Config(**settings))
    found = {names[id(parameter)]: group["factor"] for group in groups for parameter in group["params"]}
    assert len(found) == len(net.parameters()) == sum(len(group["params"]) for group in groups)
    return found


def test_without_factors_there_is_one_group() -> None:
    assert set(factors("resnet18").values()) == {1.0}


def test_a_resnet_slows_down_towards_the_pictures() -> None:
    found = factors("resnet18", backbone_factor=0.1, layer_decay=0.5)
    assert found["fc.weight"] == 1 and found["layer4.1.conv2.weight"] == 0.1 and found["layer4.0.conv1.weight"] == 0.05
    assert found["layer3.0.conv1.weight"] == 0.025 and found["layer1.0.conv1.weight"] == 0.1 * 0.5**4
    assert found["conv1.weight"] == 0.1 * 0.5**6 < found["bn1.weight"]


@pytest.mark.parametrize("arch", ["mobilenet_v2", "squeezenet1_1", "vgg11", "densenet121", "vit_b_32", "alexnet"])
def test_every_architecture_has_stages_and_a_fast_head(arch: str) -> None:
    with torch.device("meta"):
        found = factors(arch, backbone_factor=0.1, layer_decay=0.5)
    assert max(found.values()) == 1 and len(set(found.values())) >= 4
    assert next(iter(found.values())) < 0.1


def test_only_what_is_trained_has_a_rate() -> None:
    assert factors("resnet18", "head", backbone_factor=0.1) == {"fc.weight": 1, "fc.bias": 1}


def test_the_rate_rises_in_the_warm_up_and_falls_with_the_schedule() -> None:
    rising = [learning_rates.lr_factor(Config(lr_schedule="constant", warmup=0.4), taken, 10) for taken in range(10)]
    assert rising == pytest.approx([0.25, 0.5, 0.75, *[1.0] * 7])
    falling = [learning_rates.lr_factor(Config(warmup=0.2), taken, 10) for taken in range(10)]
    assert falling[0] == 0.5 and falling[1:] == sorted(falling[1:], reverse=True) and falling[-1] < 0.03
