"""Row 5: no room for a checkpoint: the earlier one stays whole, nothing half-written stays, the reason is said."""

from pathlib import Path

from tests.support.train_jobs import Container, nursery


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml")
    attempt = nursery().start(container, tmp_path / "first")
    attempt.stop()
    assert attempt.wait() == 0, attempt.log
    before = {path.name: path.read_bytes() for path in container.layout.checkpoints.iterdir()}
    assert set(before) == {"step-000000000.pt", "step-000000000.json"}
    attempt = nursery().start(container, tmp_path / "full", file_limit=1 << 20)  # a checkpoint takes four times that
    assert attempt.wait() == 1, attempt.log
    print(attempt.reason)
    assert attempt.reason == (
        "CheckpointError: the checkpoint of step 3 cannot be written: file size limit exceeded; the earlier ones are intact"
    )
    assert {path.name: path.read_bytes() for path in container.layout.checkpoints.iterdir()} == before
