"""Removing a folder in which a container may have put anything: any depth, any names, no link followed.

It goes by directory descriptors and without recursion, and back up by "..", which is only believed where the folder found there
is the one it came from. Whatever cannot be removed stays, is named, and stops nothing else.
"""

import contextlib
import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .untrusted_folder import FOLDER, Refused, UntrustedFolder

NAMED = 10
"""How many of the things that stay are named."""

log = logging.getLogger(__name__)


def remove_tree(folder: Path | UntrustedFolder) -> list[str]:
    """Removes a folder and all that a container made in it; absent is fine.

    A Path is a folder of the server's own; one that a container may have moved, or put a link before, is an UntrustedFolder.
    Returns what is left, the first ten things with the reasons, and warns of them; never raises an OSError.
    """
    removal = _Removal(folder)
    try:
        removal.run()
    except FileNotFoundError:
        return []
    except OSError as error:
        removal.keep("", error.strerror or str(error))
    except Refused as error:
        removal.keep("", str(error))
    if removal.left:
        path = folder if isinstance(folder, Path) else folder.shown()
        log.warning("%s is not removed: %s. Remove it as the owner of what is left.", path, "; ".join(removal.left))
    return removal.left


@dataclass
class _Level:
    """A folder on the way down: its name, which one it is, and what of it is still to be looked at."""

    name: str
    identity: tuple[int, int]
    names: Iterator[str]


class _Removal:
    """One run."""

    def __init__(self, folder: Path | UntrustedFolder) -> None:
        self._folder = folder
        self._named = folder if isinstance(folder, UntrustedFolder) else UntrustedFolder(folder)
        self._at = -1
        self._levels: list[_Level] = []
        self.left: list[str] = []

    def run(self) -> None:
        self._at, top = _outer(self._folder)
        try:
            self._levels = [_Level("", _identity(self._at), iter([top]))]
            while self._levels:
                name = next(self._levels[-1].names, None)
                if name is not None:
                    self._remove(name)
                elif not self._leave():
                    return
        finally:
            os.close(self._at)

    def keep(self, name: str, why: str | None) -> None:
        """Notes what stays, and the reason in the words of the system."""
        if len(self.left) < NAMED:
            path = "/".join([*(level.name for level in self._levels[1:]), name][1:])  # the first is the folder itself
            self.left.append(f"{self._named.shown(path)}: {why}")

    def _remove(self, name: str) -> None:
        """Unlinks what is no folder, and goes into what is one."""
        try:
            if not stat.S_ISDIR(os.stat(name, dir_fd=self._at, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=self._at)
                return
            inner = _enter(name, self._at)
        except FileNotFoundError:
            return
        except OSError as error:
            self.keep(name, error.strerror)
            return
        identity = _identity(inner)
        if identity[0] != self._levels[-1].identity[0]:
            os.close(inner)
            self.keep(name, "Another file system is mounted there")
            return
        os.close(self._at)
        self._at = inner
        self._levels.append(_Level(name, identity, iter(os.listdir(inner))))

    def _leave(self) -> bool:
        """Goes up from a folder of which everything was looked at, and removes it; False where there is no way on."""
        emptied = self._levels.pop()
        if not self._levels:
            return False
        outer = os.open("..", FOLDER, dir_fd=self._at)
        os.close(self._at)
        self._at = outer
        if _identity(outer) != self._levels[-1].identity:
            self.keep(emptied.name, "It was moved meanwhile")
            return False
        try:
            os.rmdir(emptied.name, dir_fd=outer)
        except FileNotFoundError:
            pass
        except OSError as error:
            if not self.left:  # otherwise what is in it was named
                self.keep(emptied.name, error.strerror)
        return True


def _outer(folder: Path | UntrustedFolder) -> tuple[int, str]:
    """The descriptor of the folder that holds one, and the name of that one in it."""
    if isinstance(folder, UntrustedFolder):
        return folder.outer()
    return os.open(folder.parent, FOLDER & ~os.O_NOFOLLOW), folder.name


def _enter(name: str, parent: int) -> int:
    """Opens a folder, with the permissions that emptying it takes, as far as they are the server's to give."""
    try:
        inner = os.open(name, FOLDER, dir_fd=parent)
    except PermissionError:
        if not hasattr(os, "O_PATH"):
            raise
        handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            os.chmod(f"/proc/self/fd/{handle}", 0o700)
        finally:
            os.close(handle)
        return os.open(name, FOLDER, dir_fd=parent)
    if os.fstat(inner).st_mode & 0o700 != 0o700:
        with contextlib.suppress(OSError):
            os.fchmod(inner, 0o700)
    return inner


def _identity(folder: int) -> tuple[int, int]:
    found = os.fstat(folder)
    return found.st_dev, found.st_ino
