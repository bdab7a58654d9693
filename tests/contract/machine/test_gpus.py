"""GPUs are counted by their devices and by what CUDA is told to see."""

from pathlib import Path

import pytest

from contract.machine import gpus


def test_gpus_are_counted_by_their_devices(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia0x"):
        (tmp_path / name).touch()
    assert gpus.count({}, tmp_path) == 2
    assert gpus.count({"CUDA_VISIBLE_DEVICES": "1"}, tmp_path) == 1
    assert gpus.count({"CUDA_VISIBLE_DEVICES": ""}, tmp_path) == 0


@pytest.mark.parametrize(("said", "left"), [("", 0), ("-1", 0), ("0", 1), ("2,3", 2), ("0, 1,2,3,4", 4), ("1,-1,2", 1)])
def test_what_cuda_is_told_to_see(said: str, left: int) -> None:
    assert gpus.visible({"CUDA_VISIBLE_DEVICES": said}, 4) == left
    assert gpus.visible({}, 4) == 4
