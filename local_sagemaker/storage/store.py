"""What the server remembers: JSON records keyed by (kind, name) in root/state.db. And the lock on the root.

It knows no kind by name; each service owns its kinds, and says with `Kind` which keys their records have. Times inside records
are epoch seconds (float).
It does not hold objects (objects.py) or log events (log_events.py).
"""

import fcntl
import json
import os
import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..errors import Exists, Missing, StartError
from .database import Database, Duplicate, open_or_set_aside
from .private_files import own_root

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, name TEXT NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
"""

R = TypeVar("R", bound=Mapping[str, Any])


class Kind(str, Generic[R]):
    """The name of a kind. `KIND: Kind[Thing] = Kind("thing")` says that its records are of the TypedDict Thing."""

    __slots__ = ()


class Store:
    """Records by (kind, name). Thread-safe; every call is atomic.

    A record handed out is the caller's own copy: changing it changes nothing until `put` or `update`.
    """

    def __init__(self, root: Path) -> None:
        """Opens root/state.db; `notice` says so when a broken one was moved aside."""
        root.mkdir(parents=True, exist_ok=True)
        self._database, self.notice = open_or_set_aside(root / "state.db", SCHEMA, _check)

    def transaction(self) -> AbstractContextManager[None]:
        """`with store.transaction():` reads and writes inside are all or nothing, and no other thread comes between.

        Keep it short: it holds every other thread. Never wait, and never start a process, inside one.
        """
        return self._database.transaction()

    def create(self, kind: Kind[R], name: str, record: R) -> None:
        """Adds a record. Raises Exists when the name is taken: of fifty threads, one gets through."""
        try:
            self._database.execute("INSERT INTO records VALUES (?, ?, ?)", (kind, name, _pack(kind, name, record)))
        except Duplicate:
            raise Exists(kind, name) from None

    def get(self, kind: Kind[R], name: str) -> R | None:
        """The record, or None."""
        row = self._database.row("SELECT record FROM records WHERE kind = ? AND name = ?", (kind, name))
        return _unpack(row["record"]) if row else None

    def put(self, kind: Kind[R], name: str, record: R) -> None:
        """Writes the record, whether it was there or not."""
        self._database.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", (kind, name, _pack(kind, name, record)))

    def update(self, kind: Kind[R], name: str, change: Callable[[R], R | None]) -> R:
        """Reads, changes and writes in one transaction; returns the new record.

        `change` gets the record and either changes it in place (returns None) or returns the new one. What it raises
        reaches the caller and nothing is written. Raises Missing when there is no such record.
        """
        with self.transaction():
            record = self.get(kind, name)
            if record is None:
                raise Missing(kind, name)
            changed = change(record)
            record = record if changed is None else changed
            self.put(kind, name, record)
            return record

    def delete(self, kind: str, name: str) -> bool:
        """Removes the record; False when there was none."""
        return self._database.execute("DELETE FROM records WHERE kind = ? AND name = ?", (kind, name)) > 0

    def list(self, kind: Kind[R], prefix: str = "") -> list[R]:
        """Every record of a kind whose name starts with `prefix`, in the order of their names."""
        return [
            _unpack(row["record"])
            for row in self._database.rows(
                "SELECT record FROM records WHERE kind = ? AND substr(name, 1, ?) = ? ORDER BY name", (kind, len(prefix), prefix)
            )
        ]

    def close(self) -> None:
        """Closes the file."""
        self._database.close()


def _pack(kind: str, name: str, record: Mapping[str, Any]) -> str:
    """A line of JSON, and a line with a checksum of it and of its key."""
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=True)
    return f"{text}\n{_checksum(kind, name, text)}"


def _unpack(text: str) -> Any:
    return json.loads(text.partition("\n")[0])


def _checksum(kind: str, name: str, text: str) -> str:
    return f"{zlib.crc32(f'{kind} {name} {text}'.encode(errors='replace')):08x}"


def _check(database: Database) -> None:
    """Raises ValueError where a record is not what was written. Those of earlier versions have no checksum."""
    for kind, name, packed in database.rows("SELECT kind, name, record FROM records"):
        text, end, checksum = packed.partition("\n")
        if not isinstance(json.loads(text), dict) or (end and checksum != _checksum(kind, name, text)):
            raise ValueError(f"the {kind} {name!r} is not what was written")


class RootLock:
    """The right to use a root, held for the life of this object by two locks: they end with the process, however that ends.

    flock keeps every other holder out, one of this process too. Of the other lock the kernel tells anybody whose it is (F_GETLK),
    so that a launcher which is to end this server needs to believe no process id in a file.
    """

    def __init__(self, root: Path) -> None:
        """Makes the root and takes the lock. Raises StartError, naming the process that holds it."""
        own_root(root)
        path = root / "lock"
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 64, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise StartError(
                f"--root {root} is in use by the server with pid {holder}. Stop it, or choose another root."
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Gives the root back."""
        os.close(self._descriptor)
