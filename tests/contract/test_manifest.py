"""model.json: an artefact is the files it was written with, or it is refused in one line that names the file."""

import json
from pathlib import Path

import pytest

from contract import manifest
from contract.errors import ArtefactError
from contract.manifest import Manifest
from contract.pictures.preprocess import Preprocessing
from contract.precision import Precision


@pytest.fixture()
def artefact(tmp_path: Path) -> Path:
    (tmp_path / "model.safetensors").write_bytes(b"weights" * 100)
    (tmp_path / "model.xml").write_text("<net/>")
    made = Manifest(architecture="resnet18", classes=("016.Beagle", "040.Bulldog"), preprocessing=Preprocessing())
    manifest.write(tmp_path, made)
    return tmp_path


def edit(folder: Path, **changes) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_written_then_verified(artefact: Path) -> None:
    found = manifest.verify(artefact)
    assert found.classes == ("016.Beagle", "040.Bulldog") and set(found.files) == {"model.safetensors", "model.xml"}
    assert found.preprocessing == Preprocessing()


def test_one_flipped_bit_is_found(artefact: Path) -> None:
    data = bytearray((artefact / "model.safetensors").read_bytes())
    data[350] ^= 1
    (artefact / "model.safetensors").write_bytes(data)
    with pytest.raises(ArtefactError, match=r"model\.safetensors: content"):
        manifest.verify(artefact)


def test_missing_extra_and_linked_files_are_named(artefact: Path, tmp_path: Path) -> None:
    (artefact / "code").mkdir()
    (artefact / "code" / "inference.py").write_text("import os")
    with pytest.raises(ArtefactError, match=r"code/inference\.py: not listed"):
        manifest.verify(artefact)
    (artefact / "code" / "inference.py").unlink()
    (artefact / "model.xml").rename(artefact / "elsewhere")
    with pytest.raises(ArtefactError, match="elsewhere: not listed"):
        manifest.verify(artefact)
    (artefact / "elsewhere").rename(tmp_path.parent / "outside.xml")
    with pytest.raises(ArtefactError, match=r"model\.xml: listed .* missing"):
        manifest.verify(artefact)
    (artefact / "model.xml").symlink_to(tmp_path.parent / "outside.xml")
    with pytest.raises(ArtefactError, match=r"model\.xml: listed .* missing"):
        manifest.verify(artefact)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format_version": 3}, "format_version is 3; this Kennel reads 1 to 2"),
        ({"format_version": True}, "format_version is True"),
        ({"architecture": "../resnet"}, "architecture"),
        ({"classes": ["one"]}, "classes"),
        ({"classes": ["a", "a"]}, "classes"),
        ({"classes": "ab"}, "classes"),
        ({"files": {}}, r"model\.safetensors is not listed"),
        ({"files": {"../x": {"sha256": "0" * 64, "bytes": 1}}}, "not plain"),
        ({"files": {"model.safetensors": {"sha256": "zz", "bytes": 1}}}, "sha256"),
        ({"files": {"model.safetensors": 3}}, "sha256"),
        ({"surprise": 1}, "surprise"),
        ({"preprocessing": {}}, "preprocessing"),
        ({"metrics": []}, "metrics"),
        ({"precision": {}}, "precision"),
        ({"precision": Precision(accepted=("int8", "float32")).to_json()}, r"model-int8\.xml is not listed"),
    ],
)
def test_a_wrong_manifest_is_refused_by_field(artefact: Path, changes: dict, words: str) -> None:
    edit(artefact, **changes)
    with pytest.raises(ArtefactError, match=words):
        manifest.verify(artefact)


def test_an_artefact_of_the_first_format_is_read_and_served_in_float32(artefact: Path) -> None:
    path = artefact / "model.json"
    body = json.loads(path.read_text())
    del body["precision"]
    path.write_text(json.dumps(body | {"format_version": 1}))
    assert manifest.verify(artefact).precision == Precision()
    path.write_text(json.dumps(body))
    with pytest.raises(ArtefactError, match="fields missing or unknown: precision"):
        manifest.verify(artefact)


def test_no_manifest_broken_manifest_deep_manifest(artefact: Path) -> None:
    path = artefact / "model.json"
    for body in (b"", b"{", b"\xff\xfe", b"[]", b"[" * 100_000, b'{"a":' * 100_000, b" " * (2 << 20)):
        path.write_bytes(body)
        with pytest.raises(ArtefactError, match=r"model\.json"):
            manifest.verify(artefact)
    path.unlink()
    with pytest.raises(ArtefactError, match="missing"):
        manifest.verify(artefact)


def test_a_manifest_may_be_as_large_as_the_limit(artefact: Path) -> None:
    """Blanks at the end of JSON mean nothing, so the same manifest can be of any size."""
    path = artefact / "model.json"
    text = path.read_bytes()
    path.write_bytes(text.ljust(1 << 20))
    assert manifest.read(artefact).classes
    path.write_bytes(text.ljust((1 << 20) + 1))
    with pytest.raises(ArtefactError, match="over 1,048,576 bytes"):
        manifest.read(artefact)
