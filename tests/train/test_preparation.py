"""A training prepared from pictures: network, loader and the digest of the weights' file. Of features: data/test_features.py."""

from pathlib import Path

import torch

from contract.manifest import digest
from tests.support.train_jobs import Container
from train import preparation
from train.config import ProcessRank
from train.model import network
from train.ranks import Ranks
from train.report import Report


def test_the_weights_of_the_pretrained_channel_are_in_the_network_and_named_by_their_digest(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", arch="squeezenet1_1", train_layers="head", loader_workers="0")
    folder = container.layout.channel("pretrained")
    folder.mkdir()
    torch.manual_seed(1)
    torch.save(network.build("squeezenet1_1", 3, 32).state_dict(), folder / "weights.pth")
    job = container.job()
    made = preparation.from_pictures(
        job, preparation.collect(job), Ranks(ProcessRank(), tmp_path / "stop"), Report(True), tmp_path
    )
    assert made.sources == {"pretrained": digest(folder / "weights.pth")} and made.bad == []
    loaded, saved = made.network.module.state_dict(), torch.load(folder / "weights.pth", weights_only=True)
    assert all(torch.equal(loaded[name].cpu(), saved[name]) for name in saved)
    assert made.whole(loaded) == loaded and (tmp_path / "pictures").is_dir(), "the cache of a job with two epochs"
    assert [parameter.shape[0] for parameter in made.network.parameters()] == [3, 3], "the head's"
