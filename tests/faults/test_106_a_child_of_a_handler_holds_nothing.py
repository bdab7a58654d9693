"""Row 106: a person's handler forks or starts programs: no child holds the socket, answers twice or outlives the worker."""

import contextlib
import json
from pathlib import Path

import psutil
import pytest

from tests.support import own_model
from tests.support.processes import alive
from tests.support.train_jobs import wait_until


@pytest.mark.parametrize("word", ["fork", "fork and answer", "daemon"])
def test_a_child_of_a_handler_holds_nothing(tmp_path: Path, word: str) -> None:
    with own_model.clumsy(tmp_path / "ml", SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        (worker,) = server.workers()
        answers = [server.invoke(word.encode()) for _ in range(3)]
        assert {json.loads(answer.body)[1] for answer in answers} == {worker.pid}, "the parent's answer, once"
        children = worker.children(recursive=True)
        # A child of fork closes them by itself, in its first moments.
        wait_until(lambda: not any(_sockets(child) for child in alive(children)))
        print(f"{word}: {len(alive(children))} children, no socket in them")
        worker.kill()
        wait_until(lambda: any(one != worker for one in server.workers()))
        wait_until(lambda: not alive(children))
        assert server.invoke(b"x").status == 200


def _sockets(process: psutil.Process) -> list[str]:
    found = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the process is gone
        for path in Path(f"/proc/{process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed just now
                found += [target for target in [str(path.readlink())] if target.startswith("socket:") and path.name != "0"]
    return found
