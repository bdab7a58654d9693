"""Looking at processes that may end between two looks: what is gone has no state, no words, and is not alive."""

import contextlib
from collections.abc import Iterable

import psutil


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; a zombie that waits for its parent does not."""
    left = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
    return left


def state(process: psutil.Process) -> str:
    """As psutil names it; empty when it is gone."""
    try:
        return str(process.status())
    except psutil.NoSuchProcess:
        return ""


def words(process: psutil.Process) -> list[str]:
    """Its command line; empty when it is gone."""
    try:
        return list(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []
