"""One SQLite file: a connection behind a lock, transactions, and what happens when the disk or the file fails.

It is the only module that imports sqlite3. It knows nothing of what the tables hold.
WAL with synchronous=NORMAL: a killed process loses nothing that was answered; a power cut may lose the last moments,
never the file.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import unavailable
from .private_files import private_file

Row = sqlite3.Row


class Corrupt(Exception):
    """The file is not a sound SQLite database."""


class Duplicate(Exception):
    """The row is there already."""


class Database:
    """A SQLite file that many threads use, one at a time.

    Every call may be made from any thread. `transaction` is re-entrant: the inner one is part of the outer one.
    A full disk, a file that cannot be written or a file broken under our feet raises AwsError ServiceUnavailable, and the
    transaction is rolled back.
    """

    def __init__(self, path: Path, schema: str) -> None:
        """Opens or makes the file and its tables. Raises Corrupt when the file is broken."""
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        try:
            for suffix in ("", "-wal", "-shm"):  # SQLite makes the latter two with the mode of the first
                if not suffix or path.with_name(path.name + suffix).exists():
                    private_file(path.with_name(path.name + suffix))
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, cached_statements=256)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute("PRAGMA case_sensitive_like=ON")
            sound = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if sound != "ok":
                raise Corrupt(f"{path}: {sound}")
            self._connection.executescript(schema)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
                raise unavailable(f"{path} cannot be opened: {error}") from error
            raise Corrupt(f"{path}: {error}") from error
        except OSError as error:
            raise unavailable(f"{path} cannot be opened: {error.strerror}") from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, alone: no other thread reads or writes in between."""
        with self._lock:
            if self._depth:
                yield
                return
            with self._storage_errors():
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
            except BaseException:
                self._roll_back()
                raise
            else:
                try:
                    with self._storage_errors():
                        self._connection.execute("COMMIT")
                except BaseException:
                    self._roll_back()
                    raise
            finally:
                self._depth = 0

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """One statement; returns the number of rows it changed. Raises Duplicate when a key is taken."""
        with self._lock, self._storage_errors():
            return self._connection.execute(sql, values).rowcount

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """One statement for many rows, all or nothing."""
        with self.transaction(), self._storage_errors():
            self._connection.executemany(sql, rows)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Every row of a query."""
        with self._lock, self._storage_errors():
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        with self._lock, self._storage_errors():
            return self._connection.execute(sql, values).fetchone()

    def close(self) -> None:
        """Folds the journal into the file and closes it."""
        with self._lock:
            self._connection.close()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise Duplicate(str(error)) from error
        except sqlite3.DatabaseError as error:
            raise unavailable(f"The local state cannot be used ({error}); nothing was changed. See {self.path}.") from error


def open_or_set_aside(path: Path, schema: str) -> tuple[Database, str | None]:
    """The database at `path`; a broken file is moved aside and a new one made.

    Returns the database, and a sentence for the person when a file was moved, else None.
    """
    try:
        return Database(path, schema), None
    except Corrupt as error:
        aside = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%S')}-{time.time_ns() % 10**9}")
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return Database(path, schema), f"{error}. It was moved to {aside}, and the server starts with an empty one."
