"""The program with many models, from outside: two classifiers and a person's script behind one port, and its end."""

import os
import signal
import threading
import time

import pytest

from tests.support import artefact
from tests.support.multi_model import MultiServer
from tests.support.own_model import CLUMSY, ECHO
from tests.support.processes import alive
from tests.support.server import Answer


def test_two_classifiers_and_a_script_behind_one_port(dogs: list[bytes]) -> None:
    with MultiServer() as server:
        assert server.names() == [] and server.ask("small", dogs[0]).status == 404
        assert server.load("small", server.put("small", artefact.small())).status == 200
        assert server.load("quantised", server.put("quantised", artefact.quantised())).status == 200
        assert server.load("echo", server.put_own("echo", {"code/inference.py": ECHO})).status == 200
        assert server.names() == ["echo", "quantised", "small"]
        assert server.request("GET", "/models/echo").json() == {"modelName": "echo", "modelUrl": "/opt/ml/models/echo/model"}
        for name in ("small", "quantised"):
            assert len(server.ask(name, dogs[0]).json()["predictions"]) == 5
        told = server.ask("echo", b"four", "text/plain")
        folder = str(server.base / "models" / "echo" / "model")
        assert told.json() == {"bytes": 4, "type": "text/plain", "folder": folder, "cwd": folder}
        assert server.load("echo", "/opt/ml/models/echo/model").status == 409
        assert server.ping().status == 200


def test_an_unloaded_model_has_given_its_memory_back_when_the_answer_comes(dogs: list[bytes]) -> None:
    with MultiServer() as server:
        url = server.put("a", artefact.small())
        for _ in range(2):
            assert server.load("a", url).status == 200
            workers = server.workers()
            assert server.unload("a").status == 200
            assert len(workers) == 1 and alive(workers) == [] and len(server.tree()) == 1
            assert server.ask("a", dogs[0]).status == 404 and server.unload("a").status == 404


def test_a_worker_that_hangs_is_replaced_and_the_other_models_answer_meanwhile(dogs: list[bytes]) -> None:
    with MultiServer(SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS=2) as server:
        server.load("clumsy", server.put_own("clumsy", {"code/inference.py": CLUMSY}))
        server.load("small", server.put("small", artefact.small()))
        hung: list[Answer] = []
        thread = threading.Thread(target=lambda: hung.append(server.ask("clumsy", b"hang with a child", "text/plain")))
        thread.start()
        time.sleep(0.3)
        before = server.tree()
        assert server.ask("small", dogs[0]).status == 200 and not hung
        thread.join(30)
        assert hung[0].status == 504
        end = time.monotonic() + 60
        while server.ask("clumsy", b"again", "text/plain").status != 200:
            assert time.monotonic() < end
        assert len(alive(before)) == 2, "the program and the other model; who hung is gone, and what it had started"
        assert server.names() == ["clumsy", "small"]


def test_a_killed_worker_costs_its_own_model_one_request_at_most(dogs: list[bytes]) -> None:
    with MultiServer() as server:
        for name in ("a", "b"):
            server.load(name, server.put(name, artefact.small()))
        os.kill(server.events("worker_ready")[0]["pid"], signal.SIGKILL)
        assert server.ask("b", dogs[0]).status == 200
        assert server.ask("a", dogs[0]).status in (200, 500), "500 where the request was with the worker already"
        assert server.ask("a", dogs[0]).status == 200
        assert server.ping().status == 200


def test_sigterm_answers_what_it_has_and_gives_up_what_it_loads() -> None:
    with MultiServer() as server:
        waits = (
            "import time\ndef model_fn(folder):\n    pass\n"
            "def transform_fn(model, data, kind, accept):\n    time.sleep(1)\n    return b'done'\n"
        )
        assert server.load("waits", server.put_own("waits", {"code/inference.py": waits})).status == 200
        slow = server.put_own("slow", {"code/inference.py": "import time\ntime.sleep(1000)\n"})
        answers: dict[str, Answer] = {}
        asked = threading.Thread(target=lambda: answers.update(waits=server.ask("waits", b"x", "text/plain")))
        loading = threading.Thread(target=lambda: answers.update(slow=server.load("slow", slow)))
        asked.start()
        loading.start()
        time.sleep(0.7)
        tree = server.tree()
        server.process.send_signal(signal.SIGTERM)
        assert server.wait_end(20) == (0, "")
        asked.join()
        loading.join()
        assert answers["waits"].body == b"done" and answers["slow"].status == 500
        assert alive(tree) == []


def test_a_killed_program_leaves_no_process_behind() -> None:
    with MultiServer() as server:
        server.load("a", server.put("a", artefact.small()))
        server.load("echo", server.put_own("echo", {"code/inference.py": ECHO}))
        tree = server.tree()
        server.process.kill()
        end = time.monotonic() + 5
        while alive(tree) and time.monotonic() < end:
            time.sleep(0.05)
        assert alive(tree) == []


@pytest.mark.parametrize("value", ["0", "much"])
def test_a_bad_memory_limit_is_one_line(value: str) -> None:
    with MultiServer(ready=False, KENNEL_MEMORY_LIMIT_IN_MB=value) as server:
        status, errors = server.wait_end(20)
    assert status == 1 and errors.count("\n") == 1 and "KENNEL_MEMORY_LIMIT_IN_MB" in errors
