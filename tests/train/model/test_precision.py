"""bfloat16 only where nothing stands in its way, and a step in it learns what one in float32 does."""

import json
from pathlib import Path

import pytest
import torch

from tests.support.training_loop import loop
from train.errors import ConfigError
from train.model import precision

CPU = torch.device("cpu")


def hook(folder: Path, *collections: str, **parameters: str) -> Path:
    rows = [{"CollectionName": name, "CollectionParameters": {}} for name in collections]
    (folder / "hook.json").write_text(json.dumps({"HookParameters": parameters, "CollectionConfigurations": rows}))
    return folder / "hook.json"


def test_auto_follows_the_machine_and_the_hook(tmp_path: Path) -> None:
    best = torch.bfloat16 if precision.cpu_computes_bfloat16() else torch.float32
    assert precision.chosen("float32", CPU, None) == torch.float32
    assert precision.chosen("bfloat16", CPU, None) == torch.bfloat16
    assert precision.chosen("auto", CPU, None) == best
    assert precision.chosen("auto", CPU, hook(tmp_path, "losses", "weights", "gradients")) == best
    assert precision.chosen("auto", CPU, hook(tmp_path, "losses", "relu_input")) == torch.float32
    assert precision.chosen("auto", CPU, hook(tmp_path, save_all="True")) == torch.float32
    with pytest.raises(ConfigError, match="saves relu_input, and smdebug cannot write bfloat16"):
        precision.chosen("bfloat16", CPU, hook(tmp_path, "relu_input"))


def test_a_step_in_bfloat16_learns_nearly_the_same(tmp_path: Path) -> None:
    exact, fast = loop(tmp_path), loop(tmp_path)
    fast.precision = torch.bfloat16
    (tmp_path / "checkpoints").mkdir()
    for made in (exact, fast):
        assert made._train_epoch()
    assert fast.position.loss == pytest.approx(exact.position.loss, rel=0.02) and fast.position.loss != exact.position.loss
    assert {tensor.dtype for tensor in fast.network.module.state_dict().values()} == {torch.float32}
