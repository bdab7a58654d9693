"""Features computed once, heads trained on them: the program from both ends, held to what training in place does."""

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from contract import manifest, metrics
from contract.layout import Layout
from contract.pictures.picture import open_picture
from contract.pictures.preprocess import prepare
from tests.support.train_jobs import Container, Ended, ended, nursery, wait_until
from train.data import features
from train.data.features import MARKER, VALUES
from train.model import network

SETTINGS = {"arch": "resnet18", "train_layers": "head", "epochs": "3", "lr": "0.01"}


def features_job(base: Path, **settings: str) -> Container:
    container = Container(base, **(SETTINGS | {"task": "features", "views": "3"} | settings))
    container.put("checkpointconfig", {"S3Uri": "s3://bucket/features/", "LocalPath": "/opt/ml/checkpoints"})
    return container


def head_job(base: Path, source: Container, **settings: str) -> Container:
    """A job whose only channel is what the features job left."""
    shutil.copytree(source.layout.checkpoints, Layout(base).channel("features"))
    return Container(base, train=0, validation=0, **(SETTINGS | {"views": "3", "export": "weights"} | settings))


class Trained:
    """One plain job, one of features of the same pictures, one on these."""

    def __init__(self, folder: Path) -> None:
        self.plain, self.made = Container(folder / "plain", **SETTINGS), features_job(folder / "features")
        attempt(self.plain, folder / "private")
        assert "features of validation: 12 pictures" in attempt(self.made, folder / "private-2")
        self.head = head_job(folder / "head", self.made)
        self.run: Ended = self.head.run(TRAINING_JOB_NAME="head-1")
        assert self.run.code == 0, self.run.err


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("features"))


def test_with_a_view_an_epoch_a_head_takes_the_very_steps_of_training_in_place(trained: Trained) -> None:
    plain, head = trained.plain.steps(), trained.head.steps()
    assert len(plain) == len(head) == 9
    for ours, theirs in zip(head, plain, strict=True):
        assert {name: ours[name] for name in ("step", "epoch", "lr", "pictures")} == {
            name: theirs[name] for name in ("step", "epoch", "lr", "pictures")
        }
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), rel=1e-4)


def test_bfloat16_is_the_plain_ways_bfloat16_in_training_and_float32_in_evaluation(trained: Trained, tmp_path: Path) -> None:
    plain = Container(tmp_path / "plain", **SETTINGS, precision="bfloat16")
    made = features_job(tmp_path / "features", precision="bfloat16")
    attempt(plain, tmp_path / "1")
    attempt(made, tmp_path / "2")
    head = head_job(tmp_path / "head", made, precision="bfloat16")
    attempt(head, tmp_path / "3")
    for ours, theirs in zip(head.steps(), plain.steps(), strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), rel=1e-4)
    exact, fast = (load_file(job.layout.checkpoints / VALUES) for job in (trained.made, made))
    assert torch.equal(exact["validation"], fast["validation"]) and not torch.equal(exact["train"], fast["train"])
    assert torch.equal(fast["train"], fast["train"].bfloat16().float()), "what a step in place gives its head"
    assert json.loads((made.layout.checkpoints / MARKER).read_text())["recipe"]["numbers"] == "bfloat16"
    other = head_job(tmp_path / "float32", made)
    assert "channel features: made with precision 'bfloat16'" in attempt(other, tmp_path / "4", code=1)


def test_it_prints_the_same_metrics_with_the_same_values(trained: Trained) -> None:
    found = metrics.scan(trained.run.out)
    ours, plain = (json.loads((job.layout.output_data / "history.json").read_text()) for job in (trained.head, trained.plain))
    for mine, theirs in zip(ours, plain, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-4)
    assert [len(found[name]) for name in ("train:loss", "validation:loss", "train:seconds_per_step")] == [3, 3, 1]


def test_the_model_is_the_whole_network_bit_for_bit(trained: Trained) -> None:
    made = manifest.verify(trained.head.layout.model)
    state = load_file(trained.head.layout.model / "model.safetensors")
    module = network.build("resnet18", 3, 32)
    module.load_state_dict(state)
    kept = features.read(trained.head.layout.channel("features"), trained.head.job().config)
    assert set(state) == set(module.state_dict())
    for name, tensor in kept.weights.items():
        assert torch.equal(state[name], tensor) is not name.startswith("fc."), name
    saved = torch.load(sorted(trained.head.layout.checkpoints.glob("*.pt"))[-1], weights_only=True)["model"]
    assert all(torch.equal(state[f"fc.{name}"], tensor) for name, tensor in saved.items())
    module.eval().to(memory_format=torch.channels_last)
    indices = kept.collection.indices("validation")
    pictures = [trained.made.base / "input" / "data" / kept.collection.pictures[index].path for index in indices]
    inputs = np.stack([prepare(open_picture(path, shorter_side=37), made.preprocessing) for path in pictures])
    with torch.inference_mode():
        whole = module(torch.from_numpy(inputs[:8]).contiguous(memory_format=torch.channels_last))
        head = torch.nn.functional.linear(kept.tensors["validation"][:8], saved["weight"], saved["bias"])
    assert torch.equal(whole.argmax(1), head.argmax(1)) and torch.allclose(whole, head, atol=1e-5)


def test_the_model_says_where_it_comes_from_and_holds_no_openvino(trained: Trained) -> None:
    made = manifest.verify(trained.head.layout.model)
    assert set(made.files) == {"model.safetensors"}
    assert made.provenance["features_sha256"] == manifest.digest(trained.made.layout.checkpoints / VALUES)
    assert made.provenance["pictures"] == {"train": 24, "validation": 12} and made.provenance["job"] == "head-1"
    assert "training head on features" in trained.run.out


def test_a_second_job_finds_them_and_a_damaged_or_stale_one_computes_them_again(trained: Trained, tmp_path: Path) -> None:
    job = features_job(tmp_path / "ml")
    shutil.copytree(trained.made.layout.checkpoints, job.layout.checkpoints)
    before = (job.layout.checkpoints / MARKER).read_bytes()
    assert "the features of these pictures and weights are in" in (run := attempt(job, tmp_path / "1")), run
    values = job.layout.checkpoints / VALUES
    values.write_bytes(values.read_bytes()[:-1] + b"x")
    assert "computed: features.safetensors: SHA-256 is not what" in (run := attempt(job, tmp_path / "2")), run
    assert (job.layout.checkpoints / MARKER).read_bytes() == before
    picture = next((job.base / "input" / "data" / "train" / "a").iterdir())
    shutil.copy(next((job.base / "input" / "data" / "train" / "b").iterdir()), picture)
    assert "computed: they were made with another pictures" in (run := attempt(job, tmp_path / "3")), run
    assert (job.layout.checkpoints / MARKER).read_bytes() != before


def attempt(job: Container, folder: Path, code: int = 0) -> str:
    run = nursery().start(job, folder)
    assert run.wait() == code, run.log
    return run.log if code == 0 else run.failure["message"]


def test_a_job_on_features_is_killed_resumed_and_ends_as_one_that_was_not(trained: Trained, tmp_path: Path) -> None:
    job = head_job(tmp_path / "ml", trained.made)
    killed = nursery().start(job, tmp_path / "killed")
    wait_until(lambda: job.checkpoints())
    killed.kill()
    killed.wait()
    assert "resumed from the checkpoint of step" in attempt(job, tmp_path / "again")
    assert manifest.verify(job.layout.model).files == manifest.verify(trained.head.layout.model).files
    assert job.steps() == trained.head.steps()


def test_a_stop_signal_ends_both_kinds_well(trained: Trained, tmp_path: Path) -> None:
    job = head_job(tmp_path / "head", trained.made, epochs="10000")
    process = job.start()
    wait_until(lambda: len(job.steps()) > 3)
    process.send_signal(signal.SIGTERM)
    run = ended(process)
    assert run.code == 0 and manifest.verify(job.layout.model).provenance["finished"] is False, run.err
    made = features_job(tmp_path / "features")
    run = nursery().start(made, tmp_path / "private")
    run.stop()
    assert run.wait() == 0 and "stopped; features are kept whole or not at all" in run.log
    assert not (made.layout.checkpoints / MARKER).exists()


def test_what_cannot_be_is_refused_by_name(trained: Trained, tmp_path: Path) -> None:
    for number, (job, words) in enumerate(
        [
            (head_job(tmp_path / "all", trained.made, train_layers="all"), "train-layers: all, but features are of a frozen"),
            (head_job(tmp_path / "two", trained.made, processes="2"), "processes: 2, but a job of features needs one"),
            (head_job(tmp_path / "both", trained.made, task="features"), "has a channel of them already"),
            (features_job(tmp_path / "nowhere"), "features go to where CheckpointConfig says"),
        ]
    ):
        if number == 3:
            job.layout.checkpoint_config.unlink()
        run = job.run()
        assert run.code == 1 and words in job.failure, job.failure


def test_what_does_not_fit_is_one_line(trained: Trained, tmp_path: Path) -> None:
    other = head_job(tmp_path / "seed", trained.made, seed="5")
    assert "channel features: made with seed 0; this job has other values" in attempt(other, tmp_path / "1", code=1)
    cut = head_job(tmp_path / "cut", trained.made)
    path = cut.layout.channel("features") / VALUES
    path.write_bytes(path.read_bytes()[:100])
    assert "features.safetensors: 100 bytes where features.json says" in attempt(cut, tmp_path / "2", code=1)
    conv = features_job(tmp_path / "conv", arch="squeezenet1_1")
    assert "need a network that ends in a Linear layer" in attempt(conv, tmp_path / "3", code=1)
