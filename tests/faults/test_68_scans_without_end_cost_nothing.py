"""Row 68. A progressive JPEG of tens of thousands of scans: small to send, half a minute to decode. It is refused at once, in
serving and in training, and named there; others are answered meanwhile."""

import threading
import time
from pathlib import Path

from contract.pictures.preprocess import Preprocessing
from tests.contract.pictures.test_picture import many_scans
from tests.support import artefact
from tests.support.server import Server
from tests.support.train_jobs import draw
from train.data.loader import Loader
from train.data.pictures import collect

SCANS, SIDE = 95_000, 6_300


def test_scans_without_end_cost_nothing(dogs: list[bytes]) -> None:
    body = many_scans(SCANS, SIDE, SIDE)
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        start = time.monotonic()
        server.invoke(dogs[0])
        alone = time.monotonic() - start
        answers: list[int] = []
        hostile = [threading.Thread(target=lambda: answers.append(server.invoke(body).status)) for _ in range(4)]
        start = time.monotonic()
        for thread in hostile:
            thread.start()
        assert server.invoke(dogs[0]).status == 200
        honest = time.monotonic() - start
        for thread in hostile:
            thread.join()
        took = time.monotonic() - start
        said = server.invoke(body).json()
        print(
            f"{len(body) / 1e6:.1f} MB, {SCANS:,} scans: four refused in {1000 * took:.0f} ms; an honest picture "
            f"{1000 * honest:.0f} ms among them, {1000 * alone:.0f} ms alone"
        )
        assert answers == [400] * 4 and said["code"] == "BadPicture" and "scans" in said["message"] and took < 5
        assert not server.events("worker_killed") and not server.events("worker_gone")


def test_in_training_it_is_one_bad_picture_by_name(tmp_path: Path) -> None:
    draw(tmp_path, "train", 2)
    (tmp_path / "train" / "a" / "scans.jpg").write_bytes(many_scans(SCANS, SIDE, SIDE))
    pictures = collect({"train": tmp_path / "train"}).pictures
    loader = Loader(pictures, Preprocessing(resize=37, crop=32), seed=0, augment=False, workers=1, batch=8, pin=False)
    assert list(loader.checks([[0]])) == [[""]]
    start = time.monotonic()
    (texts,) = loader.checks([[*range(len(pictures))]])
    found = dict(zip((picture.name for picture in pictures), texts, strict=True))
    took = time.monotonic() - start
    print(f"{len(pictures)} pictures checked in {1000 * took:.0f} ms: {found['train/a/scans.jpg']}")
    assert "95,000 scans" in found.pop("train/a/scans.jpg") and not any(found.values()) and took < 5
