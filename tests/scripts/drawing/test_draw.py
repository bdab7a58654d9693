"""The drawn picture set: the same for the same seed, laid out as dogImages, and not to be told by colour."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.drawing.breed import BREEDS
from scripts.drawing.draw import FINISHED, STARTED, Counts, contact_sheet, draw, main, plan, write_set
from scripts.errors import LaunchError

FEW = Counts(train=2, valid=1, test=2)
CLASSES = [f"{number:03}.{breed.name}" for number, breed in enumerate(BREEDS, start=1)]


def digests(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.jpg")}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("drawn") / "set"
    assert write_set(folder, seed=5, per_class=FEW, size=64, processes=2)
    yield folder


def test_one_picture_is_the_same_for_the_same_seed_only() -> None:
    breed = BREEDS[0]
    first = draw(breed, 7, 96)
    assert (first.mode, first.size) == ("RGB", (96, 96))
    assert first.tobytes() == draw(breed, 7, 96).tobytes()
    assert first.tobytes() != draw(breed, 8, 96).tobytes()
    assert first.tobytes() != draw(BREEDS[1], 7, 96).tobytes()


def test_the_bytes_do_not_depend_on_the_number_of_processes(few: Path, tmp_path: Path) -> None:
    write_set(tmp_path / "one", seed=5, per_class=FEW, size=64, processes=1)
    assert digests(tmp_path / "one") == digests(few)


def test_the_layout_is_that_of_dog_images(few: Path) -> None:
    assert len(BREEDS) >= 12
    assert sorted(path.name for path in few.iterdir()) == sorted(["train", "valid", "test", FINISHED])
    for split, count in (("train", 2), ("valid", 1), ("test", 2)):
        assert sorted(path.name for path in (few / split).iterdir()) == CLASSES
        for name in CLASSES:
            pictures = sorted(path.name for path in (few / split / name).iterdir())
            assert pictures == [f"{name[4:]}_{index:05}.jpg" for index in range(1, count + 1)]
    with Image.open(few / "test" / CLASSES[0] / f"{CLASSES[0][4:]}_00001.jpg") as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (64, 64))


def test_no_picture_is_in_two_splits(few: Path) -> None:
    everything = digests(few)
    assert len(set(everything.values())) == len(everything) == 5 * len(BREEDS)
    pictures = [picture for seed in (0, 1) for picture in plan(seed, Counts(train=50, valid=50, test=50))]
    assert len({(picture.breed.name, picture.seed) for picture in pictures}) == len(pictures)


def test_more_pictures_leave_the_earlier_ones_as_they_were() -> None:
    fewer = {(picture.path, picture.seed) for picture in plan(3, FEW)}
    assert fewer < {(picture.path, picture.seed) for picture in plan(3, Counts(train=9, valid=9, test=9))}


def test_a_finished_set_is_not_drawn_again_and_a_half_finished_one_is(few: Path) -> None:
    before = digests(few)
    again = {"seed": 5, "per_class": FEW, "size": 64, "processes": 1}
    assert not write_set(few, **again)

    (few / FINISHED).rename(few / STARTED)
    victim = few / "train" / CLASSES[3] / f"{CLASSES[3][4:]}_00002.jpg"
    victim.write_bytes(b"half a pict")
    assert write_set(few, **again)
    assert digests(few) == before and not (few / STARTED).exists()

    victim.unlink()
    assert write_set(few, **again), "a set with a picture missing is not finished"
    assert digests(few) == before


def test_other_parameters_replace_the_set(tmp_path: Path) -> None:
    one = Counts(train=1, valid=1, test=1)
    write_set(tmp_path, seed=1, per_class=FEW, size=32, processes=1)
    assert write_set(tmp_path, seed=2, per_class=one, size=32, processes=1)
    assert len(digests(tmp_path)) == 3 * len(BREEDS)
    assert json.loads((tmp_path / FINISHED).read_text())["seed"] == 2


def test_strangers_in_a_drawn_set_are_kept(tmp_path: Path) -> None:
    write_set(tmp_path, per_class=Counts(train=1, valid=1, test=1), size=32, processes=1)
    before = digests(tmp_path)
    (tmp_path / "test" / CLASSES[0] / "rex.jpg").write_bytes(b"precious")
    with pytest.raises(LaunchError, match="rex"):
        write_set(tmp_path, seed=9, per_class=FEW, size=32)
    assert before.items() < digests(tmp_path).items()


@pytest.mark.parametrize(
    "stranger", ["holiday.jpg", "test/001.Arrow_hound/mine.jpg", "test/001.Arrow_hound/Arrow_hound_00001.jpg"]
)
def test_a_folder_that_holds_anything_else_is_refused_and_left_alone(tmp_path: Path, stranger: str) -> None:
    path = tmp_path / stranger
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"precious")
    with pytest.raises(LaunchError, match=f"holds {stranger}, .*give an empty or a new folder"):
        write_set(tmp_path, per_class=FEW, size=32)
    assert path.read_bytes() == b"precious"
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]


@pytest.mark.parametrize(
    ("arguments", "said"), [(["--train", "0"], "train 0"), (["--size", "5"], "size 5"), (["--seed", "-1"], "seed -1")]
)
def test_the_command_refuses_what_is_out_of_range(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["--to", str(tmp_path / "set"), *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_the_command_says_what_to_type_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "set"
    arguments = ["--to", str(folder), "--train", "1", "--valid", "1", "--test", "1", "--size", "32"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"next: make demo DATA={folder}"
    assert main(arguments) == 0
    assert "were already in" in capsys.readouterr().out


def test_the_contact_sheet_shows_every_class(few: Path) -> None:
    sheet = contact_sheet(few, across=4, each=2, side=40)
    assert sheet.size == (4 * 86 + 6, 3 * 64 + 6)
    white = np.asarray(sheet.convert("L")) == 255
    for index in range(len(BREEDS)):
        cell = white[6 + index // 4 * 64 :, 6 + index % 4 * 86 :][:40, :80]
        assert cell.mean() < 0.5, f"{BREEDS[index].name} is missing"


def _colours(picture: Image.Image) -> np.ndarray:
    """All that a picture's colours say when its forms are gone: mean, spread and a histogram of 4 x 4 x 4 colours."""
    pixels = np.asarray(picture.resize((48, 48))).reshape(-1, 3)
    cells = (pixels // 64) @ (16, 4, 1)
    histogram = np.sqrt(np.bincount(cells, minlength=64) / len(pixels))
    return np.concatenate([histogram, pixels.mean(axis=0) / 255, pixels.std(axis=0) / 255])


def test_colour_alone_does_not_tell_the_breeds() -> None:
    """Chance is 1 in 12. Two classifiers that see colours only, each fitted on 20 pictures a class and asked about 15."""
    features = np.array([[_colours(draw(breed, seed, 64)) for seed in range(35)] for breed in BREEDS])
    mean, spread = features[:, :20].mean(axis=(0, 1)), features[:, :20].std(axis=(0, 1)) + 1e-3
    features = (features - mean) / spread
    known, asked = features[:, :20], features[:, 20:].reshape(-1, features.shape[-1])
    truth = np.repeat(np.arange(len(BREEDS)), 15)

    centres = known.mean(axis=1)
    nearest = ((asked[:, None] - centres) ** 2).sum(axis=-1).argmin(axis=1)

    flat = known.reshape(-1, known.shape[-1])
    wanted = np.repeat(np.eye(len(BREEDS)), 20, axis=0) - 1 / len(BREEDS)
    ridge = np.linalg.solve(flat.T @ flat + 30 * np.eye(flat.shape[1]), flat.T @ wanted)
    linear = (asked @ ridge).argmax(axis=1)

    scores = {"nearest centroid": float((nearest == truth).mean()), "ridge": float((linear == truth).mean())}
    print(f"accuracy by colour alone: {scores}")
    assert max(scores.values()) <= 0.2
