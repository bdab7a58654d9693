"""A model's folder as an endpoint has it, made of a model and code that a person changes, and brought up to date at each change.

Only what has changed is copied again: a model may have gigabytes, and an edit is of one file.
"""

import contextlib
import errno
import fnmatch
import os
import shutil
import stat
from dataclasses import dataclass, field
from pathlib import Path

from contract import archive
from contract.changing_folder import current_files
from contract.errors import ArchiveError
from scripts.errors import LaunchError
from scripts.files import model_code
from scripts.files.plain_files import LEFT_OUT

_OF_EDITORS = ("*~", "#*#", ".#*", ".*.sw?", "4913")
"""Names of files that editors write beside the one that is edited."""
Stamp = dict[Path, tuple[int, int]]
"""Time of change (ns) and size of each file."""


@dataclass(slots=True)
class ModelFolder:
    """`folder`: where it is made. `model`: a model.tar.gz, or the folder of one. `code`: a person's, in the place of the model's.

    `program`: the script that the code has to have; None where a handler's name says what answers.
    """

    folder: Path
    model: Path
    code: Path | None = None
    program: str | None = model_code.PROGRAM
    _made_of: Stamp = field(default_factory=dict)

    def stamp(self) -> Stamp:
        """What there is of model and code now; two that differ mean a change that matters."""
        return _stamp(self.model) | (_stamp(self.code) if self.code else {})

    def update(self) -> None:
        """Makes it of what there is now. Raises LaunchError, and BrokenScript for a script that Python cannot compile."""
        code = model_code.read(self.code, self.program) if self.code else None
        now = _stamp(self.model)
        try:
            if self.model.is_dir():
                self._copy(now)
            elif now != self._made_of or not now:
                self._unpack()
            if code:
                model_code.lay(code, self.folder)
        except BaseException as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._made_of = {}
            if isinstance(error, ArchiveError):
                raise LaunchError(f"{self.model}: {error}; give a model.tar.gz, or the folder that is in one") from None
            if isinstance(error, OSError):
                step = "make room there, or set TMPDIR" if error.errno == errno.ENOSPC else "make it readable, or take it away"
                what = error.filename or self.model
                raise LaunchError(f"{what}: cannot be copied to {self.folder.parent}: {error.strerror}; {step}") from None
            raise
        self._made_of = now

    def _unpack(self) -> None:
        if not self.model.is_file():
            raise LaunchError(f"{self.model}: no such file or folder")
        shutil.rmtree(self.folder, ignore_errors=True)
        archive.unpack(self.model, self.folder)

    def _copy(self, now: Stamp) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        _check(self.model)
        for path in self._made_of.keys() - now.keys():
            self._place(path).unlink(missing_ok=True)
        for path, status in now.items():
            place = self._place(path)
            is_replaced = self.code is not None and path.relative_to(self.model).parts[0] == model_code.FOLDER
            if not is_replaced and (self._made_of.get(path) != status or not place.is_file()):
                place.parent.mkdir(parents=True, exist_ok=True)
                if place.is_dir():  # of files that are gone
                    shutil.rmtree(place)
                with contextlib.suppress(FileNotFoundError):  # gone just now: the next stamp is another
                    shutil.copy(path, place)

    def _place(self, path: Path) -> Path:
        return self.folder / path.relative_to(self.model)


def _stamp(place: Path) -> Stamp:
    found: Stamp = {}
    for path, status in current_files(place):
        if not any(_is_left_out(part) for part in path.relative_to(place).parts):
            found[path] = status.st_mtime_ns, status.st_size
    return found


def _is_left_out(name: str) -> bool:
    return name in LEFT_OUT or any(fnmatch.fnmatchcase(name, pattern) for pattern in _OF_EDITORS)


def _check(model: Path) -> None:
    """Raises LaunchError for what no archive of a model can have. Links to files are followed."""
    for above, folders, names in os.walk(model):
        folders[:] = [name for name in folders if not _is_left_out(name)]
        for path in (Path(above, name) for name in (*folders, *names) if not _is_left_out(name)):
            try:
                mode = path.stat().st_mode
            except FileNotFoundError:
                if path.is_symlink():
                    raise LaunchError(f"{path}: is a link to nothing; put the file itself there, or take it away") from None
                continue
            except OSError as error:
                raise LaunchError(f"{path}: cannot be read: {error.strerror}; take it away") from None
            if stat.S_ISDIR(mode) and path.is_symlink():
                raise LaunchError(f"{path}: is a link to a folder; put the folder itself there, or take it away")
            if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
                raise LaunchError(f"{path}: is neither a file nor a folder; take it away")
