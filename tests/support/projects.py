"""The scripts of tests/projects as their owners send them: entry point, hyperparameters, channels, metric, what comes back."""

import dataclasses
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision

from scripts.files import hub_cache

FOLDER = Path(__file__).parents[1] / "projects"
TRAINING_IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:1.8-cpu-py36"
RULES_IMAGE = "503895931360.dkr.ecr.us-east-1.amazonaws.com/sagemaker-debugger-rules:latest"
PRETRAINED = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet50": "resnet50-0676ba61.pth",
    "inception_v3": "inception_v3_google-0cc3c7bd.pth",
}
"""The file that torchvision looks for where a script says pretrained=True."""
AVERAGE_LOSS = {"Name": "average test loss", "Regex": r"Test set: Average loss: ([0-9\.]+)"}
TESTING_LOSS = {"Name": "Testing Loss", "Regex": r"Testing Loss: ([0-9\.]+)"}
ACCURACY = {"Name": "accuracy", "Regex": r"\((\d+)%\)"}
SPLITS = {name: name for name in ("train", "valid", "test")}
BOTH = ("TRAIN", "EVAL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One script. `channels`: the part of the pictures for each, "" for all of it. `saved`: what model.tar.gz holds.

    `modes`: those that the script sets in smdebug's hook, for which its loss is saved.
    """

    name: str
    program: str
    metric: Mapping[str, str]
    hyperparameters: Mapping[str, Any]
    channels: Mapping[str, str]
    saved: tuple[str, ...]
    output: tuple[str, ...] = ()
    loss: str = "CrossEntropyLoss_output_0"
    modes: tuple[str, ...] = ("GLOBAL",)
    pretrained: str = ""
    instances: int = 1
    distribution: Mapping[str, Any] = field(default_factory=dict)
    installs: tuple[str, ...] = ()
    """Packages that its requirements.txt names: a package index has to have them."""

    @property
    def source(self) -> Path:
        """The folder that is sent."""
        return FOLDER / self.name


PROJECTS = (
    Project(
        name="head_logged",
        program="hpo.py",
        metric=AVERAGE_LOSS,
        hyperparameters={"batch-size": 6, "epochs": 2, "lr": 0.01, "eps": 1e-8},
        channels=SPLITS,
        saved=("model.pth",),
    ),
    Project(
        name="hooked_whole_model",
        program="train_model.py",
        metric=TESTING_LOSS,
        hyperparameters={"batch_size": 6, "learning_rate": 0.001, "epochs": 1},
        channels=SPLITS,
        saved=("model.pth",),
        modes=BOTH,
    ),
    Project(
        name="unhooked_phases",
        program="train.py",
        metric={"Name": "valid loss", "Regex": r"valid loss: ([0-9\.]+)"},
        hyperparameters={"epochs": 3, "patience": 1, "lr": 0.1},
        channels=SPLITS,
        saved=("model.pt",),
        output=("best.json",),
    ),
    Project(
        name="pretrained_resnet50",
        program="train_model.py",
        metric=TESTING_LOSS,
        hyperparameters={"batch_size": 6, "learning_rate": 0.001, "weight-decay": 0.01, "epochs": 2},
        channels={"data": ""},
        saved=("model.pth",),
        modes=BOTH,
        pretrained="resnet50",
    ),
    Project(
        name="inception_early_stop",
        program="train.py",
        metric=AVERAGE_LOSS,
        hyperparameters={"batch-size": 6, "epochs": 2, "lr": "0.01", "eps": 1e-9, "weight-decay": 0.1},
        channels=SPLITS,
        saved=("model.pth",),
        loss="NLLLoss_output_0",
        modes=BOTH,
        pretrained="inception_v3",
    ),
    Project(
        name="launched_ddp",
        program="train_ddp.py",
        metric=AVERAGE_LOSS,
        hyperparameters={"batch-size": 6, "epochs": 3, "lr": 0.005},
        channels={"training": ""},
        saved=("model.pth",),
        distribution={"torch_distributed": {"enabled": True}},
    ),
    Project(
        name="hosts_gloo",
        program="hpo.py",
        metric=AVERAGE_LOSS,
        hyperparameters={"batch-size": 6, "test-batch-size": 6, "epochs": 3, "backend": "gloo"},
        channels={"training": ""},
        saved=("model.pth",),
        loss="NLLLoss_output_0",
        instances=2,
    ),
    Project(
        name="packages_report",
        program="train.py",
        metric={"Name": "average test loss", "Regex": r"average test loss: ([0-9\.]+)"},
        hyperparameters={"batch_size": 6, "epochs": 3, "lr": 0.05},
        channels=SPLITS,
        saved=("classes.pkl", "model.pt"),
        output=("confusion.csv", "confusion.png", "history.csv"),
        modes=BOTH,
        installs=("tabulate",),
    ),
    Project(
        name="transformers_trainer",
        program="train.py",
        metric={"Name": "eval_loss", "Regex": r"eval_loss = ([0-9\.]+)"},
        hyperparameters={"epochs": 2, "train_batch_size": 4, "model_name": "tiny"},
        channels=SPLITS,
        saved=("config.json", "model.safetensors", "training_args.bin"),
        output=("eval_results.txt",),
        installs=("transformers", "accelerate"),
    ),
    Project(
        name="traced_choice",
        program="train.py",
        metric={"Name": "Test Accuracy", "Regex": r"Test Accuracy: ([0-9\.]+)"},
        hyperparameters={"batch_size": 4, "epochs": 2, "gpu": True, "model": "resnet18", "valid_share": 0.34},
        channels={"training": "train"},
        saved=("classes.json", "model.pt"),
        modes=BOTH,
        pretrained="resnet18",
    ),
    Project(
        name="literal_paths",
        program="train.py",
        metric=ACCURACY,
        hyperparameters={"batch-size": 4, "epochs": 2, "lr": 0.001},
        channels=SPLITS,
        saved=("model.pt",),
        output=("result.json",),
    ),
    Project(
        name="served_from_one_file",
        program="train_model.py",
        metric=ACCURACY,
        hyperparameters={"batch_size": 4, "epochs": 2, "lr": 0.003, "share": 0.5},
        channels=SPLITS,
        saved=("model.pth",),
        modes=BOTH,
        pretrained="resnet18",
    ),
)
NAMED = {project.name: project for project in PROJECTS}


def put_weights(cache: Path, *networks: str) -> None:
    """Puts weights that know nothing where a cache has what pretrained=True asks for, as `kennel weights` puts real ones."""
    for network in filter(None, networks):
        path = hub_cache.place(cache) / PRETRAINED[network]
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            extra = {"init_weights": False} if network == "inception_v3" else {}
            torch.manual_seed(0)
            torch.save(getattr(torchvision.models, network)(weights=None, **extra).state_dict(), path)


def skip_without_packages(project: Project, folder: Path) -> None:
    """Skips, and says so, where no package index has what the project's requirements.txt asks for."""
    if project.installs:
        words = ["download", "--quiet", "--no-deps", "--dest", str(folder), *project.installs]
        done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no package index has {', '.join(project.installs)}: {done.stderr.strip().splitlines()[-1][:200]}")


def as_json(project: Project) -> str:
    """What a program of another environment needs to know of it."""
    return json.dumps(dataclasses.asdict(project) | {"source": str(project.source)})


def source_archive(project: Project) -> bytes:
    """The project's sourcedir.tar.gz, as the SDK packs it."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        for path in sorted(project.source.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                tar.add(path, path.relative_to(project.source).as_posix())
    return body.getvalue()


def sent_hyperparameters(project: Project, source: str) -> dict[str, str]:
    """As version 2 of the SDK's PyTorch estimator sends them: each value as JSON."""
    given = {"sagemaker_program": project.program, "sagemaker_submit_directory": source, "sagemaker_region": "us-east-1"}
    if project.distribution:
        given |= {"sagemaker_torch_distributed_enabled": True, "sagemaker_instance_type": "ml.m5.xlarge"}
    return {name: json.dumps(value) for name, value in {**project.hyperparameters, **given}.items()}
