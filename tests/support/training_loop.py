"""A small training loop in this process: three drawn classes, SqueezeNet, and a hook that writes down what it is told."""

from pathlib import Path

import torch
from torch import nn

from contract.pictures.preprocess import Preprocessing
from tests.support.train_jobs import draw
from train.checkpoint import Checkpoints
from train.config import Config, ProcessRank
from train.data.inputs import Inputs
from train.data.loader import Loader
from train.data.pictures import collect
from train.loop import Loop
from train.model import network
from train.profiling.debug_hook import NoHook
from train.ranks import Ranks
from train.report import Report


class Listener(NoHook):
    """A hook that writes down what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def training(self) -> None:
        self.heard.append("train")

    def evaluating(self) -> None:
        self.heard.append("eval")


def loop(folder: Path, loss: nn.CrossEntropyLoss | None = None, **settings: object) -> Loop:
    if not (folder / "train").exists():
        draw(folder, "train", 4)
        draw(folder, "validation", 2)
    config = Config(**{"arch": "squeezenet1_1", "picture_size": 32, "batch_size": 5, "epochs": 2} | settings)
    collection = collect({split: folder / split for split in ("train", "validation")})
    torch.manual_seed(0)
    module = network.build(config.arch, 3, 32)
    spec, report = Preprocessing(resize=37, crop=32), Report(True)
    return Loop(
        config=config,
        inputs=Inputs(spec, torch.device("cpu")),
        network=network.freeze(module, network.head_name(module, 3), "head"),
        ranks=Ranks(ProcessRank(), folder / "stop"),
        loader=Loader(collection.pictures, spec, seed=0, augment=True, workers=0, batch=5, pin=False),
        checkpoints=Checkpoints(folder / "checkpoints", {}, report),
        report=report,
        indices={split: collection.indices(split) for split in ("train", "validation")},
        hook=Listener(),
        loss=loss or nn.CrossEntropyLoss(),
    )
