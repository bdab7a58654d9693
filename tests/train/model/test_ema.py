"""Averages of what is trained: right numbers, applied and taken away again, saved and restored; a hooked network still runs."""

from pathlib import Path

import torch

from tests.support.training_loop import loop
from train.model import network
from train.model.ema import ExponentialMovingAverage
from train.model.network import Network


def small() -> Network:
    torch.manual_seed(0)
    module = network.build("squeezenet1_1", 3, 32)
    return network.freeze(module, network.head_name(module, 3), "head")


def test_it_follows_the_weights_and_gives_them_back() -> None:
    net = small()
    bias = net.module.classifier[1].bias
    average, expected = ExponentialMovingAverage(net, 0.5), bias.detach().clone()
    assert set(average.state()) == {"classifier.1.weight", "classifier.1.bias"}
    for step in range(1, 6):
        with torch.no_grad():
            bias += 1
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = expected * decay + bias.detach() * (1 - decay)
    now = bias.detach().clone()
    with average.applied():
        assert torch.allclose(bias, expected)
    assert torch.equal(bias, now)
    other = ExponentialMovingAverage(net, 0.5)
    other.restore(average.state())
    assert torch.equal(other.state()["classifier.1.bias"], average.state()["classifier.1.bias"])


def test_what_is_evaluated_and_exported_is_the_average(tmp_path: Path) -> None:
    made = loop(tmp_path, ema_decay=0.9, lr=0.1, label_smoothing=0.1, lr_schedule="constant")
    assert made.run()
    head = made.network.module.classifier[1].weight
    exported = made.weights()["classifier.1.weight"]
    assert not torch.equal(exported, head) and torch.equal(exported, made.state()["ema"]["classifier.1.weight"])
    score = made.evaluate("validation")
    with torch.no_grad():
        head.copy_(exported)
        made.network.module.classifier[1].bias.copy_(made.weights()["classifier.1.bias"])
    made._ema = None
    assert score is not None and made.evaluate("validation") == score
