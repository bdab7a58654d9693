"""Row 108: a person's model takes 20 s to load: the port opens then and not before; a stop meanwhile ends it at once."""

import signal
import time
from pathlib import Path

import pytest

from tests.support import own_model

SLOW = own_model.ECHO.replace('    return {"folder"', '    import time; time.sleep(20)\n    return {"folder"')


@pytest.mark.parametrize("stop", [False, True])
def test_a_handler_that_loads_slowly_is_waited_for(tmp_path: Path, stop: bool) -> None:
    with own_model.serve(tmp_path / "ml", {"code/inference.py": SLOW}, ready=False) as server:
        while not server.events("worker_loading"):
            time.sleep(0.05)
        time.sleep(5)
        with pytest.raises(ConnectionRefusedError):
            server.ping()
        if stop:
            server.process.send_signal(signal.SIGTERM)
            before = time.monotonic()
            assert server.wait_end(5) == (0, "")
            print(f"told to stop while loading: ended after {time.monotonic() - before:.2f} s")
        else:
            seconds = server.wait_ready()
            print(f"ready {seconds:.1f} s after launch, of which the model takes 20")
            assert seconds > 20 and server.invoke(b"a").status == 200
