"""Row 78. Weights that are a web page, a Git LFS pointer, a pickled network or NaN: told by `kennel weights` and by the job."""

import os
from pathlib import Path

import pytest
import torch

from tests.support.person import AWS, WEIGHTS, KennelHere
from tests.support.train_jobs import Container, nursery

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 46830571\n"


class Bomb:
    """An object whose unpickling makes a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.canary}",)


def made(folder: Path) -> dict[str, tuple[Path, str]]:
    """By name: a file, and what is told of it."""
    files = {name: folder / f"{name}.pth" for name in ("page", "pointer", "network", "bomb", "nan")}
    files["page"].write_bytes(b"<!DOCTYPE html><html><title>Sign in</title></html>")
    files["pointer"].write_bytes(LFS)
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 2)), files["network"])
    torch.save({"w": Bomb(folder / "canary")}, files["bomb"])
    torch.save({"fc.weight": torch.tensor([1.0, float("nan")])}, files["nan"])
    told = {
        "page": "is a web page, not weights",
        "pointer": "is a Git LFS pointer",
        "network": "holds pickled Python objects (torch.nn.modules",
        "bomb": "holds pickled Python objects (posix.system)",
        "nan": "holds NaN or infinity in 'fc.weight'",
    }
    return {name: (path, told[name]) for name, path in files.items()}


def test_kennel_weights_says_what_the_file_is_and_runs_nothing(tmp_path: Path) -> None:
    kennel = KennelHere(tmp_path / "person")
    kennel.settings(AWS)
    for name, (path, told) in made(tmp_path).items():
        error = kennel.run("weights", str(path), "--target", "aws", "--dry-run", status=2).stderr
        print(f"{name}: {error.strip()}")
        assert told in error and len(error.strip().splitlines()) == 1
    assert not (tmp_path / "canary").exists() and not (kennel.folder / ".kennel").exists(), "nothing is remembered"


@pytest.mark.parametrize("name", ["page", "bomb", "nan"])
def test_the_job_says_it_too_and_never_how_to_switch_safety_off(name: str, tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", train=2, validation=1, loader_workers="0")
    path, told = made(tmp_path)[name]
    channel = container.layout.channel("pretrained")
    channel.mkdir()
    (channel / "w.pth").write_bytes(path.read_bytes())
    container.configure(container.hyperparameters)
    attempt = nursery().start(container, tmp_path / "attempt")
    assert attempt.wait() == 1, attempt.log
    print(attempt.reason)
    assert attempt.reason.startswith("PretrainedError: w.pth") and told in attempt.reason
    assert "weights_only" not in attempt.log + attempt.reason and not (tmp_path / "canary").exists()


def test_weights_that_were_uploaded_can_be_left_out(tmp_path: Path) -> None:
    kennel = KennelHere(tmp_path)
    kennel.settings(AWS)
    (tmp_path / "w.pth").write_bytes(WEIGHTS)
    kennel.run("weights", str(tmp_path / "w.pth"), "--target", "aws", "--dry-run")
    kennel.state("aws", weights="w")
    for verb in ("train", "tune"):
        with_them, without = (
            str(kennel.plan(verb, "--data-name", "dogs", "--target", "aws", *words)) for words in ((), ("--no-weights",))
        )
        assert "'pretrained'" in with_them and "'pretrained'" not in without
    refused = kennel.run("train", "--data-name", "dogs", "--target", "aws", "--fine-tune", "--no-weights", status=2).stderr
    assert "--fine-tune: needs pretrained weights" in refused
