"""Free shared memory is counted in bytes, and what is written there is missing from it."""

import os
from pathlib import Path

from train.data import shared_memory


def test_what_is_written_to_shared_memory_is_missing_from_what_is_free() -> None:
    path, size = Path("/dev/shm") / f"kennel-test-{os.getpid()}", 8 << 20
    before = shared_memory.free_bytes()
    try:
        path.write_bytes(b"\1" * size)
        left = shared_memory.free_bytes()
    finally:
        path.unlink(missing_ok=True)
    assert before > left > 0
