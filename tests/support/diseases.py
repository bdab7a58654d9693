"""Tiny networks that are really trained, each with one disease, and a healthy one; smdebug's own hook saves what they do."""

import json
from collections.abc import Callable
from pathlib import Path

import smdebug.pytorch as smdebug
import torch
from torch import nn

Batch = tuple[torch.Tensor, torch.Tensor]
COLLECTIONS = {
    "losses": "",
    "weights": "",
    "gradients": "",
    "relu_input": ".*relu.*_input",
    "relu_output": ".*relu.*_output",
    "tanh_input": ".*tanh.*_input",
    "classes": "CrossEntropyLoss_input",
    "input_image": "^[A-Z][A-Za-z]*_input_0",
}


def train(
    folder: Path,
    network: nn.Module,
    batch: Callable[[int], Batch],
    *,
    steps: int = 40,
    rate: float = 0.05,
    held_out: Callable[[int], Batch] | None = None,
    evaluate_every: int = 10,
    collections: tuple[str, ...] = tuple(COLLECTIONS),
    loss: nn.Module | None = None,
    reductions: str = "",
) -> Path:
    """Plain SGD. `batch(n)` gives the n-th batch; `held_out`, by default the same, the three of each evaluation."""
    chosen = [
        {"CollectionName": name, "CollectionParameters": {"include_regex": COLLECTIONS[name]} if COLLECTIONS[name] else {}}
        for name in collections
    ]
    config = folder.with_suffix(".json")
    parameters = {"save_interval": "1", **({"reductions": reductions} if reductions else {})}
    body = {"LocalPath": str(folder), "HookParameters": parameters, "CollectionConfigurations": chosen}
    config.write_text(json.dumps(body))
    hook, loss = smdebug.Hook.create_from_json_file(str(config)), loss or nn.CrossEntropyLoss()
    hook.register_module(network)
    hook.register_loss(loss)
    optimiser = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9)
    for step in range(steps):
        hook.set_mode(smdebug.modes.TRAIN)
        network.train()
        optimiser.zero_grad()
        inputs, labels = batch(step)
        loss(network(inputs), labels).backward()
        optimiser.step()
        if (step + 1) % evaluate_every == 0:
            hook.set_mode(smdebug.modes.EVAL)
            network.eval()
            with torch.no_grad():
                for number in range(3):
                    inputs, labels = (held_out or batch)(10_000 + 3 * step + number)
                    loss(network(inputs), labels)
    hook.close()
    return folder


class Perceptron(nn.Module):
    """[n, 16] to four classes, `depth` layers of `kind`, whose modules are called relu0, tanh1 and so on."""

    def __init__(self, kind: type[nn.Module] = nn.ReLU, depth: int = 3, width: int = 32, inputs: int = 16) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.names = []
        for layer in range(depth):
            linear = nn.Linear(inputs if layer == 0 else width, width)
            nn.init.kaiming_normal_(linear.weight)
            self.add_module(f"linear{layer}", linear)
            self.add_module(f"{kind.__name__.lower()}{layer}", kind())
            self.names += [f"linear{layer}", f"{kind.__name__.lower()}{layer}"]
        self.head = nn.Linear(width, 4)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        for name in self.names:
            inputs = self.get_submodule(name)(inputs)
        return self.head(inputs)


class Convolutions(nn.Module):
    """[n, 3, 8, 8] to four classes, with a bias before BatchNorm, as VGG has it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv1, self.norm1, self.relu1 = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        self.conv2, self.norm2, self.relu2 = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()
        self.head = nn.Linear(8, 4)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        inputs = self.relu1(self.norm1(self.conv1(inputs)))
        return self.head(self.relu2(self.norm2(self.conv2(inputs))).mean(dim=(2, 3)))


def points(step: int, count: int = 64, share: tuple[float, ...] = (0.25, 0.25, 0.25, 0.25)) -> Batch:
    """Four clouds in 16 dimensions, of which `share` says how many points each has."""
    random = torch.Generator().manual_seed(step)
    labels = torch.multinomial(torch.tensor(share), count, replacement=True, generator=random)
    return 2.0 * torch.eye(16)[labels] + 0.7 * torch.randn(count, 16, generator=random), labels


def pictures(step: int, count: int = 64, shift: float = 0.0) -> Batch:
    """Pictures [n, 3, 8, 8] of noise in which one of four quarters is brighter, and redder or not."""
    random = torch.Generator().manual_seed(step)
    labels = torch.randint(0, 4, (count,), generator=random)
    values = 0.5 * torch.randn(count, 3, 8, 8, generator=random)
    colour = torch.tensor([[1.5, 0, -1.5], [-1.5, 0, 1.5], [0, 1.5, -1.5], [0, -1.5, 1.5]])
    return values + colour[labels][:, :, None, None] + shift, labels


def noise(step: int, count: int = 32) -> Batch:
    """Points whose labels mean nothing: what is learned of them is learned by heart."""
    random = torch.Generator().manual_seed(step)
    return torch.randn(count, 16, generator=random), torch.randint(0, 4, (count,), generator=random)


def healthy(folder: Path) -> Path:
    return train(folder, Convolutions(), pictures, rate=0.03)


def again(folder: Path) -> Path:
    """The healthy one, from another beginning."""
    network = Convolutions()
    nn.init.normal_(network.head.weight, std=0.1)
    return train(folder, network, pictures, rate=0.03, steps=5, collections=("weights", "losses"))


def vanishing(folder: Path) -> Path:
    return train(folder, Perceptron(nn.Sigmoid, depth=14), points, steps=10, rate=0.01, collections=("losses", "gradients"))


def exploding(folder: Path) -> Path:
    """A regression with a rate far too high."""
    network = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16))

    def batch(step: int) -> Batch:
        inputs, _ = points(step)
        return inputs, 3 * inputs

    return train(folder, network, batch, steps=30, rate=30.0, loss=nn.MSELoss(), collections=("losses", "weights", "gradients"))


def dead(folder: Path) -> Path:
    """A rate that throws the biases far below zero in the first steps."""
    return train(folder, Perceptron(), points, steps=15, rate=3.0)


def constant(folder: Path) -> Path:
    """All weights zero: every unit is the same, no gradient reaches any."""
    network = Perceptron()
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    return train(folder, network, points, steps=15, rate=0.01)


def saturated(folder: Path) -> Path:
    network = Perceptron(nn.Tanh)
    for parameter in network.parameters():
        parameter.data.mul_(2000)
    return train(folder, network, points, steps=10, rate=0.001)


def overfit(folder: Path) -> Path:
    """Thirty-two points with random labels, learned by heart, and others to evaluate on."""
    return train(folder, Perceptron(), lambda step: noise(step % 2), steps=160, rate=0.1, held_out=noise, collections=("losses",))


def imbalanced(folder: Path) -> Path:
    """Of the last class, one point in two hundred."""
    return train(folder, Perceptron(), lambda step: points(step, 64, (0.4, 0.4, 0.195, 0.005)), rate=0.01)


def confused(folder: Path) -> Path:
    """Points of class 3 that look like class 2's: they cannot be told apart."""

    def batch(step: int) -> Batch:
        inputs, labels = points(step)
        return torch.where((labels == 3)[:, None], inputs - 2 * torch.eye(16)[3] + 2 * torch.eye(16)[2], inputs), labels

    return train(folder, Perceptron(), batch)


def frozen(folder: Path) -> Path:
    """A learning rate of zero."""
    return train(folder, Perceptron(), lambda step: points(0), steps=25, rate=0.0)


def unnormalised(folder: Path) -> Path:
    return train(folder, Convolutions(), lambda step: pictures(step, shift=0.5), steps=10)
