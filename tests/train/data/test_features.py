"""Kept features: whole, of the job that reads them, and rows given out by picture; anything else is one line."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from contract.manifest import digest
from contract.pictures.preprocess import Preprocessing
from train.config import Config
from train.data import features
from train.data.features import MARKER, NETWORK, VALUES, FeatureLoader, Features
from train.data.pictures import Collection, Picture
from train.errors import ConfigError, FeaturesError

CONFIG = Config(arch="resnet18", picture_size=32, views=2)
RECIPE = {name: getattr(CONFIG, name) for name in features.SHARED} | {"pictures": "p", "pretrained": "w"}


def made() -> Features:
    """Three training pictures, the second of them unusable, and two for validation."""
    names = ["train/a/0", "train/a/1", "train/b/2", "validation/a/3", "validation/b/4"]
    pictures = [Picture(Path(name), name, name.split("/")[0], "ab".index(name.split("/")[1])) for name in names]
    tensors = {"train": torch.arange(12.0).reshape(2, 2, 3), "validation": torch.arange(6.0).reshape(2, 3) + 100}
    weights = {"stem.weight": torch.ones(2, 2), "fc.weight": torch.arange(6.0).reshape(2, 3), "fc.bias": torch.zeros(2)}
    return Features(
        recipe=RECIPE,
        collection=Collection(("a", "b"), tuple(pictures)),
        bad=(1,),
        spec=Preprocessing(resize=37, crop=32),
        head="fc",
        tensors=tensors,
        weights=weights,
    )


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    features.write(tmp_path, made())
    return tmp_path


def test_what_is_written_is_read(folder: Path) -> None:
    found, expected = features.read(folder, CONFIG), made()
    assert (found.recipe, found.collection, found.bad, found.spec) == (RECIPE, expected.collection, (1,), expected.spec)
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in expected.tensors.items())
    assert {path.name for path in folder.iterdir()} == {MARKER, VALUES, NETWORK}
    assert features.why_stale(folder, RECIPE) is None


def test_a_head_goes_out_and_comes_back_into_the_whole_network(folder: Path) -> None:
    found = features.read(folder, CONFIG)
    net = found.network(torch.device("cpu"))
    assert torch.equal(net.module.weight, found.weights["fc.weight"]) and len(net.parameters()) == 2
    with torch.no_grad():
        net.module.bias += 5
    whole = found.whole(net.module.state_dict())
    assert list(whole) == list(found.weights) and torch.equal(whole["stem.weight"], found.weights["stem.weight"])
    assert torch.equal(whole["fc.bias"], torch.full((2,), 5.0)) and torch.equal(found.weights["fc.bias"], torch.zeros(2))


def test_rows_are_by_picture_and_epochs_take_the_views_in_turn(folder: Path) -> None:
    loader = FeatureLoader(features.read(folder, CONFIG))
    epochs = [next(loader.training(epoch, [[2, 0]])) for epoch in range(3)]
    assert epochs[0].pixels.tolist() == [[3.0, 4.0, 5.0], [0.0, 1.0, 2.0]] and epochs[0].labels.tolist() == [1, 0]
    assert epochs[1].pixels[1].tolist() == [6.0, 7.0, 8.0] and torch.equal(epochs[2].pixels, epochs[0].pixels)
    assert [batch.pixels[0, 0].item() for batch in loader.evaluation([[3], [4]])] == [100.0, 103.0]


@pytest.mark.parametrize(("field", "value"), [("seed", 1), ("views", 1), ("arch", "resnet34"), ("augment", "none")])
def test_another_jobs_features_are_refused_by_what_differs(folder: Path, field: str, value: object) -> None:
    other = Config(**{"arch": "resnet18", "picture_size": 32, "views": 2} | {field: value})
    with pytest.raises(ConfigError, match=rf"channel features: made with {field} {RECIPE[field]!r}; this job has other"):
        features.read(folder, other)


def test_stale_features_are_told_by_what_changed(folder: Path) -> None:
    assert features.why_stale(folder, RECIPE | {"pictures": "q"}) == "they were made with another pictures"
    assert features.why_stale(folder / "none", RECIPE) == "there are none yet"
    (folder / MARKER).write_text("[]")
    assert "another format" in (features.why_stale(folder, RECIPE) or "")


def damage(folder: Path, name: str) -> None:
    path = folder / name
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)


def test_damaged_cut_and_missing_files_are_named_and_computed_again(tmp_path: Path) -> None:
    for name in (VALUES, NETWORK):
        for act, words in (
            (lambda path: damage(path.parent, path.name), "SHA-256 is not what features.json says"),
            (lambda path: path.write_bytes(path.read_bytes()[:-7]), "bytes where features.json says"),
            (lambda path: path.unlink(), "missing"),
        ):
            features.write(tmp_path, made())
            act(tmp_path / name)
            assert words in (features.why_stale(tmp_path, RECIPE) or "")
            with pytest.raises(FeaturesError, match=rf"{name}: .*{words}.*; compute them again"):
                features.read(tmp_path, CONFIG)
    (tmp_path / MARKER).unlink()
    with pytest.raises(FeaturesError, match=r"features.json is missing"):
        features.read(tmp_path, CONFIG)


def reseal(folder: Path, **changes: object) -> None:
    """A marker that says what the files are, as somebody who means harm would write it."""
    body = json.loads((folder / MARKER).read_text()) | changes
    body["files"] = {name: {"sha256": digest(folder / name), "bytes": (folder / name).stat().st_size} for name in body["files"]}
    (folder / MARKER).write_text(json.dumps(body))


@pytest.mark.parametrize(
    "changes",
    [
        {"pictures": [["train/a/0", 7]]},
        {"pictures": [["train/a/0", True]]},
        {"pictures": "many"},
        {"pictures": [[1, 2, 3]]},
        {"classes": ["a"]},
        {"bad": [0, 1]},
        {"bad": {"x": 1}},
        {"head": "stem"},
        {"head": "none"},
        {"preprocessing": {"crop": 10**9}},
        {"recipe": {}},
        {"recipe": [1]},
    ],
)
def test_a_hostile_marker_is_one_line(folder: Path, changes: dict) -> None:
    reseal(folder, **changes)
    with pytest.raises((FeaturesError, ConfigError)) as told:
        features.read(folder, CONFIG)
    assert "channel features: " in str(told.value) and "\n" not in str(told.value)


def test_hostile_tensors_are_one_line(folder: Path) -> None:
    (folder / VALUES).write_bytes(b"\xff" * 8 + b"{}")
    reseal(folder)
    with pytest.raises(FeaturesError, match="not what this program writes"):
        features.read(folder, CONFIG)
    for wrong in (torch.zeros(2, 2, 4), torch.zeros(2, 2, 3, dtype=torch.float16), torch.zeros(9, 2, 3)):
        save_file(made().tensors | {"train": wrong}, folder / VALUES)
        reseal(folder)
        with pytest.raises(FeaturesError, match=r"features.safetensors: train is .*, not float32 \[2, 2, 3\]"):
            features.read(folder, CONFIG)
    save_file({"train": made().tensors["train"]}, folder / VALUES)
    reseal(folder)
    with pytest.raises(FeaturesError, match="no train or no validation"):
        features.read(folder, CONFIG)
    assert set(load_file(folder / VALUES)) == {"train"}


def test_a_disk_that_cannot_take_them_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FeaturesError, match=r"features cannot be written to .*file"):
        features.write(tmp_path / "file", made())
