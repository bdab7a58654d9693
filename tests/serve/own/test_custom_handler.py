"""Handlers of TorchServe's and multi-model-server's kind behind the real program."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.support import own_model
from tests.support.train_jobs import wait_until

CLASS = """
class Answers:
    def initialize(self, context):
        self.folder = context.system_properties["model_dir"]
        self.manifest = context.manifest

    def handle(self, data, context):
        bodies = [bytes(row["body"]) for row in data]
        if b"short" in bodies:
            return []
        if b"fails" in bodies:
            raise KeyError("x")
        if b"one" in bodies:
            context.set_response_status(409, "conflict", bodies.index(b"one"))
        if b"slow" in bodies:
            import os, time
            open(os.environ["GO"] + ".begun", "w").close()
            while not os.path.exists(os.environ["GO"]):
                time.sleep(0.01)
        name = self.manifest.get("model", {}).get("modelName")
        return [{"body": body.decode(), "with": len(data), "name": name} for body in bodies]
"""
FUNCTION = """
loaded = []

def answer(data, context):
    if data is None:
        loaded.append(context.system_properties["batch_size"])
        return
    return [f"{loaded} {context.get_request_header(0, 'content-type')}"]
"""


def _clients(port: int) -> int:
    """Connections of this process to a port."""
    return sum(bool(one.raddr) and one.raddr.port == port for one in psutil.Process().net_connections("tcp"))


@pytest.mark.parametrize("name", ["answers:Answers", "serve/contract.py", "contract"])
def test_a_class_answers_a_batch(tmp_path: Path, name: str) -> None:
    """Whatever its module is called, by the name of one of ours, too."""
    file = f"{name.partition(':')[0].removesuffix('.py')}.py"
    go, code = tmp_path / "go", {f"code/{file}": CLASS}
    with own_model.serve(tmp_path / "ml", code, KENNEL_HANDLER=name, KENNEL_BATCH=4, GO=go) as server:
        with ThreadPoolExecutor(5) as pool:
            pool.submit(server.invoke, b"slow", "a/b")
            wait_until((tmp_path / "go.begun").exists)
            futures = [pool.submit(server.invoke, b"%d" % n, "a/b") for n in range(4)]
            wait_until(lambda: _clients(server.port) == 5)
            time.sleep(0.5)  # what they have sent is read
            go.touch()
            answers = [future.result() for future in futures]
        assert [answer.json()["body"] for answer in answers] == ["0", "1", "2", "3"]
        assert max(answer.json()["with"] for answer in answers) > 1, "those that waited went together"
        assert server.invoke(b"one").status == 409
        failed, short = server.invoke(b"fails"), server.invoke(b"short")
        assert failed.json()["message"].startswith(f"the model's code failed: KeyError ({Path(file).name}:12 in handle)")
        assert (
            short.status == 500 and "a list of 1, one answer for each request; it returned 0 of them" in short.json()["message"]
        )


def test_the_manifest_of_a_model_archive_names_it(tmp_path: Path) -> None:
    manifest = json.dumps({"model": {"modelName": "mine", "handler": "answers.py"}, "runtime": "python"})
    with own_model.serve(tmp_path / "ml", {"answers.py": CLASS, "MAR-INF/MANIFEST.json": manifest}) as server:
        assert server.invoke(b"a").json() == {"body": "a", "with": 1, "name": "mine"}


def test_a_function_is_called_once_to_load(tmp_path: Path) -> None:
    with own_model.serve(tmp_path / "ml", {"code/answers.py": FUNCTION}, KENNEL_HANDLER="answers:answer") as server:
        assert [server.invoke(b"a", "x/y").body for _ in range(2)] == [b"[1] x/y"] * 2


def test_a_function_handle_goes_before_a_class(tmp_path: Path) -> None:
    """As multi-model-server has it: modules of its kind have both, and the function makes one of the class."""
    both = CLASS + "\n\ndef handle(data, context):\n    return None if data is None else ['the function']\n"
    with own_model.serve(tmp_path / "ml", {"code/both.py": both}, KENNEL_HANDLER="both.py") as server:
        assert server.invoke(b"x", "a/b").body == b"the function"


@pytest.mark.parametrize(
    ("name", "told"),
    [("answers:Nothing", "answers:Nothing has no Nothing"), ("nosuch", "No module named 'nosuch'")],
)
def test_a_handler_that_is_not_there_is_told(tmp_path: Path, name: str, told: str) -> None:
    with own_model.serve(tmp_path / "ml", {"code/answers.py": CLASS}, ready=False, KENNEL_HANDLER=name) as server:
        status, errors = server.wait_end(60)
    assert status == 1 and told in errors and errors.count("\n") == 1
