"""Models that come and go in one program: what is refused for lack of memory, what cannot be loaded, and why."""

import os
import shutil
import signal
import time

from tests.support import artefact
from tests.support.multi_model import MultiServer
from tests.support.own_model import ECHO


def test_a_model_that_does_not_fit_is_507_until_another_is_unloaded(dogs: list[bytes]) -> None:
    with MultiServer(KENNEL_MEMORY_LIMIT_IN_MB=250) as server:
        loaded = []
        for number in range(8):
            answer = server.load(f"m{number}", server.put(f"m{number}", artefact.small()))
            if answer.status != 200:
                break
            loaded.append(f"m{number}")
        assert loaded and answer.status == 507 and answer.json()["code"] == "OutOfMemory"
        assert server.names() == loaded and len(server.workers()) == len(loaded)
        assert server.unload("m0").status == 200
        assert server.load("late", "/opt/ml/models/m7/model" if number == 7 else f"/opt/ml/models/m{number}/model").status == 200
        assert server.ask("late", dogs[0]).status == 200


def test_a_model_that_takes_more_than_its_files_said_is_unloaded_and_507() -> None:
    greedy = "def model_fn(folder):\n    return bytearray(900 << 20)\ndef transform_fn(model, data, kind, accept):\n    pass\n"
    with MultiServer(KENNEL_MEMORY_LIMIT_IN_MB=900) as server:
        answer = server.load("greedy", server.put_own("greedy", {"code/inference.py": greedy}))
        assert answer.status == 507 and server.names() == [] and len(server.tree()) == 1


def test_a_model_that_cannot_be_loaded_says_why_and_leaves_nothing() -> None:
    broken = {
        "script": {"code/inference.py": "def model_fn(folder):\n    raise ValueError('no weights')\n"},
        "nothing": {"weights.bin": b"x"},
        "exits": {"code/inference.py": "import os\nos._exit(1)\n"},
        "requirements": {"code/inference.py": ECHO, "code/requirements.txt": "./no-such-package\n"},
    }
    said = {
        "script": "ValueError: no weights (inference.py:2 in model_fn)",
        "nothing": "weights.bin",
        "exits": "exit status 1",
        "requirements": "requirements.txt cannot be installed",
    }
    with MultiServer() as server:
        damaged = server.put("damaged", artefact.small())
        (server.base / "models" / "damaged" / "model" / "model.bin").write_bytes(b"x")
        answer = server.load("damaged", damaged)
        assert answer.status == 500 and "model.bin" in answer.json()["message"]
        (server.base / "models" / "damaged" / "model" / "model.bin").unlink()
        (server.base / "models" / "damaged" / "model" / "model.bin").mkdir()
        assert server.load("damaged", damaged).status == 500
        for name, files in broken.items():
            answer = server.load(name, server.put_own(name, files))
            assert answer.status == 500 and said[name] in answer.json()["message"], answer.body
        assert server.names() == [] and len(server.tree()) == 1 and server.ping().status == 200
        assert not [path for path in os.listdir(server.folder.name) if path.startswith("model-")]


def test_a_load_that_is_killed_is_told_at_once_with_what_it_printed_last() -> None:
    kills = "import os, signal\nprint('reading 9 GB of weights')\nos.kill(os.getpid(), signal.SIGKILL)\n"
    with MultiServer() as server:
        answer = server.load("killed", server.put_own("killed", {"code/inference.py": kills}))
        assert answer.status == 500
        assert answer.json()["message"] == (
            "inference.py cannot be loaded: its process was killed by SIGKILL, most likely as memory was short, and printed"
            " last: reading 9 GB of weights"
        )
        assert len(server.events("worker_loading")) == 1 and server.names() == [] and len(server.tree()) == 1


def test_each_model_has_code_and_packages_of_its_own() -> None:
    script = (
        "import own_words\ndef model_fn(folder):\n    pass\n"
        "def transform_fn(model, data, kind, accept):\n    return own_words.WORD\n"
    )
    with MultiServer() as server:
        for word in ("first", "second"):
            files = {
                "code/inference.py": script,
                "code/requirements.txt": "./packages\n",
                "code/packages/setup.py": "from setuptools import setup\nsetup(name='own-words', py_modules=['own_words'])\n",
                "code/packages/own_words.py": f"WORD = {word!r}\n",
            }
            assert server.load(word, server.put_own(word, files)).status == 200
        assert [server.ask(word, b"", "text/plain").body for word in ("first", "second")] == [b"first", b"second"]
        server.unload("first")
        server.unload("second")
        assert not [path for path in os.listdir(server.folder.name) if path.startswith("model-")]


def test_a_model_whose_files_went_is_dropped_once_it_cannot_start_again() -> None:
    with MultiServer(KENNEL_WORKER_TIMEOUT_SECONDS=2) as server:
        server.load("a", server.put("a", artefact.small()))
        shutil.rmtree(server.base / "models" / "a")
        os.kill(server.workers()[0].pid, signal.SIGKILL)
        end = time.monotonic() + 60
        while server.names() and time.monotonic() < end:
            time.sleep(0.1)
        assert server.names() == [] and server.event("model_failed", model="a")
        assert server.ask("a", b"x").status == 404 and server.ping().status == 200
