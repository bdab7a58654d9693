"""Row 2: SIGKILL at a random instant, inside a save too: the next start goes on from the newest whole checkpoint."""

import random
import re
import signal
import time
from pathlib import Path

from tests.support.train_jobs import Container, nursery, wait_until

KILLS = 8
"""100 in the long form."""
INTERVAL = 2


def test_a_kill_costs_at_most_one_interval(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", epochs="10000", checkpoint_interval=str(INTERVAL))
    choice = random.Random(2)
    last, lost, in_saves = 0, [], 0
    for number in range(KILLS):
        attempt = nursery().start(container, tmp_path / f"attempt-{number}")
        wait_until(lambda last=last: container.checkpoints() and container.checkpoints()[-1] > last, interval=0.01)
        if number % 2:
            wait_until(lambda: any(container.layout.checkpoints.glob(".step-*.tmp")), interval=0)
        else:
            time.sleep(choice.random() * 0.3)
        attempt.kill()
        assert attempt.wait() == -signal.SIGKILL
        in_saves += any(container.layout.checkpoints.glob(".step-*.tmp"))
        reached, saved = len(container.steps()), container.checkpoints()[-1]
        assert saved >= last, "a checkpoint was lost"
        lost.append(reached - saved)
        last = saved
    final = nursery().start(container, tmp_path / "final")
    wait_until(lambda: "resumed" in final.log if (final.folder / "log").exists() else False)
    final.stop()
    assert final.wait() == 0, final.log
    assert int(re.findall(r"resumed from the checkpoint of step (\d+)", final.log)[0]) == last
    assert "not usable" not in final.log
    assert not any(container.layout.checkpoints.glob(".*")), "what killed saves left behind is gone"
    print(f"{KILLS} kills, {in_saves} inside a save: at most {max(lost)} steps lost, interval {INTERVAL}")
    # A step may be taken between a checkpoint's data and its marker.
    assert max(lost) <= INTERVAL + 1
