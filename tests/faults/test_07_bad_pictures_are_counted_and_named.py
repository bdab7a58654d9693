"""Row 7: empty, cut, renamed, gigantic and foreign files, and links out of the channel: counted, named, limited, harmless."""

import struct
import zlib
from pathlib import Path

import psutil

from contract.pictures.preprocess import Preprocessing
from tests.support.train_jobs import CLASSES, Container, nursery
from train.data.loader import Loader
from train.data.pictures import collect

RSS_BUDGET = 200 << 20


def spoil(container: Container) -> int:
    """Put bad files into the channels and return how many."""
    folder = container.base / "input" / "data" / "train" / "b"
    good = (folder / "000.png").read_bytes()
    bad = {
        "bad-empty.jpg": b"",
        "bad-cut.png": good[: len(good) // 2],
        "bad-text.jpg": b"not a picture at all",
        "bad-huge.png": _huge(50_000),
        "bad-sky.fits": b"SIMPLE  =                    T" + b" " * 2850,
        "bad-name-for-a-gif.jpg": b"GIF89a\x01\x00\x01\x00\x00\x00\x00;",
    }
    for name, body in bad.items():
        (folder / name).write_bytes(body)
    (folder / "bad-link.jpg").symlink_to("/etc/passwd")
    (container.base / "input" / "data" / "validation" / "a" / "bad-too.jpg").write_bytes(b"")
    return len(bad) + 2


def test_over_the_limit_the_job_fails_before_it_trains(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml")
    count = spoil(container)
    container.hyperparameters["max-bad-images"] = str(count - 1)
    attempt = nursery().start(container, tmp_path / "attempt")
    assert attempt.wait() == 1, attempt.log
    failure = attempt.reason
    print(failure)
    assert failure.startswith(f"DataError: {count} bad pictures, max-bad-images is {count - 1}: ")
    assert all(f"train/b/bad-{name}" in failure for name in ("cut.png", "empty.jpg", "huge.png", "name-for-a-gif.jpg"))
    assert failure.count("/bad-") == 5
    assert "root:" not in failure
    assert not container.steps()


def test_within_the_limit_they_are_left_out(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml")
    count = spoil(container)
    attempt = nursery().start(container, tmp_path / "attempt")
    assert attempt.wait() == 0, attempt.log
    assert f"left out, {count} of {count + 36} pictures cannot be used" in attempt.log
    print(f"{count} bad pictures left out of {count + 36}")
    assert len(container.steps()) == 6, "two epochs of 24 good pictures, 8 a step"


def test_looking_at_them_takes_little_memory(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml")
    spoil(container)
    data = container.base / "input" / "data"
    collection = collect({split: data / split for split in ("train", "validation")})
    spec = Preprocessing(resize=37, crop=32)
    loader = Loader(collection.pictures, spec, seed=0, augment=False, workers=1, batch=8, pin=False)
    everything = list(range(len(collection.pictures)))
    good = [at for at in everything if "bad-" not in collection.pictures[at].name]
    assert next(loader.checks([good[:1]])) == [""]
    worker = psutil.Process().children()[-1]
    before, peak = worker.memory_info().rss, 0
    found: list[str] = []
    for texts in loader.checks([[at] for at in everything]):
        found += texts
        peak = max(peak, worker.memory_info().rss)
    high = _high_water(worker.pid)
    print(
        f"{sum(map(bool, found))} bad of {len(found)}; RSS grew {(max(peak, high) - before) >> 20} MiB, budget {RSS_BUDGET >> 20}"
    )
    assert [at for at in everything if not found[at]] == good
    assert max(peak, high) - before < RSS_BUDGET
    assert len(collection.classes) == len(CLASSES)


def _high_water(pid: int) -> int:
    """The worker's own peak, from the kernel: sampling could miss it."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


def _huge(side: int) -> bytes:
    """A small PNG that claims side x side pixels, all of which would decode."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    rows = packer.compress(b"\0" * (3 * side + 1) * 20) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
