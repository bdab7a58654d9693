"""A person's inference.py behind the real program: its functions, what they are given, and how their errors are answered."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support import own_model
from tests.support.server import Server

TRANSFORM = """
import helper
from sagemaker_inference.errors import BaseInferenceToolkitError, UnsupportedFormatError

def model_fn(model_dir, context):
    return context.system_properties["model_dir"] == model_dir

def transform_fn(model, data, content_type, accept, context):
    if data == b"teapot":
        raise BaseInferenceToolkitError(418, "short and stout", "I am a teapot")
    if data == b"type":
        raise UnsupportedFormatError(content_type)
    if data == b"bug":
        return {}["\u00e9 missing"]
    if data == b"none":
        return None
    if data == b"status":
        context.set_response_status(202, "later")
        context.set_response_header(0, "X-Amzn-SageMaker-Custom-Attributes", "seen")
        return ""
    asked = context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes")
    return f"{helper.WORD} {model} {data} {content_type} {accept} {asked}", "text/x-own"
"""


@pytest.fixture(scope="module")
def transform(tmp_path_factory: pytest.TempPathFactory) -> object:
    files = {"code/inference.py": TRANSFORM, "code/helper.py": "WORD = 'helped'\n"}
    with own_model.serve(tmp_path_factory.mktemp("own") / "ml", files) as running:
        yield running


def test_it_is_given_headers_as_they_came_and_names_its_own_type(transform: Server) -> None:
    answer = transform.invoke(b"ab", "image/own; q=1", Accept="a/b, c/d", X_Amzn_SageMaker_Custom_Attributes="mine=1")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/x-own")
    assert answer.body == b"helped True b'ab' image/own; q=1 a/b, c/d mine=1"
    assert transform.invoke(b"", None).body == b"helped True b'' None application/json None"
    assert transform.invoke(b"[1]", "application/json").body == b"helped True [1] application/json application/json None"


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        (b"teapot", 418, "HandlerError", "short and stout"),
        (b"type", 415, "UnsupportedContentType", "content type"),
        (b"bug", 500, "HandlerFailed", "KeyError (inference.py:14 in transform_fn)"),
        (b"none", 500, "BadAnswer", "None"),
    ],
)
def test_errors_keep_their_status_and_the_traceback_is_in_the_log(
    transform: Server, body: bytes, status: int, code: str, words: str
) -> None:
    answer = transform.invoke(body, "a/b")
    told = answer.json()
    assert (answer.status, told["code"]) == (status, code) and words in told["message"] and len(answer.body) < 400
    event = transform.event("handler_failed", request_ids=[told["request_id"]])
    assert "workers/answer.py" in event["traceback"] or "inference.py" in event["traceback"]
    assert transform.invoke(b"ab", "a/b").status == 200


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"a": "\xe9"}', "application/json", 400),
        ("Zoë,1".encode("latin-1"), "text/csv", 400),
        ("Zoë,1".encode(), "text/csv", 200),
        (b"\xff\xfe", "application/x-npy", 200),
    ],
)
def test_text_that_cannot_be_decoded_is_the_clients_fault(transform: Server, body: bytes, content_type: str, status: int) -> None:
    answer = transform.invoke(body, content_type)
    assert answer.status == status
    if status == 400:
        told = answer.json()
        assert told["code"] == "BadBody" and f"the body is not UTF-8, as {content_type} is read; byte " in told["message"]


def test_it_sets_status_and_headers(transform: Server) -> None:
    answer = transform.invoke(b"status", "a/b")
    assert (answer.status, answer.body, answer.headers["x-amzn-sagemaker-custom-attributes"]) == (202, b"", "seen")


def test_default_functions_answer_for_torchscript(tmp_path: Path) -> None:
    layer = torch.nn.Linear(2, 1)
    stream = io.BytesIO()
    torch.jit.save(torch.jit.script(layer), stream)
    with own_model.serve(tmp_path / "ml", {"code/inference.py": "", "model.pt": stream.getvalue()}) as server:
        values = np.array([[1, 2], [3, 4]], np.float32)
        body = io.BytesIO()
        np.save(body, values)
        answer = server.invoke(body.getvalue(), "application/x-npy", Accept="application/x-npy")
        wanted = layer(torch.from_numpy(values)).detach().numpy()
        assert answer.headers["content-type"] == "application/x-npy"
        assert np.allclose(np.load(io.BytesIO(answer.body)), wanted)
        as_json = server.invoke(json.dumps(values.tolist()).encode(), "application/json; charset=utf-8")
        assert np.allclose(as_json.json(), wanted, atol=1e-5)
        assert server.invoke(b"1,2", "text/plain").status == 415
        assert server.invoke(b"[[1,2]]", "application/json", Accept="image/png").status == 406
        assert (
            server.invoke(b"[[1,2,3]]", "application/json").json()["message"].startswith("the model's code failed: RuntimeError")
        )


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package' (inference.py:1)"),
        ("def model_fn(d):\n    return 1 / 0", "ZeroDivisionError: division by zero (inference.py:2 in model_fn)"),
        ("def model_fn(d):\n    import sys; sys.exit(3)", "SystemExit: 3 (inference.py:2 in model_fn)"),
        ("def model_fn(:", "SyntaxError: invalid syntax"),
        ("def transform_fn(a,b,c,d): pass\ndef input_fn(a,b): pass", "ValueError: Cannot use transform_fn"),
    ],
)
def test_what_cannot_be_loaded_ends_the_program_with_its_place(tmp_path: Path, script: str, told: str) -> None:
    with own_model.serve(tmp_path / "ml", {"code/inference.py": script}, ready=False) as server:
        status, errors = server.wait_end(60)
        traceback = server.events("load_failed")[0]["traceback"]
    assert status == 1 and errors.count("\n") == 1 and f"inference.py cannot be loaded: {told}" in errors
    assert "Traceback" in traceback


def test_opt_ml_and_names_of_its_time_are_there(tmp_path: Path) -> None:
    script = own_model.ECHO.replace("import json, os", "import json, os\nfrom PIL import Image\nSIZE = Image.ANTIALIAS").replace(
        "os.getcwd()", 'open("/opt/ml/model/word").read()'
    )
    files = {"code/inference.py": script, "word": "here"}
    environ = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    with own_model.serve(tmp_path / "ml", files, ready=False, **environ) as server:
        while server.process.poll() is None and not server.events("serving"):
            pass
        if "/opt/ml is not the job's folder here" in server.log():
            pytest.skip("this machine lets nobody but root make a mount namespace")
        assert server.invoke(b"a").json()["cwd"] == "here"


HOOKED = """
import io, os, sys
import torch
if os.environ.get("WITHOUT_SMDEBUG"):
    sys.modules["smdebug"] = None

def model_fn(model_dir):
    return torch.load(os.path.join(model_dir, "model.pth"), map_location="cpu")
"""
PICKLE = """
import sys
import smdebug.pytorch as smdebug
import torch
network = torch.nn.Linear(2, 1)
hook = smdebug.Hook(out_dir=sys.argv[1] + "/tensors")
hook.register_module(network)
network(torch.ones(1, 2)).sum().backward()
hook.close()
torch.save(network, sys.argv[1] + "/model.pth")
"""


def test_a_model_pickled_with_smdebugs_hooks_answers_or_names_salvage(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", PICKLE, str(tmp_path)], check=True, capture_output=True)
    files = {"code/inference.py": HOOKED, "model.pth": (tmp_path / "model.pth").read_bytes()}
    with own_model.serve(tmp_path / "ml", files) as server:
        answer = server.invoke(b"[[1, 2]]", "application/json")
        assert answer.status == 200, server.log()
        assert len(answer.json()[0]) == 1
    with own_model.serve(tmp_path / "ml", {}, ready=False, WITHOUT_SMDEBUG=1) as server:
        status, errors = server.wait_end(60)
    assert status == 1 and errors.count("\n") == 1 and "kennel salvage MODEL.tar.gz" in errors
