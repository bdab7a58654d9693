"""File descriptors: the limit of this process is raised, and shared among clients' connections and what the program needs itself.

A program that lets clients take all of them can neither start a worker nor accept, so it would fail for everybody.
"""

import resource
from dataclasses import dataclass

from serve.errors import ServeError

_OWN, _A_WORKER = 32, 4
"""Kept for the program itself, and for each worker: its socket, and what starting another one takes for a moment."""
_LARGEST_BACKLOG = 1024
_WANTED = 65_536
FEWEST_CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Share:
    """`connections`: of clients, that are served. `backlog`: that the kernel queues, and the event loop accepts in one turn. As
    many again may be open to tell their clients that there are too many; any more are closed without a word."""

    connections: int
    backlog: int


def raise_limit(wanted: int = _WANTED) -> int:
    """Raises the soft limit of this process, and of those that it starts, to `wanted` where the hard one allows; returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    raised = max(soft, wanted if hard == resource.RLIM_INFINITY else min(wanted, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    return raised


def share(limit: int, *, workers: int, wanted: int) -> Share:
    """`limit`: descriptors of the process. `wanted`: connections, at most. Raises ServeError where too few are left."""
    rest = limit - _OWN - _A_WORKER * workers
    backlog = min(_LARGEST_BACKLOG, rest // 8)
    connections = min(wanted, rest - 2 * backlog)
    if connections < min(wanted, FEWEST_CONNECTIONS):
        needed = _OWN + _A_WORKER * workers + FEWEST_CONNECTIONS + 2
        raise ServeError(f"only {limit} file descriptors are allowed for {workers} workers; allow {needed} or more (ulimit -n)")
    return Share(connections, backlog)
