"""A person's training script with its folder as sourcedir.tar.gz, in memory. Equal files give equal bytes, whoever packs them.

What would fail minutes later in the job is found here: an entry point that is not there, or that Python cannot compile.
"""

import gzip
import hashlib
import io
import tarfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contract.archive import plain_name
from contract.errors import ArchiveError
from contract.reason import first_line
from contract.script.script_mode import is_entry_point
from scripts.errors import BrokenScript, LaunchError
from scripts.files.plain_files import plain_files

LARGEST = 64 << 20
"""Bytes of all files of a source folder together: code, not data and not weights."""
MOST_FILES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceArchive:
    """`program`: the entry point's name in the archive. `size`: bytes of the files. `left_out`: in words, or empty."""

    program: str
    files: tuple[str, ...]
    size: int
    left_out: str
    content: bytes = field(repr=False)
    digest: str
    """SHA-256 in hex of what is packed: names, rights and bytes, however well they are compressed."""


def pack(script: Path, source: Path | None, *, largest: int = LARGEST, most: int = MOST_FILES) -> SourceArchive:
    """The script alone, or the whole folder `source`, below which `script` lies.

    `largest`: bytes of all files; `most`: their number. Raises LaunchError for what cannot be a source.
    """
    if source is None:
        program, files, left_out = _alone(script), {script.name: script}, ""
    else:
        if not source.is_dir():
            raise LaunchError(f"--source {source}: no such folder; give the one that the script lies in")
        program = _below(script, source)
        found = plain_files("--source", source, most)
        files, left_out = found.files, found.left_out_words()
        if program not in files:
            raise LaunchError(f"--script {script}: lies in a folder that is left out ({left_out}); put it elsewhere")
    if script.suffix not in (".py", ".sh"):
        raise LaunchError(f"--script {script}: need a .py or .sh file")
    for name in files:
        try:
            plain_name(name)
        except ArchiveError as error:
            raise LaunchError(f"--source {source}: {error}; rename it") from None
    if not is_entry_point(program):
        raise LaunchError(f"--script {script}: {program!r} has letters that SageMaker's toolkit runs no file by; rename it")
    contents = _read(files, source, largest)
    if program.endswith(".py"):
        check_syntax(f"--script {script}", files[program], contents[program])
    size = sum(map(len, contents.values()))
    executable = {name for name, path in files.items() if path.stat().st_mode & 0o100}
    tar = _tar(contents, executable)
    return SourceArchive(
        program=program,
        files=tuple(files),
        size=size,
        left_out=left_out,
        content=gzip.compress(tar, mtime=0),
        digest=hashlib.sha256(tar).hexdigest(),
    )


def _tar(contents: Mapping[str, bytes], executable: set[str]) -> bytes:
    """The files by their names; owner, time and order never differ."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(contents):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(contents[name]), 0o755 if name in executable else 0o644
            tar.addfile(entry, io.BytesIO(contents[name]))
    return written.getvalue()


def _alone(script: Path) -> str:
    if not script.exists():
        raise LaunchError(f"--script {script}: no such file; give the path of a .py or .sh file")
    if script.is_symlink() or not script.is_file():
        raise LaunchError(f"--script {script}: is no regular file; give the path of a .py or .sh file")
    return script.name


def _below(script: Path, source: Path) -> str:
    """The script's name below the folder: as the SageMaker SDK has it, or as a path from here that leads into the folder."""
    for path in (source / script, script):
        if path.is_file() and path.resolve().is_relative_to(source.resolve()):
            return path.resolve().relative_to(source.resolve()).as_posix()
    raise LaunchError(f"--script {script}: no such file in --source {source}")


def _read(files: Mapping[str, Path], source: Path | None, largest: int) -> dict[str, bytes]:
    sizes = {name: path.stat().st_size for name, path in files.items()}
    if sum(sizes.values()) > largest:
        name = max(sizes, key=lambda one: sizes[one])
        given = f"--source {source}" if source else f"--script {name}"
        raise LaunchError(
            f"{given}: {sum(sizes.values()):,} bytes, of which {name} has {sizes[name]:,}; at most {largest:,} of code; "
            "data goes in a channel: --channel NAME=FOLDER"
        )
    return {name: _content(path, sizes[name]) for name, path in files.items()}


def _content(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)  # what is written to it meanwhile is not sent
    except OSError as error:
        raise LaunchError(f"{path}: cannot be read: {error.strerror}; make it readable, or take it away") from None


def check_syntax(given: str, path: Path, content: bytes) -> None:
    """Raises BrokenScript where Python cannot compile a file. `given`: the option that named it, with its value."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(content, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        raise BrokenScript(f"{given}: {path}:{error.lineno or 1}: {error.msg}; mend it, nothing was sent") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise BrokenScript(f"{given}: {path}: Python cannot compile it ({first_line(error, 100)}); nothing was sent") from None
