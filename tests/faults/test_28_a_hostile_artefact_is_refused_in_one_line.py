"""Row 28: an artefact that is altered, incomplete, foreign or hostile ends the program with one line; nothing is unpickled."""

import json
import pickle
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from contract import manifest
from tests.support import artefact
from tests.support.server import Server


class Canary:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self._path), "w")


def _flip(base: Path) -> None:
    path = base / "model" / "model.bin"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _edit(base: Path, **fields: object) -> None:
    path = base / "model" / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def _missing_weights(base: Path) -> None:
    (base / "model" / "model.safetensors").unlink()


def _extra_code(base: Path) -> None:
    (base / "model" / "code").mkdir()
    (base / "model" / "code" / "other.py").write_text("raise SystemExit")  # an inference.py would be the person's own handler


def _pickle_added(base: Path) -> None:
    (base / "model" / "model.pt").write_bytes(pickle.dumps(Canary(base / "canary")))


def _pickle_as_weights(base: Path) -> None:
    artefact.rewrite(base, lambda folder: (folder / manifest.WEIGHTS).write_bytes(pickle.dumps(Canary(base / "canary"))))


def _huge_header(base: Path) -> None:
    artefact.rewrite(
        base, lambda folder: (folder / manifest.WEIGHTS).write_bytes(struct.pack("<Q", 90 << 20) + b" " * (90 << 20))
    )


def _header_beyond_the_file(base: Path) -> None:
    artefact.rewrite(base, lambda folder: (folder / manifest.WEIGHTS).write_bytes(struct.pack("<Q", 1 << 40) + b"{}"))


def _short_weights(base: Path) -> None:
    def cut(folder: Path) -> None:
        path = folder / manifest.WEIGHTS
        path.write_bytes(path.read_bytes()[:-100])

    artefact.rewrite(base, cut)


def _thousand_classes(base: Path) -> None:
    artefact.rewrite(base, classes=tuple(f"class{place:04}" for place in range(1000)))


def _broken_graph(base: Path) -> None:
    artefact.rewrite(base, lambda folder: (folder / "model.xml").write_text("<net><!DOCTYPE x></net>"))


def _no_graph(base: Path) -> None:
    artefact.rewrite(base, lambda folder: (folder / "model.xml").unlink())


def _short_graph_weights(base: Path) -> None:
    artefact.rewrite(base, lambda folder: (folder / "model.bin").write_bytes(b"\0" * 100))


def _link(base: Path) -> None:
    (base / "model" / "model.bin").unlink()
    (base / "model" / "model.bin").symlink_to("/etc/passwd")


CASES: dict[str, tuple[Callable[[Path], None], str]] = {
    "one bit flipped": (_flip, "model.bin"),
    "weights missing": (_missing_weights, "model.safetensors"),
    "code added": (_extra_code, "code/other.py"),
    "a pickle added": (_pickle_added, "model.pt"),
    "a pickle instead of the weights": (_pickle_as_weights, "model.safetensors"),
    "a header of 90 MB": (_huge_header, "model.safetensors"),
    "a header longer than the file": (_header_beyond_the_file, "model.safetensors"),
    "weights cut short": (_short_weights, "model.safetensors"),
    "a newer format": (lambda base: _edit(base, format_version=3), "model.json"),
    "classes missing": (lambda base: _edit(base, classes=[]), "model.json"),
    "no manifest": (lambda base: (base / "model" / "model.json").unlink(), "model.json"),
    "1,000 classes for 5": (_thousand_classes, "model.xml"),
    "a broken graph": (_broken_graph, "model.xml"),
    "no graph": (_no_graph, "model.xml"),
    "graph weights cut short": (_short_graph_weights, "model.xml"),
    "a link": (_link, "model.bin"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_artefact_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    change, file = CASES[name]
    base = artefact.copy(artefact.small(), tmp_path / "ml")
    change(base)
    before = _tree(base)
    with Server(base, ready=False, SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        status, errors = server.wait_end(30)
        seconds = time.monotonic() - server.started
        print(f"{name}: exit {status} {seconds:.2f} s after launch: {errors.strip()}")
        assert status == 1
        assert errors.count("\n") == 1 and errors.startswith("serve: ") and file in errors
        assert seconds < 5
        assert not server.events("serving")
    assert not (base / "canary").exists()
    assert _tree(base) == before


def _tree(base: Path) -> dict[str, int]:
    return {path.relative_to(base).as_posix(): path.lstat().st_mtime_ns for path in base.rglob("*")}
