"""A file is written aside and then renamed, so a reader finds the old content or the new, never half of either.

The file aside begins with a dot and ends in .tmp: what lists, uploads or reads such folders leaves those out, as smdebug's
readers and SageMaker's do.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yields a path beside `path` to write to; at the end that file takes the place of `path`, on any error it is removed.

    `durable`: content and name are on the disk before this returns, so they outlive a crash of the machine. The folder must
    exist. Raises OSError.
    """
    aside = path.with_name(f".{path.name}.{threading.get_native_id()}.tmp")
    try:
        yield aside
        if durable:
            _sync(aside)
        os.replace(aside, path)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
    if durable:
        _sync(path.parent)


def write_whole(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Replaces a file's whole content; text is written as UTF-8. Raises OSError; the file is as it was then."""
    with replacing(path, durable=durable) as aside:
        aside.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
