"""What a script need not define: model_fn, input_fn, predict_fn and output_fn as SageMaker's PyTorch image has them by default.

One difference: arrays of x-npy are never unpickled, for a pickle runs what its sender wants.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sagemaker_inference import encoder
from sagemaker_inference.content_types import CSV, JSON, NPY
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler
from sagemaker_inference.errors import BaseInferenceToolkitError
from sagemaker_inference.utils import parse_accept

MODEL = "model.pt"
_SUFFIXES = (".pt", ".pth")


class PyTorchFunctions(DefaultInferenceHandler):
    """The default functions; `gpu` is the worker's, None for the CPU."""

    def __init__(self, gpu: int | None) -> None:
        self._device = torch.device("cpu" if gpu is None else f"cuda:{gpu}")

    def default_model_fn(self, model_dir: str, context: Any = None) -> Any:
        """The TorchScript module in model.pt, or in the only .pt or .pth file. Raises ValueError for any other."""
        folder = Path(model_dir)
        path = folder / MODEL
        if not path.is_file():
            found = sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES)
            if len(found) != 1:
                names = ", ".join(file.name for file in found) or "none"
                raise ValueError(
                    f"no model_fn, and no {MODEL} or only one .pt or .pth file to load (found {names}); write model_fn"
                )
            path = found[0]
        try:
            return torch.jit.load(path, map_location=self._device).eval()
        except RuntimeError as error:
            message = f"{path.name} is not TorchScript, which torch.jit.save writes; write model_fn to load anything else"
            raise ValueError(message) from error

    def default_input_fn(self, input_data: bytes | str, content_type: str | None, context: Any = None) -> torch.Tensor:
        """A tensor on the model's device: float32 of JSON and CSV, of NPY with the array's own type.

        Raises BaseInferenceToolkitError 415 for another content type, 400 for a body that is not what its type says.
        """
        kind = (content_type or "").split(";", 1)[0].strip().lower()
        reader = _READERS.get(kind)
        if reader is None:
            known = ", ".join(_READERS)
            raise _error(415, f"Content-Type is not one that the default input_fn reads; it reads {known}")
        body = input_data.encode() if isinstance(input_data, str) else bytes(input_data)
        try:
            tensor = reader(body)
        except MemoryError:
            raise
        except Exception as error:  # of json, zipfile, tokenize and others: a body can be wrong in any way
            if "allow_pickle" in str(error) or "Object arrays" in str(error):
                raise _error(400, "the NPY array holds pickled objects, which are never loaded; send numbers") from error
            raise _error(400, f"the body is not {kind} of one array of numbers") from error
        return tensor.to(self._device)

    def default_predict_fn(self, data: Any, model: Any, context: Any = None) -> Any:
        """The model's answer, in evaluation mode and without gradients."""
        model.to(self._device)
        model.eval()
        with torch.no_grad():
            return model(data.to(self._device) if isinstance(data, torch.Tensor) else data)

    def default_output_fn(self, prediction: Any, accept: str, context: Any = None) -> tuple[Any, str]:
        """The answer as the first of JSON, CSV and NPY in Accept, and that type. Raises BaseInferenceToolkitError 406."""
        if isinstance(prediction, torch.Tensor):
            prediction = prediction.detach().cpu().numpy()
        for wanted in parse_accept(accept):
            kind = wanted.split(";", 1)[0].lower()
            kind = JSON if kind in ("*/*", "application/*") else kind
            if kind in encoder.SUPPORTED_CONTENT_TYPES:
                return encoder.encode(prediction, kind), kind
        raise _error(406, f"Accept allows nothing that the default output_fn writes; it writes {JSON}, {CSV}, {NPY}")


def _json(body: bytes) -> torch.Tensor:
    return torch.FloatTensor(np.asarray(json.loads(body), np.float32))


def _csv(body: bytes) -> torch.Tensor:
    text = body.decode()
    if not text.strip():
        raise ValueError("no values")
    return torch.FloatTensor(np.genfromtxt(io.StringIO(text), np.float32, delimiter=","))


def _npy(body: bytes) -> torch.Tensor:
    try:
        return torch.from_numpy(np.load(io.BytesIO(body), allow_pickle=False))
    except MemoryError:
        bytearray(len(body))  # where there is room for so much, the header claims more than the body holds
        raise ValueError("ends early") from None


_READERS: dict[str, Callable[[bytes], torch.Tensor]] = {JSON: _json, CSV: _csv, NPY: _npy}


def _error(status: int, message: str) -> BaseInferenceToolkitError:
    return BaseInferenceToolkitError(status, message, message)
