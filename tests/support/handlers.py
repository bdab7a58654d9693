"""The inference code of tests/projects/handlers as its owners deploy it: model, question, and what the answer has to be."""

import csv
import io
import json
import pickle
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision import models

FOLDER = Path(__file__).parents[1] / "projects" / "handlers"


@dataclass(frozen=True, slots=True)
class Handler:
    """One folder of code. `model`: the files of the archive. `right`: whether an answer's body is what it has to be."""

    name: str
    model: Callable[[], dict[str, bytes]]
    right: Callable[[bytes], bool]
    body: bytes
    content_type: str = "application/json"
    accept: str = "application/json"
    entry: str = "inference.py"
    environment: Mapping[str, str] = field(default_factory=dict)

    def archive(self, code: bool = True) -> bytes:
        """model.tar.gz, with the code in `code/`, as the SDK packs it, or without."""
        packed, files = io.BytesIO(), self.model()
        if code:
            files |= {f"code/{path.name}": path.read_bytes() for path in sorted((FOLDER / self.name).glob("*.py"))}
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        return packed.getvalue()


def _saved(value: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def _linear(inputs: int, outputs: int) -> dict[str, torch.Tensor]:
    return torch.nn.Linear(inputs, outputs).state_dict()


def _resnet() -> dict[str, bytes]:
    network = models.resnet18()
    network.fc = torch.nn.Sequential(torch.nn.Linear(512, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
    return {"model.pth": _saved(network.state_dict())}


@contextmanager
def _importable(name: str) -> Iterator[Any]:
    """Their module `network`, under the name by which a pickle remembers it."""
    sys.path.insert(0, str(FOLDER / name))
    try:
        import network

        yield network
    finally:
        sys.path.pop(0)
        sys.modules.pop("network", None)


def _whole() -> dict[str, bytes]:
    with _importable("whole_module") as network:
        return {"model.pth": _saved(network.DogNet())}


def _hooked() -> dict[str, bytes]:
    import smdebug.pytorch as smd

    with _importable("hooked_module") as network, tempfile.TemporaryDirectory() as folder:
        model = network.DogNet()
        hook = smd.Hook(out_dir=f"{folder}/tensors", export_tensorboard=False)
        hook.register_module(model)
        return {"model": _saved(model)}


def _traced(module: torch.nn.Module, example: torch.Tensor) -> bytes:
    stream = io.BytesIO()
    torch.jit.save(torch.jit.trace(module.eval(), example), stream)
    return stream.getvalue()


def _averaging() -> dict[str, bytes]:
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 3))
    return {"model.pt": _saved(network.state_dict())}


def _jpeg() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 120, 40)).save(stream, "JPEG")
    return stream.getvalue()


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _shape(body: bytes) -> tuple[int, ...]:
    return np.array(json.loads(body)).shape


def _service() -> dict[str, bytes]:
    with torch.no_grad():
        layer = torch.nn.Linear(2, 2, bias=False)
        layer.weight[:] = torch.eye(2)
    return {"model.pt": _traced(layer, torch.zeros(1, 2)), "classes.txt": b"akita beagle"}


def _pickled() -> dict[str, bytes]:
    return {"model.pkl": pickle.dumps({"weights": np.array([1.0, 2.0], np.float32), "bias": 0.5})}


def _is_picture(body: bytes) -> bool:
    picture = Image.open(io.BytesIO(body))
    return picture.format == "PNG" and picture.size == (40, 30)


def _is_share(body: bytes) -> bool:
    return _shape(body) == (1, 3) and abs(sum(json.loads(body)[0]) - 1) < 1e-4


HANDLERS = (
    Handler("state_dict", _resnet, lambda body: _shape(body) == (1, 3), _jpeg(), "image/jpeg"),
    Handler("whole_module", _whole, lambda body: _shape(body) == (2, 3), json.dumps(np.ones((2, 3, 4, 4)).tolist()).encode()),
    Handler(
        "hooked_module", _hooked, lambda body: _shape(body) == (2,), _npy(np.ones((2, 3, 4, 4), np.float32)), "application/x-npy"
    ),
    Handler("picture_by_url", _averaging, _is_share, _jpeg(), "image/jpeg"),
    Handler(
        "traced_default",
        lambda: {"model.pth": _traced(torch.nn.Linear(3, 2), torch.zeros(1, 3))},
        lambda body: _shape(body) == (1, 2),
        b'{"inputs": [[1, 2, 3]]}',
    ),
    Handler(
        "in_the_training_script",
        lambda: {"model.pth": _saved(_linear(4, 2))},
        lambda body: _shape(body) == (1, 2),
        b"[[1.0, 2.0, 3.0, 4.0]]",
        entry="train_model.py",
    ),
    Handler(
        "rows_of_csv",
        _pickled,
        lambda body: [*csv.reader(body.decode().split())] == [["5.500"], ["11.500"]],
        b"1,2\n3,4\n",
        "text/csv",
        "text/csv",
    ),
    Handler(
        "with_context",
        lambda: {"model.pth": _saved(_linear(2, 2))},
        lambda body: json.loads(body)["attributes"] == "trace=7" and len(json.loads(body)["values"]) == 1,
        b"[[1.0, 2.0]]",
    ),
    Handler("picture_back", lambda: {"shades.pt": _saved({"factor": 0.5})}, _is_picture, _jpeg(), "image/jpeg", "image/png"),
    Handler(
        "service_class",
        _service,
        lambda body: json.loads(body) == {"breed": "beagle"},
        b"[0.1, 0.9]",
        environment={"KENNEL_HANDLER": "handler:DogService"},
    ),
)
