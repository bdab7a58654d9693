"""Which pictures can be used, and whether they are enough; the whole program does it in tests/faults, row 7."""

from pathlib import Path

import pytest

from contract.pictures.preprocess import Preprocessing
from tests.support.train_jobs import draw
from train.config import ProcessRank
from train.data import picture_check
from train.data.loader import Loader
from train.data.pictures import collect
from train.errors import DataError
from train.ranks import Ranks
from train.report import Report


def test_bad_pictures_are_found_and_too_many_or_too_few_are_refused(tmp_path: Path) -> None:
    draw(tmp_path, "train", 3)
    (tmp_path / "train" / "a" / "001.png").write_text("no picture")
    collection = collect({"train": tmp_path / "train"})
    loader = Loader(collection.pictures, Preprocessing(), seed=0, augment=False, workers=0, batch=2, pin=False)
    ranks, report = Ranks(ProcessRank(), tmp_path / "stop"), Report(False)
    assert picture_check.find_unusable(collection, loader, ranks, report, limit=1) == [1]
    with pytest.raises(DataError, match=r"1 bad pictures, max-bad-images is 0: .*train/a/001.png"):
        picture_check.find_unusable(collection, loader, ranks, report, limit=0)
    picture_check.require_enough(collection, ["train"], [1], ranks=8)
    with pytest.raises(DataError, match="no usable pictures of 1 class"):
        picture_check.require_enough(collection, ["train"], [0, 1, 2], ranks=1)
    with pytest.raises(DataError, match="9 pictures for 10 processes"):
        picture_check.require_enough(collection, ["train"], [], ranks=10)
