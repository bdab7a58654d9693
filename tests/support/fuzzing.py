"""What the fuzz tests share: how much they try, and what a call may cost.

`make test` tries a little, and the same each time. `make fuzz` tries much, and something else each time (tests/fuzz.py).
"""

import time
import tracemalloc
from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

Found = TypeVar("Found")
LONG = "long"
"""The name of the profile that `make fuzz` loads."""
MORE = 40
"""How many times more is tried in the long profile."""
SECONDS, MIB = 1.0, 1 << 20


def fuzzed(examples: int) -> settings:
    """The settings of a fuzz test that tries `examples` inputs in `make test`."""
    long = settings.get_current_profile_name() == LONG
    return settings(
        max_examples=examples * MORE if long else examples,
        derandomize=not long,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def bounded(call: Callable[[], Found], *, seconds: float = SECONDS) -> Found:
    """What a call returns. Fails where it took more of this thread's CPU time than `seconds`, whatever else the machine does."""
    began = time.thread_time()
    try:
        return call()
    finally:
        took = time.thread_time() - began
        assert took < seconds, f"{took:.2f} s of CPU time"


def peak(call: Callable[[], object]) -> int:
    """Bytes that Python allocated at most during a call."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@st.composite
def mutated(draw: st.DrawFn, samples: list[bytes], changes: int = 6) -> bytes:
    """One of the samples with a few places cut, doubled, replaced or filled with other bytes; now and then cut short."""
    data = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(0, changes))):
        place = draw(st.integers(0, len(data)))
        length = draw(st.sampled_from([0, 1, 1, 2, 4, 8, 64]))
        new = draw(st.one_of(st.binary(max_size=8), st.sampled_from([b"\x00", b"\xff", b"\xff" * 8, b"\x7f" + b"\xff" * 7])))
        data[place : place + length] = new
    if draw(st.integers(0, 9)) == 0:
        del data[draw(st.integers(0, len(data))) :]
    return bytes(data)


def json_values(leaves: int = 12) -> st.SearchStrategy[object]:
    """Whatever JSON can say, with the numbers that Python reads and JSON does not know."""
    numbers = st.one_of(
        st.integers(), st.floats(), st.sampled_from([10**400, -(10**400), 1e308, float("nan"), float("inf"), 2**63, -1, 0, True])
    )
    plain = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=12))
    return st.recursive(
        plain,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)),
        max_leaves=leaves,
    )
