"""A person's inference code, and a model.tar.gz with it: what the SageMaker SDK calls a repacked model.

The code lies in the archive's folder code/, in the place of any that was there. Equal models and code give equal bytes.
"""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from contract import archive
from contract.errors import ArchiveError
from contract.files import replacing
from scripts.errors import LaunchError
from scripts.files.plain_files import plain_files
from scripts.files.source_archive import LARGEST, MOST_FILES, check_syntax

PROGRAM = "inference.py"
FOLDER = "code"
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCode:
    """`files`: by their names below code/. `digest`: SHA-256 in hex of names and bytes. `packages`: it has a requirements.txt."""

    files: dict[str, Path]
    digest: str
    packages: bool
    left_out: str = ""


def read(code: Path, program: str | None = PROGRAM) -> ModelCode:
    """The code of a folder that has its script, or of such a file alone. Raises LaunchError.

    `program`: the script's name; None for a handler, whose module any file may be.
    """
    if code.is_dir():
        found = plain_files("--code", code, MOST_FILES)
        files, left_out = found.files, found.left_out_words()
        if program is not None and program not in files:
            there = ", ".join([name for name in files if name.endswith(".py")][:_SHOWN]) or "no .py file"
            where = f"has no {program}, in which model_fn and the other functions are, but {there}"
            raise LaunchError(f"--code {code}: {where}; give the script that name")
    elif code.is_file():
        program = program or code.name
        files, left_out = {program: code}, ""
    else:
        raise LaunchError(f"--code {code}: no such file or folder; give a folder with an {program or PROGRAM}")
    size = sum(path.stat().st_size for path in files.values())
    if size > LARGEST:
        raise LaunchError(f"--code {code}: {size:,} bytes; at most {LARGEST:,} of code; weights belong into the model")
    content = {name: _bytes(path) for name, path in files.items()}
    if program is not None:
        check_syntax(f"--code {code}", files[program], content[program])
    digest = hashlib.sha256()
    for name, data in content.items():
        digest.update(f"{name}\0{len(data)}\0".encode("utf-8", "surrogateescape") + data)
    return ModelCode(files=files, digest=digest.hexdigest(), packages="requirements.txt" in files, left_out=left_out)


def repack(model: Path, code: ModelCode, out: Path) -> None:
    """Writes `out`, the model with the code. Raises LaunchError for a model that must not be unpacked, and without room."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="model-", dir=out.parent) as folder:
        whole = Path(folder) / "model"
        try:
            archive.unpack(model, whole)
            lay(code, whole)
            with replacing(out) as aside:
                archive.pack(whole, aside)
        except ArchiveError as error:
            raise LaunchError(f"{model}: {error}; give a model.tar.gz") from None
        except OSError as error:
            raise LaunchError(f"{out.parent}: {error.strerror}; make room, or give another --home") from None


def lay(code: ModelCode, model: Path) -> None:
    """Copies the code into a model folder, in the place of any that is there. Raises OSError."""
    shutil.rmtree(model / FOLDER, ignore_errors=True)
    for name, path in code.files.items():
        (model / FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, model / FOLDER / name)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LaunchError(f"{path}: cannot be read: {error.strerror}; make it readable, or take it away") from None
