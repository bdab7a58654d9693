"""What a launcher is asked to do, read once: the one place of this room that sees the environment."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.errors import LaunchError

HOME = Path(".kennel")
"""Where a checkout keeps what its launchers make; nothing is written elsewhere."""

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoConfig:
    """One demo. `data`: a folder with train, valid and test; None draws it. `weights`: a state dict; None starts from scratch."""

    home: Path = HOME / "demo"
    data: Path | None = None
    weights: Path | None = None
    seed: int = 0
    hyperparameters: Mapping[str, str]
    debug: bool = False

    def __post_init__(self) -> None:
        if self.weights is not None and not self.weights.is_file():
            raise LaunchError(
                f"WEIGHTS={self.weights}: no such file; give a torchvision state dict such as resnet18-imagenet.pth"
            )
        for split in ("train", "valid", "test") if self.data is not None else ():
            if not (self.data / split).is_dir():
                raise LaunchError(
                    f"DATA={self.data}: no folder {split!r} in it; need train, valid and test, each with a folder a class"
                )


DRAWN = {"picture-size": "64", "train-layers": "all", "epochs": "12", "lr": "0.001", "batch-size": "32"}
"""Hyperparameters of the drawn set: the whole of a small-picture network, from scratch."""
PHOTOGRAPHS = {"train-layers": "head", "epochs": "4", "lr": "0.001", "batch-size": "32"}
"""Hyperparameters of real pictures: a new head on a pretrained network."""


def demo_config(arguments: Sequence[str]) -> DemoConfig:
    """The demo that a command line asks for. Raises LaunchError for what cannot be done."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.demo", description="Train, pack, serve and ask, all on this machine."
    )
    parser.add_argument(
        "--data", type=Path, help="folder with train, valid and test, each with a folder a class (default: drawn)"
    )
    parser.add_argument("--weights", type=Path, help="pretrained state dict of --arch (default: none, train from scratch)")
    parser.add_argument("--home", type=Path, default=HOME / "demo", help="where the demo works (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the drawn set and of the training (default: %(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a hyperparameter of the train program")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    given = parser.parse_args(arguments)
    chosen = dict(PHOTOGRAPHS if given.weights else DRAWN)
    for pair in given.set:
        name, equals, value = pair.partition("=")
        if not equals:
            raise LaunchError(f"--set {pair}: need NAME=VALUE, such as --set epochs=3")
        chosen[name] = value
    return DemoConfig(
        home=given.home,
        data=given.data,
        weights=given.weights,
        seed=given.seed,
        hyperparameters={"seed": str(given.seed)} | chosen,
        debug=given.debug,
    )


def inherited_environment() -> dict[str, str]:
    """What a started program inherits: enough to run, nothing of the person's credentials."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
