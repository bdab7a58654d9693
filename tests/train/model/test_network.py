"""Networks: head found, parts frozen, also those of train.model.stages."""

import pytest
import torch

from train.errors import ConfigError
from train.model import network


@pytest.mark.parametrize(
    ("arch", "size", "head", "last"),
    [
        ("resnet18", 32, "fc", "layer4.1"),
        ("mobilenet_v2", 32, "classifier.1", "features.18"),
        ("squeezenet1_1", 32, "classifier.1", "features.12"),
        ("vgg11", 32, "classifier.6", "classifier.3"),
        ("densenet121", 32, "classifier", "features.denseblock4"),
        ("vit_b_32", 64, "heads.head", "encoder.layers.encoder_layer_11"),
        ("googlenet", 64, "fc", "inception5b"),
        ("inception_v3", 128, "fc", "Mixed_7c"),
        ("maxvit_t", 224, "classifier.5", "classifier.3"),
    ],
)
def test_head_and_last_block_are_found_in_any_family(arch: str, size: int, head: str, last: str) -> None:
    module = network.build(arch, 7, size)
    assert network.head_name(module, 7) == head
    trained = network.freeze(module, head, "last").trained
    assert trained == (module.get_submodule(last), module.get_submodule(head))


def test_what_is_frozen_keeps_its_statistics() -> None:
    module = network.build("resnet18", 3, 32)
    net = network.freeze(module, "fc", "last")
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    net.train()
    module(torch.randn(4, 3, 32, 32))
    changed = {name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed and all(name.startswith("layer4.1.") for name in changed)
    assert {name.split(".")[0] for name, tensor in module.named_parameters() if tensor.requires_grad} == {"layer4", "fc"}
    assert len(network.freeze(module, "fc", "head").parameters()) == 2
    assert len(network.freeze(module, "fc", "all").parameters()) == len(list(module.parameters()))


def test_statistics_can_be_kept_while_everything_else_is_trained() -> None:
    module = network.build("resnet18", 3, 32)
    net = network.freeze(module, "fc", "all", keep_statistics=True)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    net.train()
    module(torch.randn(4, 3, 32, 32)).sum().backward()
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert module.training and all(parameter.grad is not None for parameter in module.parameters())


def test_a_picture_size_the_network_cannot_take_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="picture-size: alexnet does not take pictures of 32 pixels"):
        network.build("alexnet", 3, 32)
