"""One function lists the files of a folder in which other programs write and remove meanwhile.

`Path.rglob` fails where a folder goes between its listing and its own (up to Python 3.12); a listing of what is there need not.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path


def current_files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yields each regular file below `folder` with its status, in no order; what goes meanwhile is left out.

    Links to files are followed, links to folders below it are not. A path that is itself a file is its one file; one that is not
    there, or cannot be read, has none.
    """
    listed = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    for path in listed if folder.is_dir() else [folder]:
        try:
            status = path.stat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            yield path, status
