"""A model folder packed as SageMaker keeps one."""

import io
import tarfile
from pathlib import Path


def packed(folder: Path) -> bytes:
    """model.tar.gz of all that lies in a folder."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(folder, ".")
    return archive.getvalue()
