"""What a hostile job leaves in its folder, and cannot be had with Path alone."""

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

DEEP_TREE = """
import os
at = os.open(os.fspath(top), os.O_RDONLY)
for _ in range({depth}):
    os.mkdir("d", dir_fd=at)
    inner = os.open("d", os.O_RDONLY, dir_fd=at)
    os.close(at)
    at = inner
os.close(at)
"""
"""Makes a tree of folders one in the other below `top`, whose path would be too long for any call."""


def deep_tree(top: Path, depth: int) -> None:
    """The same in this process."""
    exec(DEEP_TREE.format(depth=depth), {"top": top})


@contextlib.contextmanager
def unremovable(folder: Path) -> Iterator[None]:
    """Nothing in the folder can be removed while the block runs, not even by root, as if it were another's.

    Only root can have that, on a file system that knows the immutable attribute; the test skips elsewhere.
    """
    if os.geteuid() or not shutil.which("chattr"):
        pytest.skip("only root can make a folder that cannot be removed, and with chattr, of e2fsprogs")
    if subprocess.run(["chattr", "+i", folder], capture_output=True, check=False).returncode:
        pytest.skip("this file system makes no folder that cannot be removed")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", folder], check=True)


def make_socket(path: Path) -> None:
    """A socket that nobody listens at."""
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path has 108 bytes at most
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


def exchange(one: Path, other: Path) -> None:
    """Swaps two names in one step, so that there is always something at both (Linux)."""
    at_here, swap = -100, 2
    if ctypes.CDLL(None, use_errno=True).renameat2(at_here, os.fsencode(one), at_here, os.fsencode(other), swap):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(one))
