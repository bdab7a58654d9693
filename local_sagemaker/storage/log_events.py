"""Log events: groups, streams and lines, in root/events.db. What CloudWatch Logs keeps; its wire is logs/cloudwatch_logs.py.

Made for a job runner that appends thousands of lines. It takes lines, not files, and never follows a file itself.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import AwsError
from .database import Database, Duplicate, Row, open_or_set_aside

SCHEMA = """
CREATE TABLE IF NOT EXISTS groups (name TEXT PRIMARY KEY, created REAL NOT NULL, retention INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS streams (
    id INTEGER PRIMARY KEY, log_group TEXT NOT NULL, name TEXT NOT NULL, created REAL NOT NULL,
    first INTEGER, last INTEGER, ingested INTEGER, bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (log_group, name)
);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, at INTEGER NOT NULL, ingested INTEGER NOT NULL, message TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS followed (stream INTEGER PRIMARY KEY, bytes INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS events_in_order ON events (stream, at, id);
"""
LINE_BYTES = 262_118  # what CloudWatch Logs takes for one event, less its overhead

CUT = "[Truncated...]"
"""The end of a line that was longer."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line: `at` and `ingested` in epoch milliseconds; `id` grows with every event put."""

    id: int
    stream: str
    at: int
    ingested: int
    message: str


class Events:
    """Groups of streams of lines. Thread-safe. Raises AwsError in CloudWatch Logs' words."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.time) -> None:
        """Opens root/events.db; `notice` says so when a broken one was moved aside."""
        root.mkdir(parents=True, exist_ok=True)
        self._database, self.notice = open_or_set_aside(root / "events.db", SCHEMA, _check)
        self._clock = clock

    def append(
        self, group: str, stream: str, lines: Iterable[str], at: float | None = None, *, followed: int | None = None
    ) -> None:
        """Adds lines to a stream, making group and stream as needed: for programs of this server, not for the wire.

        `at` is their time in epoch seconds, now when None. Call it with many lines at once. Lines longer than CloudWatch
        takes are cut, and end by saying so. `followed`: with these lines the stream has so many bytes of the log file that it
        follows; both are written or neither is.
        """
        moment = int((self._clock() if at is None else at) * 1000)
        with self._database.transaction():
            self.put(group, stream, [(moment, line) for line in lines], create=True)
            if followed is not None:
                number = self._stream(group, stream)["id"]
                self._database.execute("INSERT OR REPLACE INTO followed VALUES (?, ?)", (number, followed))

    def followed(self, group: str, stream: str) -> int:
        """How many bytes of the log file that a stream follows are in it; 0 where the stream is not there."""
        sql = "SELECT followed.bytes FROM followed JOIN streams ON streams.id = stream WHERE log_group = ? AND name = ?"
        row = self._database.row(sql, (group, stream))
        return row["bytes"] if row else 0

    def follow_anew(self, group: str, stream: str) -> None:
        """From now on a stream, if it is there, follows another log file, of which it has nothing yet."""
        where = "stream IN (SELECT id FROM streams WHERE log_group = ? AND name = ?)"
        self._database.execute(f"DELETE FROM followed WHERE {where}", (group, stream))

    def put(self, group: str, stream: str, events: Sequence[tuple[int, str]], *, create: bool = False) -> None:
        """Adds (epoch milliseconds, line) pairs. Raises ResourceNotFoundException unless `create`."""
        now = int(self._clock() * 1000)
        with self._database.transaction():
            number = self._make(group, stream) if create else self._stream(group, stream)["id"]
            rows = [(number, at, now, _cut(message)) for at, message in events]
            if not rows:
                return
            self._database.execute_many("INSERT INTO events (stream, at, ingested, message) VALUES (?, ?, ?, ?)", rows)
            times = [row[1] for row in rows]
            self._database.execute(
                "UPDATE streams SET first = min(coalesce(first, ?), ?), last = max(coalesce(last, ?), ?), ingested = ?,"
                " bytes = bytes + ? WHERE id = ?",
                (min(times), min(times), max(times), max(times), now, sum(len(row[3]) + 26 for row in rows), number),
            )

    def create_group(self, group: str) -> None:
        """Raises ResourceAlreadyExistsException."""
        try:
            self._database.execute("INSERT INTO groups VALUES (?, ?, NULL)", (group, self._clock()))
        except Duplicate:
            raise AwsError("ResourceAlreadyExistsException", "The specified log group already exists") from None

    def create_stream(self, group: str, stream: str) -> None:
        """Raises ResourceNotFoundException for the group, ResourceAlreadyExistsException for the stream."""
        with self._database.transaction():
            self.need_group(group)
            try:
                self._add_stream(group, stream)
            except Duplicate:
                raise AwsError("ResourceAlreadyExistsException", "The specified log stream already exists") from None

    def need_group(self, group: str) -> None:
        """Raises ResourceNotFoundException unless the group exists."""
        if self._database.row("SELECT 1 FROM groups WHERE name = ?", (group,)) is None:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")

    def set_retention(self, group: str, days: int | None) -> None:
        """Keeps the number of days that a client asked for; nothing is ever removed by age here."""
        self.need_group(group)
        self._database.execute("UPDATE groups SET retention = ? WHERE name = ?", (days, group))

    def delete_group(self, group: str) -> None:
        """Removes a group with all in it."""
        with self._database.transaction():
            self.need_group(group)
            for table in ("events", "followed"):
                streams = "SELECT id FROM streams WHERE log_group = ?"
                self._database.execute(f"DELETE FROM {table} WHERE stream IN ({streams})", (group,))
            self._database.execute("DELETE FROM streams WHERE log_group = ?", (group,))
            self._database.execute("DELETE FROM groups WHERE name = ?", (group,))

    def delete_stream(self, group: str, stream: str) -> None:
        """Removes a stream with its lines."""
        with self._database.transaction():
            number = self._stream(group, stream)["id"]
            for table in ("events", "followed"):
                self._database.execute(f"DELETE FROM {table} WHERE stream = ?", (number,))
            self._database.execute("DELETE FROM streams WHERE id = ?", (number,))

    def groups(self) -> list[Row]:
        """Every group by name: name, created, retention, bytes."""
        return self._database.rows(
            "SELECT name, created, retention,"
            " (SELECT coalesce(sum(bytes), 0) FROM streams WHERE log_group = groups.name) AS bytes"
            " FROM groups ORDER BY name"
        )

    def streams(self, group: str) -> list[Row]:
        """Every stream of a group by name: name, created, first, last, ingested, bytes."""
        self.need_group(group)
        return self._database.rows("SELECT * FROM streams WHERE log_group = ? ORDER BY name", (group,))

    def after(
        self, group: str, stream: str, place: tuple[int, int], start: int, end: int, limit: int, *, backward: bool = False
    ) -> list[Event]:
        """Up to `limit` lines of a stream beyond `place` (at, id) with start <= at < end; the nearest ones, oldest first."""
        number = self._stream(group, stream)["id"]
        beyond, order = ("<", "DESC") if backward else (">", "ASC")
        rows = self._database.rows(
            f"SELECT id, at, ingested, message FROM events WHERE stream = ? AND (at, id) {beyond} (?, ?) AND at >= ? AND at < ?"
            f" ORDER BY at {order}, id {order} LIMIT ?",
            (number, *place, start, end, limit),
        )
        found = [Event(row["id"], stream, row["at"], row["ingested"], row["message"]) for row in rows]
        return found[::-1] if backward else found

    def across(self, group: str, streams: Sequence[str], place: tuple[int, int], start: int, end: int, limit: int) -> list[Event]:
        """Up to `limit` lines of several streams beyond `place` (at, id), with start <= at < end, oldest first."""
        marks = ", ".join("?" * len(streams))
        rows = self._database.rows(
            "SELECT events.id AS id, name, at, events.ingested AS ingested, message FROM events JOIN streams"
            f" ON streams.id = events.stream WHERE log_group = ? AND name IN ({marks}) AND (at, events.id) > (?, ?)"
            " AND at >= ? AND at < ? ORDER BY at, events.id LIMIT ?",
            (group, *streams, *place, start, end, limit),
        )
        return [Event(row["id"], row["name"], row["at"], row["ingested"], row["message"]) for row in rows]

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def _stream(self, group: str, stream: str) -> Row:
        row = self._database.row("SELECT * FROM streams WHERE log_group = ? AND name = ?", (group, stream))
        if row is None:
            self.need_group(group)
            raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
        return row

    def _make(self, group: str, stream: str) -> int:
        row = self._database.row("SELECT id FROM streams WHERE log_group = ? AND name = ?", (group, stream))
        if row is None:
            self._database.execute("INSERT OR IGNORE INTO groups VALUES (?, ?, NULL)", (group, self._clock()))
            self._add_stream(group, stream)
        return self._stream(group, stream)["id"]

    def _add_stream(self, group: str, stream: str) -> None:
        self._database.execute("INSERT INTO streams (log_group, name, created) VALUES (?, ?, ?)", (group, stream, self._clock()))


def _check(database: Database) -> None:
    """Raises ValueError where a group or a stream cannot be what was written. A changed byte in a line costs only a letter."""
    for row in database.rows("SELECT * FROM groups"):
        if not isinstance(row["created"], float):
            raise ValueError(f"the log group {row['name']!r} is not what was written")
    for row in database.rows("SELECT * FROM streams"):
        if not isinstance(row["created"], float) or not isinstance(row["bytes"], int):
            raise ValueError(f"the log stream {row['name']!r} is not what was written")
    if database.row("SELECT 1 FROM followed WHERE typeof(bytes) <> 'integer' OR bytes < 0"):
        raise ValueError("how much of a log file was followed is not what was written")
    wrong = "typeof(at) <> 'integer' OR typeof(ingested) <> 'integer' OR typeof(message) <> 'text'"
    if database.row(f"SELECT 1 FROM events WHERE {wrong} LIMIT 1"):
        raise ValueError("a log event is not what was written")


def _cut(message: str) -> str:
    encoded = message.encode(errors="replace")
    if len(encoded) <= LINE_BYTES:
        return encoded.decode()
    return encoded[: LINE_BYTES - len(CUT)].decode(errors="ignore") + CUT
