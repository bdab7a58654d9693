"""Row 69. Small files that take gigabytes to decode: told by their headers. Decoding one picture keeps to one budget in bytes,
whatever its mode and form, and the workers are as many as have room for it: sixteen of the worst at once fit into 1 GiB."""

import io
import struct
import threading
from pathlib import Path

import psutil
import pytest
from PIL import Image

from contract.pictures.picture_memory import MAX_DECODING_BYTES
from contract.pictures.preprocess import Preprocessing
from tests.contract.pictures.test_picture import column, scan_by_scan
from tests.support import artefact
from tests.support.containers import ServeContainer
from tests.support.server import Answer, Server
from tests.support.train_jobs import draw
from train.data.loader import Loader
from train.data.pictures import collect

SLACK = 24 << 20
"""For the body, a strip in the middle of its conversion, and the network."""
ONE_CPU = 'exec taskset -c "$(taskset -cp $$ | grep -o "[0-9]*$")" "$@"'


def picture(mode: str, width: int, height: int, kind: str = "PNG", **options: object) -> bytes:
    image, body = Image.new(mode, (width, height)), io.BytesIO()
    if mode == "P":
        image.putpalette(bytes(range(256)) * 3)
    image.save(body, kind, **options)
    return body.getvalue()


def webp(width: int, height: int) -> bytes:
    """A header and nothing more: a hundred bytes that claim a size."""
    head = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(80)
    chunk = b"VP8L" + struct.pack("<I", len(head)) + head + bytes(len(head) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


@pytest.fixture(scope="module")
def small_files() -> dict[str, tuple[bytes, set[int]]]:
    """The files, and the statuses that are right for each."""
    return {
        "16-bit grey PNG, 1 x 39,000,000": (picture("I;16", 1, 39_000_000), {413}),
        "PNG with alpha, 1 x 16,700,000": (column(6, 16_700_000), {200}),
        "16-bit grey PNG, 6,300 x 6,300": (picture("I;16", 6300, 6300), {200}),
        "PNG of a palette with alpha, 6,300 x 6,300": (picture("P", 6300, 6300, transparency=0), {200}),
        "PNG with alpha, 6,300 x 6,300": (picture("RGBA", 6300, 6300), {200}),
        "WebP that claims 6,300 x 6,300": (webp(6300, 6300), {413}),
        "WebP with alpha, 5,000 x 5,000": (picture("RGBA", 5000, 5000, "WEBP", lossless=True), {200}),
        "JPEG of three scans, 12,000 x 12,000": (scan_by_scan(12_000, 12_000), {413}),
    }


def test_decoding_one_picture_keeps_to_the_budget(small_files: dict[str, tuple[bytes, set[int]]]) -> None:
    with Server(artefact.small(), shell=ONE_CPU, SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        (worker,) = server.workers()
        for name, (body, right) in small_files.items():
            Path(f"/proc/{worker.pid}/clear_refs").write_text("5")
            before = worker.memory_info().rss
            answer = server.invoke(body, "application/x-image")
            growth = peak(worker) - before
            print(f"{name} ({len(body):,} bytes): {answer.status}, {growth / 2**20:+.0f} MiB")
            assert answer.status in right, (name, answer)
            assert growth <= MAX_DECODING_BYTES + SLACK, name
        assert server.workers() == [worker]


def test_sixteen_at_once_take_less_than_a_gibibyte(small_files: dict[str, tuple[bytes, set[int]]]) -> None:
    """What the processes take at most, as one worker, which is what 1 GiB has room for."""
    with Server(artefact.small(), shell=ONE_CPU, SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        assert sixteen(server, small_files) == []
        together = sum(peak(process) for process in server.tree())
        print(f"sixteen at once: {together / 2**20:.0f} MiB at most")
        assert together < 1 << 30 and not server.events("worker_gone")


def test_in_a_container_of_a_gibibyte_nobody_is_killed(
    built_images: dict[str, str], small_files: dict[str, tuple[bytes, set[int]]]
) -> None:
    with ServeContainer(built_images["serve-cpu"], artefact.small(), "--memory", "1g", "--memory-swap", "1g") as server:
        assert sixteen(server, small_files) == []
        assert len(server.events("worker_ready")) == 1 and not server.events("worker_gone")


def test_in_training_they_are_bad_pictures_by_name(tmp_path: Path) -> None:
    draw(tmp_path, "train", 2)
    (tmp_path / "train" / "a" / "long.png").write_bytes(picture("I;16", 1, 39_000_000))
    (tmp_path / "train" / "b" / "claims.webp").write_bytes(webp(6300, 6300))
    pictures = collect({"train": tmp_path / "train"}).pictures
    loader = Loader(pictures, Preprocessing(resize=37, crop=32), seed=0, augment=False, workers=0, batch=8, pin=False)
    (texts,) = loader.checks([[*range(len(pictures))]])
    found = {picture.name: text for picture, text in zip(pictures, texts, strict=True) if text}
    print(found)
    assert sorted(found) == ["train/a/long.png", "train/b/claims.webp"] and all(
        "MiB to decode" in text for text in found.values()
    )


def sixteen(server: Server, files: dict[str, tuple[bytes, set[int]]]) -> list[tuple[str, Answer]]:
    """Sends every file twice, all of them at once. The answers that are wrong."""
    wrong: list[tuple[str, Answer]] = []

    def send(name: str) -> None:
        body, right = files[name]
        answer = server.invoke(body, "application/x-image")
        if answer.status not in right:
            wrong.append((name, answer))

    threads = [threading.Thread(target=send, args=(name,)) for name in [*files, *files]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def peak(process: psutil.Process) -> int:
    """The most bytes that a process has held so far."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) * 1024
