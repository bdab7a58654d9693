"""The cache in which torchvision looks for pretrained weights before it downloads them, as jobs of this machine share it.

Scripts that ask for pretrained weights so run on a machine without internet. torch is not imported: the names of the files are
read in torchvision's source, where it is installed.
"""

import importlib.util
import re
import shutil
from pathlib import Path

from contract.files import replacing
from contract.script.script_mode import torch_home

_URL = re.compile(r"https://download\.pytorch\.org/models/([A-Za-z0-9_.-]+-[0-9a-f]{8}\.pth)")


def place(cache: Path) -> Path:
    """The folder of the weights in a cache."""
    return torch_home(cache) / "hub" / "checkpoints"


def known_names() -> list[str]:
    """The file names that torchvision asks for; empty where it is not installed."""
    spec = importlib.util.find_spec("torchvision")
    folders = (spec.submodule_search_locations or []) if spec else []
    files = [file for folder in folders for file in sorted((Path(folder) / "models").rglob("*.py"))]
    return sorted({name for file in files for name in _URL.findall(file.read_text(encoding="utf-8"))})


def fitting(file: Path, digest: str, names: list[str]) -> list[str]:
    """Of these names those that a file may be: the one that it has, or that its SHA-256 says, or those of its architecture.

    The architecture is what the file's name begins with, before the first dash: resnet18.pth, resnet18-imagenet.pth.
    """
    if file.name in names:
        return [file.name]
    if exact := [name for name in names if name.endswith(f"-{digest[:8]}.pth")]:
        return exact
    return [name for name in names if name.rpartition("-")[0] == file.stem.partition("-")[0]]


def put(file: Path, cache: Path, name: str) -> None:
    """Puts a copy of a file into a cache under a name. Raises OSError."""
    folder = place(cache)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / name) as aside:
        shutil.copyfile(file, aside)
