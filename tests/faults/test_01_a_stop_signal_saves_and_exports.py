"""Row 1: SIGTERM at any moment leaves a checkpoint and an exported model, and ends the program with 0 within 30 s."""

import random
import signal
import time
from pathlib import Path

from contract import manifest
from tests.support.train_jobs import WHOLE, Container, ended, nursery, wait_until

MOMENTS = 2
"""Random moments; 20 in the long form."""
BUDGET = 30.0


def test_the_program_stops_with_a_model(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", epochs="10000", checkpoint_interval="4", **WHOLE)
    process = container.start()
    wait_until(lambda: len(container.steps()) >= 5)
    before, asked = len(container.steps()), time.monotonic()
    process.send_signal(signal.SIGTERM)
    run = ended(process)
    seconds = time.monotonic() - asked
    assert run.code == 0, run.err
    assert seconds < BUDGET
    _whole(container, before)
    print(f"stopped with checkpoint and model {seconds:.2f} s after SIGTERM; budget {BUDGET:g} s")


def test_any_moment_will_do(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", epochs="10000", checkpoint_interval="4")
    choice, slowest = random.Random(1), 0.0
    # In a save, in an evaluation, before the first step, then anywhere.
    moments = [_saving, _evaluating, lambda _: True] + [_at(choice.randrange(1, 12)) for _ in range(MOMENTS)]
    for number, moment in enumerate(moments):
        attempt = nursery().start(container, tmp_path / f"attempt-{number}")
        first = len(container.steps())
        wait_until(lambda moment=moment, first=first: moment((container, first)))
        before, asked = len(container.steps()), time.monotonic()
        attempt.stop()
        assert attempt.wait() == 0, attempt.log
        slowest = max(slowest, time.monotonic() - asked)
        _whole(container, before)
    print(f"{len(moments)} moments: slowest stop {slowest:.2f} s; last step {container.checkpoints()[-1]}")
    assert slowest < BUDGET


def _whole(container: Container, before: int) -> None:
    """The model verifies, and is of the step at the signal or of the next ones that began before it was seen."""
    made, taken = manifest.verify(container.layout.model), len(container.steps())
    assert container.checkpoints()[-1] == taken == made.provenance["steps"]
    assert before <= taken <= before + 3  # this test reads the log a moment before it signals


def _saving(state: tuple[Container, int]) -> bool:
    return any(state[0].layout.checkpoints.glob(".step-*.tmp"))


def _evaluating(state: tuple[Container, int]) -> bool:
    taken = len(state[0].steps())
    return taken > state[1] and taken % 3 == 0  # an epoch has three steps


def _at(steps: int) -> object:
    return lambda state: len(state[0].steps()) >= state[1] + steps
