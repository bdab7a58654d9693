"""Row 4: the newest checkpoint cut, flipped or made a pickle bomb: named, skipped, never run; none valid ends the job."""

import hashlib
import json
import os
import pickle
import random
import shutil
from pathlib import Path

from tests.support.train_jobs import Container, nursery

DAMAGES = 4


class Bomb:
    """A pickle that leaves a file behind when it is loaded."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self._canary}",)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml")
    canary, choice = tmp_path / "canary", random.Random(4)
    first = nursery().start(container, tmp_path / "first")
    assert first.wait() == 0, first.log
    older, newest = container.checkpoints()
    whole = shutil.copytree(container.layout.checkpoints, tmp_path / "whole")
    for number in range(DAMAGES):
        shutil.rmtree(container.layout.checkpoints)
        shutil.copytree(whole, container.layout.checkpoints)
        _damage(container.layout.checkpoints / f"step-{newest:09d}.pt", number, choice, canary)
        attempt = nursery().start(container, tmp_path / f"attempt-{number}")
        assert attempt.wait() == 0, attempt.log
        assert f"checkpoint of step {newest} is not usable and is skipped: " in attempt.log
        assert f"resumed from the checkpoint of step {older}" in attempt.log
    for path in container.layout.checkpoints.glob("*.pt"):
        _damage(path, 0, choice, canary)
    shutil.rmtree(container.layout.model)
    attempt = nursery().start(container, tmp_path / "none-valid")
    assert attempt.wait() == 1, attempt.log
    print(f"{DAMAGES} damages survived; none valid: {attempt.reason}")
    assert attempt.reason.startswith("CheckpointError: none of 2 checkpoints is usable (step 6: SHA-256 differs")
    assert not container.layout.model.exists()
    assert not canary.exists()


def _damage(path: Path, kind: int, choice: random.Random, canary: Path) -> None:
    body = bytearray(path.read_bytes())
    place = choice.randrange(len(body))
    if kind % 4 == 0:
        path.write_bytes(body[:place])
    elif kind % 4 == 1:
        body[place] ^= 1 << choice.randrange(8)
        path.write_bytes(body)
    else:
        path.write_bytes(pickle.dumps({"model": Bomb(canary)}))
    if kind % 4 == 3:  # an attacker who writes the marker, too
        marker = path.with_suffix(".json")
        told = json.loads(marker.read_text()) | {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        told.pop("check")
        check = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        marker.write_text(json.dumps(told | {"check": check}))
