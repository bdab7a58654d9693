"""What the operating system does for a training process."""

from train import machine


def test_shared_memory_is_counted_in_bytes() -> None:
    assert machine.shared_memory_free() >= 0
