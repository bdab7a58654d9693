"""The default functions, by what PyTorch's image does with a script that defines none."""

import io
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from sagemaker_inference.errors import BaseInferenceToolkitError

from serve.own.pytorch_functions import PyTorchFunctions

FUNCTIONS = PyTorchFunctions(None)


def npy(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


@pytest.mark.parametrize("names", [("model.pt", "other.pt"), ("net.pth",)])
def test_torchscript_is_found_and_loaded(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 1)), tmp_path / name)
    model = FUNCTIONS.default_model_fn(str(tmp_path))
    answer = FUNCTIONS.default_predict_fn(torch.ones(3, 2), model)
    assert answer.shape == (3, 1) and not answer.requires_grad and not model.training


def test_a_model_that_is_no_torchscript_or_not_alone_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="found none"):
        FUNCTIONS.default_model_fn(str(tmp_path))
    torch.save(torch.nn.Linear(2, 1).state_dict(), tmp_path / "a.pth")
    with pytest.raises(ValueError, match="is not TorchScript"):
        FUNCTIONS.default_model_fn(str(tmp_path))
    (tmp_path / "b.pt").touch()
    with pytest.raises(ValueError, match=r"found a\.pth, b\.pt"):
        FUNCTIONS.default_model_fn(str(tmp_path))


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_csv_and_npy_become_tensors(content_type: str) -> None:
    assert FUNCTIONS.default_input_fn(b"[[1, 2]]", content_type).tolist() == [[1, 2]]
    assert FUNCTIONS.default_input_fn("[[1, 2]]", content_type).dtype == torch.float32
    assert FUNCTIONS.default_input_fn(b"1,2\n3,4", "text/csv").tolist() == [[1, 2], [3, 4]]
    assert FUNCTIONS.default_input_fn(npy(np.array([1, 2], np.int16)), "application/x-npy").dtype == torch.int16


def claiming(shape: str) -> bytes:
    """An NPY array whose header claims another shape than its bytes have."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + b"abcd"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "words"),
    [
        (b"", "image/jpeg", 415, "application/json, text/csv, application/x-npy"),
        (b"", None, 415, "Content-Type"),
        (b"{", "application/json", 400, "application/json"),
        (b'{"a": 1}', "application/json", 400, "numbers"),
        (b"[" * 100_000, "application/json", 400, "application/json"),
        (b"[" + b"9" * 400 + b"]", "application/json", 400, "application/json"),
        (b"", "application/json", 400, "application/json"),
        (b'"\xff"', "application/json; charset=utf-8", 400, "application/json"),
        (b"\xff", "text/csv", 400, "text/csv"),
        (b"", "text/csv", 400, "text/csv"),
        (b"\n ", "text/csv", 400, "text/csv"),
        (npy(np.ones(9))[:-1], "application/x-npy", 400, "application/x-npy"),
        (npy(np.ones(9))[:20], "application/x-npy", 400, "application/x-npy"),
        (b"PK\x03\x04 and no more", "application/x-npy", 400, "application/x-npy"),
        (claiming("(999999999999,)"), "application/x-npy", 400, "application/x-npy"),
        (claiming("(99999999999999999999,)"), "application/x-npy", 400, "application/x-npy"),
        (claiming("((("), "application/x-npy", 400, "application/x-npy"),
        (b"", "application/x-npy", 400, "application/x-npy"),
        (npy(np.array([print], object)), "application/x-npy", 400, "pickled objects, which are never loaded"),
    ],
)
def test_what_cannot_be_read_has_its_status(body: bytes, content_type: str | None, status: int, words: str) -> None:
    with pytest.raises(BaseInferenceToolkitError, match=words) as caught:
        FUNCTIONS.default_input_fn(body, content_type)
    assert caught.value.status_code == status


def test_no_damage_to_an_array_is_more_than_a_400() -> None:
    whole, luck = npy(np.ones((2, 3), np.float32)), random.Random(1)
    refused = 0
    for _ in range(2000):
        body = bytearray(whole)
        for _ in range(luck.randint(1, 4)):
            body[luck.randrange(len(body))] = luck.randrange(256)
        try:
            FUNCTIONS.default_input_fn(bytes(body[: luck.choice((len(body), luck.randrange(len(body))))]), "application/x-npy")
        except BaseInferenceToolkitError as error:
            refused += error.status_code == 400
    print(f"{refused} of 2,000 damaged arrays were refused")
    assert refused > 1000


def test_a_bare_pickle_is_never_loaded(tmp_path: Path) -> None:
    import pickle

    ran = tmp_path / "ran"

    class Runs:
        def __reduce__(self) -> tuple:
            return (Path.touch, (ran,))

    with pytest.raises(BaseInferenceToolkitError, match="never loaded"):
        FUNCTIONS.default_input_fn(pickle.dumps(Runs()), "application/x-npy")
    assert not ran.exists()


def test_an_answer_is_the_first_type_of_accept_that_is_written() -> None:
    values = torch.tensor([[1.0, 2.0]])
    assert FUNCTIONS.default_output_fn(values, "application/json") == ("[[1.0, 2.0]]", "application/json")
    assert FUNCTIONS.default_output_fn(values, "image/png, text/csv")[1] == "text/csv"
    body, kind = FUNCTIONS.default_output_fn(values, "application/x-npy, */*")
    assert kind == "application/x-npy" and np.load(io.BytesIO(body)).tolist() == [[1, 2]]
    assert json.loads(FUNCTIONS.default_output_fn({"a": 1}, "*/*;q=0.1")[0]) == {"a": 1}
    with pytest.raises(BaseInferenceToolkitError) as caught:
        FUNCTIONS.default_output_fn(values, "image/png")
    assert caught.value.status_code == 406
