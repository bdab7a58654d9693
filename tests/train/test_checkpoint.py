"""Checkpoints on disk: whole or absent, two kept, the newest valid one read, nothing unpickled."""

import json
import os
import random
from pathlib import Path

import pytest
import torch

from train.checkpoint import Checkpoints
from train.errors import CheckpointError
from train.report import Report

CPU = torch.device("cpu")


def checkpoints(folder: Path, **fields: object) -> Checkpoints:
    return Checkpoints(folder, fields, Report(True))


def state(step: int) -> dict:
    return {"model": {"w": torch.full((2000,), float(step))}, "position": [step, 0.5], "history": [{"epoch": 1}]}


def test_the_newest_is_read_and_two_are_kept(tmp_path: Path) -> None:
    stored = checkpoints(tmp_path)
    assert stored.load(CPU) is None
    for step in (1, 2, 30):
        stored.save(step, state(step))
    found = stored.load(CPU)
    assert found is not None and found[0] == 30 and found[1]["position"] == [30, 0.5]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"step-{step:09d}.{kind}" for step in (2, 30) for kind in ("json", "pt")
    ]


@pytest.mark.parametrize("kind", ["pt", "json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "gone", "empty"])
def test_a_damaged_newest_gives_way_to_the_one_before(
    tmp_path: Path, kind: str, damage: str, capsys: pytest.CaptureFixture
) -> None:
    stored = checkpoints(tmp_path, lr=0.1)
    stored.save(1, state(1))
    stored.save(2, state(2))
    path = tmp_path / f"step-000000002.{kind}"
    body = bytearray(path.read_bytes())
    place = random.Random(damage + kind).randrange(len(body))
    if damage == "gone":
        path.unlink()
    else:
        body[place] ^= 0x10
        path.write_bytes({"cut": bytes(body[:place]), "flip": bytes(body), "empty": b""}[damage])
    found = stored.load(CPU)
    assert found is not None and found[0] == 1
    assert ("step 2 is not usable" in capsys.readouterr().out) == (not (kind == "json" and damage == "gone"))


def test_none_valid_among_some_is_an_error(tmp_path: Path) -> None:
    stored = checkpoints(tmp_path)
    stored.save(1, state(1))
    (tmp_path / "step-000000001.pt").write_bytes(b"x")
    with pytest.raises(CheckpointError, match="none of 1 checkpoints is usable"):
        stored.load(CPU)


def test_a_first_save_that_was_killed_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "step-000000001.pt").write_bytes(b"whole, but without its marker")
    (tmp_path / ".step-000000002.pt.123.tmp").write_bytes(b"half")
    stored = checkpoints(tmp_path)
    assert stored.load(CPU) is None
    stored.save(5, state(5))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000005.json", "step-000000005.pt"]


def test_a_pickle_with_a_right_digest_is_not_unpickled(tmp_path: Path) -> None:
    canary = tmp_path / "canary"

    class Bomb:
        def __reduce__(self) -> tuple:
            return os.system, (f"touch {canary}",)

    stored = checkpoints(tmp_path / "c")
    stored.save(1, state(1))
    stored.save(2, state(2) | {"history": Bomb()})
    found = stored.load(CPU)
    assert found is not None and found[0] == 1
    assert not canary.exists()


def test_a_field_that_differs_is_named(tmp_path: Path) -> None:
    checkpoints(tmp_path, lr=0.1, arch="resnet18").save(1, state(1))
    with pytest.raises(CheckpointError, match="arch: the checkpoint was made with 'resnet18', this job has 'resnet50'"):
        checkpoints(tmp_path, lr=0.1, arch="resnet50").load(CPU)


def test_the_marker_names_the_digest_of_what_lies_there(tmp_path: Path) -> None:
    import hashlib

    checkpoints(tmp_path).save(1, state(1))
    marker = json.loads((tmp_path / "step-000000001.json").read_text())
    assert marker["sha256"] == hashlib.sha256((tmp_path / "step-000000001.pt").read_bytes()).hexdigest()
