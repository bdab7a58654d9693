"""smdebug's hook: made from the job's file, saves what it says, and leaves no trace in the artefact."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.train_jobs import ROOT, WHOLE, Container, nursery

CONFIG = {
    "S3OutputPath": "s3://bucket/tensors",
    "LocalPath": "/opt/ml/output/tensors",
    "HookParameters": {"train.save_interval": "2", "eval.save_interval": "1"},
    "CollectionConfigurations": [
        {"CollectionName": "losses"},
        {"CollectionName": "weights", "CollectionParameters": {"train.save_interval": "3", "eval.save_interval": "100"}},
        {"CollectionName": "gradients", "CollectionParameters": {"train.save_interval": "3", "eval.save_interval": "100"}},
    ],
}

_PREDICT = """
import sys
class Refuse:
    def find_spec(self, name, *rest):
        if name.split(".")[0] == "smdebug":
            raise ImportError("smdebug is not installed here")
sys.meta_path.insert(0, Refuse())
import numpy as np, openvino
from safetensors.torch import load_file
import torch
from torchvision import models
folder, pictures = sys.argv[1], np.random.default_rng(0).standard_normal((2, 3, 32, 32), dtype=np.float32)
network = models.get_model("shufflenet_v2_x0_5", weights=None, num_classes=3)
network.load_state_dict(load_file(folder + "/model.safetensors"))
with torch.no_grad():
    print(network.eval()(torch.from_numpy(pictures)).numpy().tobytes().hex())
print(openvino.Core().compile_model(folder + "/model.xml", "CPU")(pictures)[0].tobytes().hex())
"""


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Container, Container]:
    """The same job with a hook and without."""
    folder = tmp_path_factory.mktemp("jobs")
    hooked, plain = Container(folder / "hooked", **WHOLE), Container(folder / "plain", **WHOLE)
    hooked.put("debughookconfig", CONFIG)
    run = hooked.run(TRAINING_JOB_NAME="job-1", TRAINING_JOB_ARN="arn:aws:sagemaker:eu-west-1:123456789012:training-job/job-1")
    assert run.code == 0, run.err
    attempt = nursery().start(plain, folder / "attempt")
    assert attempt.wait() == 0, attempt.log
    return hooked, plain


def test_tensors_are_saved_by_mode_and_collection(jobs: tuple[Container, Container]) -> None:
    hooked, plain = jobs
    (hooked.layout.tensors / "training_job_end.ts").touch()  # the platform's part
    found = _read(hooked.layout.tensors)
    print(found)
    assert found["train losses"] == [0, 2, 4], "six training steps, every second one"
    assert found["eval losses"] == [0, 1, 2, 3], "two validations of two batches"
    assert found["train weights"] == [0, 3] and found["train gradients"] == [0, 3]
    assert not plain.layout.tensors.exists()


def test_the_hook_changes_nothing_and_the_model_needs_no_smdebug(jobs: tuple[Container, Container]) -> None:
    hooked, plain = jobs
    assert hooked.steps() == plain.steps()
    files = [container.layout.model / "model.safetensors" for container in jobs]
    assert files[0].read_bytes() == files[1].read_bytes()
    answers = [
        subprocess.run([sys.executable, "-c", _PREDICT, str(container.layout.model)], cwd=ROOT, capture_output=True, text=True)
        for container in (hooked, plain)
    ]
    assert answers[0].returncode == 0, answers[0].stderr
    assert answers[0].stdout == answers[1].stdout and len(answers[0].stdout) > 90


def test_a_job_without_a_hook_never_imports_smdebug() -> None:
    probe = "import sys; from train import worker; print([name for name in sys.modules if name.startswith('smdebug')])"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_hook_that_smdebug_refuses_is_told_as_the_jobs_fault(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml")
    container.put("debughookconfig", CONFIG | {"HookParameters": {"train.save_interval": "often"}})
    assert container.run().code == 1
    assert container.failure.startswith("ConfigError: debughookconfig.json: smdebug refuses it: ")


_LOSSES = """
import json, sys
from pathlib import Path
import torch
from torch import nn
from contract.layout import Layout
from train.profiling.debug_hook import Hook
folder, others = Path(sys.argv[1]), json.loads(sys.argv[2])
config = folder / "debughookconfig.json"
losses = {"CollectionName": "losses", "CollectionParameters": {"train.save_interval": "2", "eval.save_interval": "1"}}
config.write_text(json.dumps({"CollectionConfigurations": [losses, *others]}))
torch.manual_seed(0)
network, loss = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3)), nn.CrossEntropyLoss()
private = folder / "private"
private.mkdir()
hook = Hook(config, Layout(folder), private, network, loss)
for mode in (hook.training, hook.training, hook.evaluating, hook.training):
    mode()
    for _ in range(3):
        loss(network(torch.rand(2, 4)), torch.tensor([0, 1])).backward()
hook.close()
hooks = sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules())
(folder / "hooks").write_text(str(hooks))
"""


def test_losses_alone_are_saved_as_with_other_collections_and_cost_the_layers_nothing(tmp_path: Path) -> None:
    found, hooks = [], []
    for name, others in (("alone", "[]"), ("with", '[{"CollectionName": "weights"}]')):
        folder = tmp_path / name
        folder.mkdir()
        subprocess.run([sys.executable, "-c", _LOSSES, str(folder), others], cwd=ROOT, check=True, capture_output=True)
        (folder / "output" / "tensors" / "training_job_end.ts").touch()
        found.append(_read(folder / "output" / "tensors"))
        hooks.append(int((folder / "hooks").read_text()))
    alone, together = found
    assert alone["train losses"] == together["train losses"] == [0, 2, 4, 6, 8]
    assert alone["eval losses"] == together["eval losses"] == [0, 1, 2]
    assert hooks[0] == 1 < hooks[1]


_READ = """
import json, sys
from smdebug.trials import create_trial
from smdebug.core.modes import ModeKeys
trial = create_trial(sys.argv[1])
found = {}
for mode in (ModeKeys.TRAIN, ModeKeys.EVAL):
    for name in ("losses", "weights", "gradients"):
        steps = set()
        for tensor in trial.tensor_names(collection=name):
            steps |= set(trial.tensor(tensor).steps(mode))
        found[f"{mode.name.lower()} {name}"] = sorted(steps)
print("found " + json.dumps(found))
"""


def _read(folder: Path) -> dict[str, list[int]]:
    """The steps of each mode and collection, as a rule would read them."""
    done = subprocess.run([sys.executable, "-c", _READ, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("found ")).removeprefix("found "))
