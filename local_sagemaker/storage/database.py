"""One SQLite file: a connection behind a lock, transactions, and what happens when the disk or the file fails.

It is the only module that imports sqlite3. It knows nothing of what the tables hold.
WAL with synchronous=NORMAL: a killed process loses nothing that was answered; a power cut may lose the last moments,
never the file.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import AwsError, unavailable
from .private_files import private_file

Row = sqlite3.Row
_NOT_THE_FILE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
}
"""What fails when a sound file is opened: the disk, the rights, another process. Anything else says that the file is broken."""

_COLUMNS = """
SELECT made.type, made.name, part.name, part.type, part.pk
FROM sqlite_schema AS made LEFT JOIN pragma_table_info(made.name) AS part
"""


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

    def __init__(self, path: Path, schema: str, check: "Callable[[Database], None] | None" = None) -> None:
        """Opens or makes the file and its tables. Raises Corrupt when the file is broken.

        SQLite sees that a page is not one, but not that a byte in a value has changed: `check` reads what it must be able to
        rely on, and raises ValueError, LookupError, TypeError or AwsError where it cannot.
        """
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        try:
            for suffix in ("", "-wal", "-shm"):  # SQLite makes the latter two with the mode of the first
                if not suffix or path.with_name(path.name + suffix).exists():
                    private_file(path.with_name(path.name + suffix))
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, cached_statements=256)
        except OSError as error:
            raise unavailable(f"{path} cannot be opened: {error.strerror}") from error
        except sqlite3.OperationalError as error:
            raise unavailable(f"{path} cannot be opened: {error}") from error
        try:
            self._prepare(schema, check)
        except BaseException as error:
            self._connection.close()
            cause = error.__cause__ if isinstance(error, AwsError) and error.__cause__ else error
            if getattr(cause, "sqlite_errorcode", 0) & 0xFF in _NOT_THE_FILE:
                raise unavailable(f"{path} cannot be opened: {cause}") from error
            if isinstance(cause, sqlite3.DatabaseError | AwsError | ValueError | LookupError | TypeError):
                raise Corrupt(f"{path} is broken: {cause}") from error
            raise

    def _prepare(self, schema: str, check: "Callable[[Database], None] | None") -> None:
        with self.path.open("rb") as file:
            if any(version > 2 for version in file.read(20)[18:]):  # SQLite would open it, to be read only
                raise ValueError("its header asks for a format that is not known")
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "case_sensitive_like=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        if (sound := self._connection.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
            raise ValueError(sound)
        self._connection.executescript(schema)
        with closing(sqlite3.connect(":memory:")) as fresh:
            fresh.executescript(schema)
            ours, found = (set(map(tuple, connection.execute(_COLUMNS))) for connection in (fresh, self._connection))
            if strange := ours ^ found:
                raise ValueError(f"it has not the tables of this server: {sorted(strange, key=str)[0][:3]}")
        if check is not None:
            check(self)
        self._connection.text_factory = _text  # from here on a changed byte costs a letter, not the call

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


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def open_or_set_aside(path: Path, schema: str, check: Callable[[Database], None] | None = None) -> tuple[Database, str | None]:
    """The database at `path`; a broken file is moved aside, with its journal, and a new one made. `check` is as in Database.

    Returns the database, and a sentence for the person when a file was moved, else None.
    """
    try:
        return Database(path, schema, check), None
    except Corrupt as error:
        aside = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%S')}-{time.time_ns() % 10**9}")
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
        return Database(path, schema), f"{error}. It was moved to {aside}, and the server starts with an empty one."
