"""A person's modules have the names of this program's own, behind the real program."""

from pathlib import Path

import pytest

from tests.support import own_model

NAMESAKES = """
import json, multiprocessing
import contract, rules, scripts, serve, train
from contract.deep import WHOSE

def child(queue):
    queue.put(serve.WHOSE)

def model_fn(model_dir):
    spawn = multiprocessing.get_context("spawn")
    queue = spawn.Queue()
    process = spawn.Process(target=child, args=(queue,))
    process.start()
    return [queue.get(timeout=60), process.join(), WHOSE, *(one.WHOSE for one in (contract, rules, scripts, serve, train))]

def transform_fn(model, data, content_type, accept):
    return {}["no"] if data == b"bug" else json.dumps(model)
"""


def test_a_persons_modules_may_have_the_names_of_ours(tmp_path: Path) -> None:
    files = {f"code/{name}.py": "WHOSE = 'mine'\n" for name in ("rules", "scripts", "serve", "train")}
    files |= {
        "code/inference.py": NAMESAKES,
        "code/contract/__init__.py": "WHOSE = 'mine'\n",
        "code/contract/deep.py": "WHOSE = 1",
    }
    with own_model.serve(tmp_path / "ml", files) as server:
        assert server.invoke(b"", "a/b").json() == ["mine", None, 1, *["mine"] * 5]
        assert "KeyError (inference.py:17 in transform_fn)" in server.invoke(b"bug", "a/b").json()["message"], "ours works on"
        assert server.invoke(b"", "a/b").status == 200


@pytest.mark.parametrize("name", ["serve", "contract"])
def test_a_script_may_have_the_name_of_ours(tmp_path: Path, name: str) -> None:
    with own_model.serve(tmp_path / "ml", {f"code/{name}.py": own_model.ECHO}, SAGEMAKER_PROGRAM=f"{name}.py") as server:
        assert server.invoke(b"ab").json()["bytes"] == 2


def test_a_script_with_the_name_of_a_module_of_pythons_is_refused(tmp_path: Path) -> None:
    with own_model.serve(tmp_path / "ml", {"code/json.py": ""}, ready=False, SAGEMAKER_PROGRAM="json.py") as server:
        status, errors = server.wait_end(60)
    assert status == 1 and "json.py has the name of a module that is loaded already" in errors
