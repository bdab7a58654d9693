"""Scripts as people wrote them (tests/projects), unmodified, on drawn pictures; their tensors read back with smdebug."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from smdebug.trials import create_trial

from tests.support.script_jobs import ScriptContainer

PROJECTS = Path(__file__).parents[2] / "projects"


def start(base: Path, project: str, program: str, *, hook: bool, **hyperparameters: Any) -> ScriptContainer:
    folder = PROJECTS / project
    files = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.py")}
    job = ScriptContainer(base / "ml", files, program=program, pictures=2, **hyperparameters)
    if hook:
        collections = [{"CollectionName": "losses"}, {"CollectionName": "gradients"}]
        settings = {"HookParameters": {"save_interval": "1"}, "CollectionConfigurations": collections}
        job.put("debughookconfig", {"LocalPath": str(job.layout.tensors), "S3OutputPath": "s3://bucket/tensors", **settings})
    return job


def test_a_head_is_trained_and_its_metric_printed(tmp_path: Path) -> None:
    job = start(tmp_path, "head_logged", "hpo.py", hook=False, **{"batch-size": 6, "lr": 0.01})
    run = job.run()
    assert run.code == 0, run.err
    assert "Test set: Average loss: " in run.out
    state = torch.load(job.layout.model / "model.pth", weights_only=True)
    assert state["fc.0.weight"].shape == (3, 512)


def test_a_script_with_a_hook_saves_tensors_and_its_whole_module(tmp_path: Path) -> None:
    job = start(tmp_path, "hooked_whole_model", "train_model.py", hook=True, batch_size=6, learning_rate=0.001, epochs=1)
    run = job.run()
    assert run.code == 0, run.err
    trial = create_trial(str(job.layout.tensors))
    assert trial.tensor_names(collection="losses") == ["CrossEntropyLoss_output_0"]
    assert len(trial.tensor_names(collection="gradients")) == 62
    assert (job.layout.model / "model.pth").stat().st_size > 40_000_000


@pytest.mark.parametrize("compat", ["on", "off"])
def test_a_script_without_a_hook_gets_one_and_finds_the_names_of_its_time(tmp_path: Path, compat: str) -> None:
    job = start(tmp_path, "unhooked_phases", "train.py", hook=True, lr=0.1)
    run = job.run(KENNEL_COMPAT=compat)
    if compat == "off":
        assert run.code == 1 and "ANTIALIAS" in job.failure, job.failure
        return
    assert run.code == 0, run.err
    assert "INFO:training:valid loss: " in run.err
    trial = create_trial(str(job.layout.tensors))
    assert trial.tensor_names(collection="losses") == ["CrossEntropyLoss_output_0"]
    assert set(trial.tensor_names(collection="gradients")) == {
        f"gradient/Net_{name}" for name in ("conv.weight", "conv.bias", "fc.weight", "fc.bias")
    }
    assert torch.jit.load(str(job.layout.model / "model.pt"))(torch.rand(1, 3, 24, 24)).shape == (1, 3)
    assert json.loads((job.layout.output_data / "best.json").read_text())["loss"] > 0


NAMES = """
import numpy as np, torch
from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR
best = np.Inf
assert best > 1e300 and np.isnan(np.NaN) and np.product([2, 3]) == 6 and np.float_ is np.float64
loader = torch.utils.data.DataLoader(list(range(4)), batch_size=2)
assert iter(loader).next().tolist() == [0, 1]
optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
plateau = ReduceLROnPlateau(optimizer, "min", patience=0, factor=0.5, verbose=True)
for loss in (1, 2, 3):
    plateau.step(loss)
assert optimizer.param_groups[0]["lr"] == 0.25
assert StepLR(optimizer, 1, verbose=True).state_dict()["step_size"] == 1
"""


@pytest.mark.parametrize("compat", ["on", "off"])
def test_names_that_numpy_and_pytorch_had(tmp_path: Path, compat: str) -> None:
    job = ScriptContainer(tmp_path / "ml", {"train.py": NAMES})
    run = job.run(KENNEL_COMPAT=compat)
    if compat == "off":
        assert run.code == 1 and "AttributeError: `np.Inf` was removed" in job.failure, job.failure
        return
    assert run.code == 0, run.err


FUNCTIONS = """
import os, torch
import torch.nn.functional as F
from torch.nn.functional import mse_loss
module = os.environ["SM_HP_MODULE"] == "true"
net = torch.nn.Sequential(torch.nn.Linear(2, 3))
rows, labels = torch.ones(4, 2), torch.tensor([0, 1, 2, 0])
for step in range(4):
    found = net(rows)
    loss = torch.nn.CrossEntropyLoss()(found, labels) if module else F.cross_entropy(found, target=labels)
    loss.backward()
    with torch.no_grad():
        mse_loss(net(rows), torch.zeros(4, 3))
torch.jit.script(torch.nn.CrossEntropyLoss())(found, labels)
torch.compile(lambda: F.cross_entropy(found.detach(), labels), backend="eager", fullgraph=True)()
assert F.cross_entropy.__name__ == "cross_entropy"
"""


@pytest.mark.parametrize("module", [False, True])
def test_a_loss_that_is_a_function_is_saved_and_none_twice(tmp_path: Path, module: bool) -> None:
    job = ScriptContainer(tmp_path / "ml", {"train.py": FUNCTIONS}, module=module)
    settings = {"HookParameters": {"save_interval": "1"}, "CollectionConfigurations": [{"CollectionName": "losses"}]}
    job.put("debughookconfig", {"LocalPath": str(job.layout.tensors), "S3OutputPath": "s3://bucket/tensors", **settings})
    run = job.run()
    assert run.code == 0 and "smdebug's hook cannot" not in run.err, run.err
    trial = create_trial(str(job.layout.tensors))
    assert trial.tensor_names(collection="losses") == ["CrossEntropyLoss_output_0"]
    losses = trial.tensor("CrossEntropyLoss_output_0")
    assert losses.steps() == [0, 2, 4, 6], "the passes between them learn nothing"
    assert all(0.5 < float(losses.value(step)) < 3 for step in losses.steps())


@pytest.mark.parametrize("name", ["random", "tempfile", "abc_helpers"])
def test_a_file_of_the_script_may_have_the_name_of_a_library(tmp_path: Path, name: str) -> None:
    """What runs before the script imports nothing that a file beside the script could stand in for."""
    script = f"import {name}\nprint({name}.OWN)\nimport logging\nlogging.getLogger('a').warning('printed')"
    run = ScriptContainer(tmp_path / "ml", {"train.py": script, f"{name}.py": "OWN = 'mine'"}).run()
    assert run.code == 0 and "mine" in run.out, run.err
    assert "Error in sitecustomize" not in run.err and "WARNING:a:printed" in run.err


def test_weights_come_from_the_cache_and_what_cannot_be_downloaded_is_told_with_the_remedy(tmp_path: Path) -> None:
    script = "from torchvision import models\nnetwork = models.squeezenet1_1(pretrained=True)\n"
    script += "print('loaded', sum(1 for _ in network.parameters()))"
    hub = tmp_path / "cache" / "torch" / "hub" / "checkpoints"
    proxies = {"HTTPS_PROXY": "http://127.0.0.1:9", "KENNEL_CACHE": str(tmp_path / "cache")}
    job = ScriptContainer(tmp_path / "one" / "ml", {"train.py": script})
    assert job.run(**proxies).code == 1
    assert "kennel weights FILE puts pretrained weights where torchvision looks" in job.failure, job.failure
    hub.mkdir(parents=True, exist_ok=True)
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), hub / "squeezenet1_1-b8a52dc0.pth")
    run = ScriptContainer(tmp_path / "two" / "ml", {"train.py": script}).run(**proxies)
    assert run.code == 0 and "loaded 52" in run.out, run.err
