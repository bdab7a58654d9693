"""Row 104: a person's handler prints 20 MB at a request: the program's own lines stay whole, /ping and others are quick."""

import json
import threading
import time
from pathlib import Path

from tests.support import own_model


def test_a_handler_that_prints_stops_nobody(tmp_path: Path) -> None:
    with own_model.clumsy(tmp_path / "ml", SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS=30) as server:
        asked = threading.Thread(target=server.invoke, args=(b"print",))
        asked.start()
        pings = []
        while asked.is_alive():
            before = time.monotonic()
            assert server.ping().status == 200 and server.invoke(b"x").status == 200
            pings.append(time.monotonic() - before)
        server.invoke(b"none")
        server.event("handler_failed")
        lines = server.log().splitlines()
        own = [json.loads(line)["event"] for line in lines if line.startswith("{")]
        print(f"{len(lines)} lines, {len(own)} of them ours; /ping and a request together within {max(pings):.2f} s")
    assert len(lines) >= 200_000 and {"serving", "handler_failed"} <= set(own) and max(pings) < 5
