"""Threads that do one turn of their work after another for some time, and then rest, so that what is left can be counted."""

import random
import threading
import time
import traceback
from collections.abc import Sequence
from typing import Protocol

from tests.soak.tally import Tally


class Actor(Protocol):
    """One kind of work. `random`: its own, from the seed of the soak."""

    name: str

    def turn(self, tally: Tally) -> None:
        """Does something, compares what comes with what has to come, and removes what it made."""


def random_of(seed: int, name: str) -> random.Random:
    """The choices of one actor, which do not depend on what the others do."""
    return random.Random(f"{seed}:{name}")


def work(actors: Sequence[Actor], seconds: float, tally: Tally) -> None:
    """Lets all of them work side by side; returns when the last has ended the turn it was in."""
    until = time.monotonic() + seconds

    def turns(actor: Actor) -> None:
        while time.monotonic() < until:
            try:
                actor.turn(tally)
            except Exception as error:
                tally.fault(actor.name, _told(error))

    threads = [threading.Thread(target=turns, args=(actor,), name=actor.name) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _told(error: Exception) -> str:
    """The error, and the lines of the soak that led to it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/tests/" in frame.filename]
    way = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{type(error).__name__}: {error} ({way})"
