"""model.json says what a model artefact is, and proves that its files are the ones that were written.

A model folder holds `model.json` and the files it lists, nothing else. Weights are safetensors; nothing in an artefact is
ever unpickled, imported or executed. The manifest says what the model needs; it does not load it.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contract.errors import ArtefactError
from contract.files import write_whole
from contract.pictures.preprocess import Preprocessing
from contract.precision import GRAPHS, Precision
from contract.visible import NOT_UTF8, is_utf8, visible

MANIFEST = "model.json"
WEIGHTS = "model.safetensors"
FORMAT_VERSION = 2
_MANIFEST_LIMIT = 1 << 20
_FIRST_FIELDS = {"format_version", "architecture", "classes", "preprocessing", "metrics", "provenance", "files"}
_FIELDS = {1: _FIRST_FIELDS, 2: _FIRST_FIELDS | {"precision"}}
"""Of each format version this Kennel reads; it writes the newest."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file of the artefact: its SHA-256 in hex and its size in bytes."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What model.json says.

    `architecture`: the name torchvision builds it by. `classes`: the class of each output, in order, as the folders of the
    training data were named. `precision`: what it may be served in. `metrics`: final values by name of `contract.metrics`.
    `provenance`: free facts (job, versions, hyperparameters), all JSON. `files`: every file beside model.json, by name.
    """

    architecture: str
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    precision: Precision = field(default_factory=Precision)
    metrics: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, FileRecord] = field(default_factory=dict)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with open(path, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def write(folder: Path, manifest: Manifest) -> Manifest:
    """Write model.json for the files that lie in `folder` and return the manifest with them recorded."""
    names = sorted(path.name for path in folder.iterdir() if path.name != MANIFEST)
    records = {name: FileRecord(digest(folder / name), (folder / name).stat().st_size) for name in names}
    body = {
        "format_version": FORMAT_VERSION,
        "architecture": manifest.architecture,
        "classes": list(manifest.classes),
        "preprocessing": manifest.preprocessing.to_json(),
        "precision": manifest.precision.to_json(),
        "metrics": dict(manifest.metrics),
        "provenance": dict(manifest.provenance),
        "files": {name: {"sha256": record.sha256, "bytes": record.bytes} for name, record in records.items()},
    }
    write_whole(folder / MANIFEST, json.dumps(body, indent=2, sort_keys=True, allow_nan=False) + "\n")
    return read(folder)


def read(folder: Path) -> Manifest:
    """Parse model.json without looking at the other files. Raises ArtefactError naming the field at fault."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _MANIFEST_LIMIT:
            raise ArtefactError(f"{MANIFEST}: over {_MANIFEST_LIMIT:,} bytes")
        body = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ArtefactError(f"{MANIFEST}: missing; this is not a Kennel model artefact") from None
    except OSError as error:
        raise ArtefactError(f"{MANIFEST}: cannot be read ({error.strerror}); make it readable for everybody") from None
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{MANIFEST}: not JSON ({str(error)[:100]})") from None
    if not isinstance(body, dict):
        raise ArtefactError(f"{MANIFEST}: not an object")
    version = body.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version not in _FIELDS:
        raise ArtefactError(
            f"{MANIFEST}: format_version is {str(version)[:40]}; this Kennel reads 1 to {FORMAT_VERSION}, take a newer one"
        )
    if set(body) != _FIELDS[version]:
        odd = sorted(set(body) ^ _FIELDS[version])
        raise ArtefactError(f"{MANIFEST}: fields missing or unknown: {', '.join(odd)[:200]}")
    files = _files(_mapping(body, "files"))
    return Manifest(
        architecture=_architecture(body["architecture"]),
        classes=_classes(body["classes"]),
        preprocessing=Preprocessing.from_json(body["preprocessing"]),
        precision=_precision(body, files),
        metrics=_mapping(body, "metrics"),
        provenance=_mapping(body, "provenance"),
        files=files,
    )


def verify(folder: Path) -> Manifest:
    """Read model.json and check every file of the folder against it: none altered, missing or extra.

    Raises ArtefactError naming the file. Reads every byte once (about a second a gigabyte).
    """
    manifest = read(folder)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}
    for name in sorted(found - set(manifest.files) - {MANIFEST}):
        raise ArtefactError(f"{name}: not listed in {MANIFEST}; an artefact holds nothing else")
    for name, record in manifest.files.items():
        path = folder / name
        if name not in found or path.is_symlink() or not path.is_file():
            raise ArtefactError(f"{name}: listed in {MANIFEST} but missing")
        if path.stat().st_size != record.bytes:
            raise ArtefactError(f"{name}: {path.stat().st_size:,} bytes, {MANIFEST} says {record.bytes:,}")
        try:
            found_digest = digest(path)
        except OSError as error:
            raise ArtefactError(f"{name}: cannot be read ({error.strerror}); make it readable for everybody") from None
        if found_digest != record.sha256:
            raise ArtefactError(f"{name}: content is not what {MANIFEST} recorded (SHA-256 differs)")
    return manifest


def _architecture(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", value):
        raise ArtefactError(f"{MANIFEST}: architecture is {str(value)[:80]!r}; need a name such as resnet18")
    return value


def _classes(value: Any) -> tuple[str, ...]:
    good = isinstance(value, list) and all(isinstance(name, str) and 0 < len(name) <= 255 for name in value)
    if not good or len(value) < 2 or len(set(value)) != len(value):
        raise ArtefactError(f"{MANIFEST}: classes must be two or more different names")
    for name in value:
        if not is_utf8(name):
            raise ArtefactError(f"{MANIFEST}: class {visible(name)} {NOT_UTF8}")
    return tuple(value)


def _precision(body: dict[str, Any], files: Mapping[str, FileRecord]) -> Precision:
    precision = Precision.from_json(body["precision"]) if "precision" in body else Precision()
    if "int8" in precision.accepted and GRAPHS["int8"] not in files:
        raise ArtefactError(f"{MANIFEST}: precision accepts int8, but {GRAPHS['int8']} is not listed")
    return precision


def _mapping(body: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(body[name], dict):
        raise ArtefactError(f"{MANIFEST}: {name} is not an object")
    return body[name]


def _files(value: dict[str, Any]) -> dict[str, FileRecord]:
    files = {}
    for name, record in value.items():
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", name) or name == MANIFEST:
            raise ArtefactError(f"{MANIFEST}: file name {name[:80]!r} is not plain")
        try:
            sha256, size = record["sha256"], record["bytes"]
        except (TypeError, KeyError):
            raise ArtefactError(f"{MANIFEST}: {name} needs sha256 and bytes") from None
        if not (isinstance(sha256, str) and re.fullmatch(r"[0-9a-f]{64}", sha256) and isinstance(size, int) and size >= 0):
            raise ArtefactError(f"{MANIFEST}: {name} has no usable sha256 and bytes")
        files[name] = FileRecord(sha256, size)
    if WEIGHTS not in files:
        raise ArtefactError(f"{MANIFEST}: {WEIGHTS} is not listed")
    return files
