"""A script's code is brought to /opt/ml/code: from S3, a channel, a folder or an archive. It is not run or installed here."""

import os
import shutil
from pathlib import Path

from contract import archive
from contract.errors import ArchiveError
from contract.layout import Layout
from contract.reason import first_line
from contract.script.script_mode import SOURCE_ARCHIVE, SUBMIT_DIRECTORY
from train import config
from train.errors import SourceError
from train.script.script_job import ScriptJob


def fetch(job: ScriptJob, layout: Layout, folder: Path) -> Path:
    """Returns the folder of the code, with the entry point in it. `folder`: private, for what is fetched on the way.

    Raises SourceError naming the source and what is wrong with it.
    """
    code = layout.base / "code"
    if not _in_place(code) and not os.access(layout.base, os.W_OK):
        code = folder / "code"  # an image whose /opt/ml is read-only
    if job.source and not _in_place(code):
        if job.source.startswith("s3://"):
            _unpack(_download(job.source, folder / "source.tar.gz"), code, job.source)
        else:
            _take(config.remap(Path(job.source), layout.base), code, job.source)
    entry = code / job.program
    if not entry.is_file():
        there = sorted(path.relative_to(code).as_posix() for path in code.rglob("*") if path.suffix in (".py", ".sh"))
        shown = ", ".join(there[:12]) or "no script"
        raise SourceError(f"the entry point {job.program!r} is not in the code, which has: {shown}; correct entry_point")
    return code


def _in_place(code: Path) -> bool:
    """Whether the code is there: an image may bring it, and an attempt before this one may have fetched it."""
    return code.is_dir() and any(code.iterdir())


def _take(path: Path, code: Path, source: str) -> None:
    if path.is_dir():
        shutil.copytree(path, code, dirs_exist_ok=True, symlinks=True)
    elif path.name.endswith((".tar.gz", ".tgz")):
        _unpack(path, code, source)
    elif path.is_file():
        code.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, code)
    else:
        raise SourceError(f"{SUBMIT_DIRECTORY}: {source!r} is not there; give an s3:// URI of a {SOURCE_ARCHIVE}")


def _unpack(path: Path, code: Path, source: str) -> None:
    try:
        archive.unpack(path, code)
    except (ArchiveError, OSError) as error:
        raise SourceError(f"{SUBMIT_DIRECTORY}: {source}: {first_line(error, 400)}") from None


def _download(uri: str, path: Path) -> Path:
    from sagemaker_training import files  # with boto3, a tenth of a second that a job of the classifier need not wait

    try:
        files.s3_download(uri, str(path))
    except Exception as error:  # of boto3, botocore, the network or the disk: all of them say why there is no code
        raise SourceError(
            f"{SUBMIT_DIRECTORY}: {uri} cannot be fetched: {type(error).__name__}: {first_line(error, 300)}"
        ) from None
    return path
