"""Row 107: a person's handler changes the working directory: later requests and other workers are answered as before."""

import json
from pathlib import Path

from tests.support import own_model


def test_a_handler_may_go_elsewhere(tmp_path: Path) -> None:
    with own_model.clumsy(tmp_path / "ml") as server:
        places = {json.loads(server.invoke(b"x").body)[2] for _ in range(4)}
        assert places == {str(tmp_path / "ml" / "model")}
        answers = [server.invoke(b"chdir") for _ in range(20)]
        statuses = {server.invoke(b"x").status for _ in range(20)}
        print(f"20 changes of the directory, then 20 requests: {sorted(statuses)}")
        assert {answer.status for answer in answers} == statuses == {200}
        assert len(server.wait_workers(2)) == len(server.events("worker_ready")) == 2
