"""S3's buckets and objects: an index in root/objects/index.db, the bytes in plain files (blobs.py).

This is storage for Python callers in this process. The S3 wire is s3/operations.py; multipart uploads are multipart_uploads.py.
An object is there once its row is committed, so a put is all or nothing even under SIGKILL, and a reader sees the old
object or the new one. Keys are bytes in an index, never paths.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from ..errors import AwsError, no_such_bucket, no_such_key
from .blobs import BLOB_ID, Blobs, BlobWriter
from .database import Database, Duplicate, Row, open_or_set_aside
from .object_info import About, ObjectInfo, key_bytes
from .object_listing import PAGE, Listing, list_page

SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, created REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, key BLOB NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    modified REAL NOT NULL, about TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key BLOB NOT NULL, created REAL NOT NULL, about TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    modified REAL NOT NULL, checksums TEXT NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
"""
BUCKET = re.compile(r"(?=.{3,63}\Z)[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*(?<!-)\Z", re.ASCII)


class Objects:
    """The buckets and objects under root/objects. Thread-safe. Raises AwsError in S3's words (NoSuchBucket, ...)."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.time) -> None:
        """Opens the index; `notice` says so when a broken one was moved aside, with the blobs it named."""
        folder = root / "objects"
        folder.mkdir(parents=True, exist_ok=True)
        self.clock = clock
        self.database, self.notice = open_or_set_aside(folder / "index.db", SCHEMA, _check)
        if self.notice and (folder / "blobs").exists():
            aside = folder / f"blobs.corrupt-{time.time_ns()}"
            (folder / "blobs").rename(aside)
            self.notice += f" The files it named are in {aside}."
        self.blobs = Blobs(folder / "blobs")

    def sweep(self) -> int:
        """Removes what a killed server left half-written; returns how many files. Call it once, before anything is served."""
        rows = self.database.rows("SELECT blob FROM objects UNION SELECT blob FROM parts")
        return self.blobs.sweep({row["blob"] for row in rows})

    def buckets(self) -> list[tuple[str, float]]:
        """(name, time of creation) of every bucket, by name."""
        return [(row["name"], row["created"]) for row in self.database.rows("SELECT * FROM buckets ORDER BY name")]

    def has_bucket(self, bucket: str) -> bool:
        """Whether the bucket exists."""
        return self.database.row("SELECT 1 FROM buckets WHERE name = ?", (bucket,)) is not None

    def need_bucket(self, bucket: str) -> None:
        """Raises NoSuchBucket unless the bucket exists."""
        if not self.has_bucket(bucket):
            raise no_such_bucket(bucket)

    def create_bucket(self, bucket: str) -> None:
        """Makes a bucket. Raises InvalidBucketName, or BucketAlreadyOwnedByYou."""
        if not BUCKET.match(bucket):
            raise AwsError("InvalidBucketName", "The specified bucket is not valid.", 400, {"BucketName": bucket})
        try:
            self.database.execute("INSERT INTO buckets VALUES (?, ?)", (bucket, self.clock()))
        except Duplicate:
            message = "Your previous request to create the named bucket succeeded and you already own it."
            raise AwsError("BucketAlreadyOwnedByYou", message, 409, {"BucketName": bucket}) from None

    def delete_bucket(self, bucket: str) -> None:
        """Removes an empty bucket. Raises NoSuchBucket, or BucketNotEmpty."""
        with self.database.transaction():
            self.need_bucket(bucket)
            if self.database.row("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", (bucket,)):
                raise AwsError("BucketNotEmpty", "The bucket you tried to delete is not empty", 409, {"BucketName": bucket})
            uploads = "SELECT id FROM uploads WHERE bucket = ?"  # they go with their bucket
            parts = self.database.rows(f"SELECT blob FROM parts WHERE upload IN ({uploads})", (bucket,))
            self.database.execute(f"DELETE FROM parts WHERE upload IN ({uploads})", (bucket,))
            self.database.execute("DELETE FROM uploads WHERE bucket = ?", (bucket,))
            self.database.execute("DELETE FROM buckets WHERE name = ?", (bucket,))
        for part in parts:
            self.blobs.remove(part["blob"])

    def head(self, bucket: str, key: str) -> ObjectInfo:
        """The object, without its bytes. Raises NoSuchBucket, or NoSuchKey."""
        row = self.database.row("SELECT * FROM objects WHERE bucket = ? AND key = ?", (bucket, key_bytes(key)))
        if row is None:
            self.need_bucket(bucket)
            raise no_such_key(key)
        return self._info(row)

    def has(self, bucket: str, key: str) -> bool:
        """Whether the object exists."""
        return self.database.row("SELECT 1 FROM objects WHERE bucket = ? AND key = ?", (bucket, key_bytes(key))) is not None

    def path(self, bucket: str, key: str) -> Path:
        """The object's plain file, to read, link or mount; see ObjectInfo."""
        return self.head(bucket, key).path

    def open(self, bucket: str, key: str) -> tuple[ObjectInfo, BinaryIO]:
        """The object and its file, opened: a put or delete meanwhile does not disturb the reader."""
        while True:
            info = self.head(bucket, key)
            try:
                return info, open(info.path, "rb")
            except FileNotFoundError:
                if self.head(bucket, key).path == info.path:
                    raise

    def get(self, bucket: str, key: str) -> bytes:
        """The object's bytes, all of them in memory: for small objects."""
        _, file = self.open(bucket, key)
        with file:
            return file.read()

    def put(self, bucket: str, key: str, data: bytes, about: About | None = None) -> ObjectInfo:
        """Stores bytes."""
        return self.put_stream(bucket, key, [data], about)

    def put_stream(self, bucket: str, key: str, chunks: Iterable[bytes], about: About | None = None) -> ObjectInfo:
        """Stores what an iterable yields, without holding it in memory."""
        self.check_target(bucket, key)
        with self.blobs.new() as writer:
            for chunk in chunks:
                writer.write(chunk)
        return self.commit(bucket, key, writer, writer.md5, about or About())

    def put_file(self, bucket: str, key: str, source: Path, *, link: bool = True, about: About | None = None) -> ObjectInfo:
        """Stores a regular file: a hard link (the caller promises not to write into it in place again), or a copy.

        Symbolic links and other things that are not regular files raise ValueError.
        """
        self.check_target(bucket, key)
        blob = self.blobs.adopt(source, link=link)
        path = self.blobs.path(blob)
        return self._commit(bucket, key, blob, path.stat().st_size, _md5(path), about or About())

    def commit(
        self,
        bucket: str,
        key: str,
        writer: BlobWriter,
        etag: str,
        about: About,
        check: Callable[[ObjectInfo | None], None] | None = None,
    ) -> ObjectInfo:
        """Makes a written blob the object. `check` sees the object it would replace, and may raise to refuse."""
        writer.close()
        return self._commit(bucket, key, writer.id, writer.size, etag, about, check)

    def copy(self, source: ObjectInfo, bucket: str, key: str, about: About) -> ObjectInfo:
        """Stores another object's bytes, without copying them where the file system can link. Raises NoSuchKey.

        A source that is overwritten meanwhile is copied as it was or as it is.
        """
        self.check_target(bucket, key)
        while True:
            try:
                blob = self.blobs.adopt(source.path, link=True)
                break
            except FileNotFoundError:
                now = self.head(source.bucket, source.key)
                if now.path == source.path:
                    raise
                source = now
        etag = source.etag if "-" not in source.etag else _md5(self.blobs.path(blob))
        return self._commit(bucket, key, blob, source.size, etag, about)

    def describe(self, bucket: str, key: str, change: Callable[[About], About]) -> None:
        """Changes what is said of an object (its tags, for example), not its bytes."""
        with self.database.transaction():
            packed = change(self.head(bucket, key).about).pack()
            self.database.execute("UPDATE objects SET about = ? WHERE bucket = ? AND key = ?", (packed, bucket, key_bytes(key)))

    def delete(self, bucket: str, key: str, check: Callable[[ObjectInfo | None], None] | None = None) -> bool:
        """Removes an object; False when there was none. `check` sees it before, and may raise to refuse. Raises NoSuchBucket."""
        with self.database.transaction():
            self.need_bucket(bucket)
            row = self.database.row("SELECT * FROM objects WHERE bucket = ? AND key = ?", (bucket, key_bytes(key)))
            if check is not None:
                check(self._info(row) if row else None)
            if row is None:
                return False
            self.database.execute("DELETE FROM objects WHERE bucket = ? AND key = ?", (bucket, key_bytes(key)))
        self.blobs.remove(row["blob"])
        return True

    def list(self, bucket: str, prefix: str = "", start_after: str = "", limit: int = PAGE, delimiter: str = "") -> Listing:
        """A page of keys after `start_after` that start with `prefix`, in the order of their UTF-8 bytes.

        With a delimiter, keys that hold it after the prefix are rolled up into common prefixes, which count as one each.
        """
        self.need_bucket(bucket)
        return list_page(self, bucket, prefix, start_after, limit, delimiter)

    def walk(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every object whose key starts with `prefix`, in key order."""
        after = ""
        while True:
            page = self.list(bucket, prefix, after)
            yield from page.objects
            if not page.truncated:
                return
            after = page.last

    def check_target(self, bucket: str, key: str) -> None:
        """Raises unless an object may be stored there: NoSuchBucket, KeyTooLongError, InvalidRequest."""
        key_bytes(key)
        self.need_bucket(bucket)

    def close(self) -> None:
        """Closes the index."""
        self.database.close()

    def _commit(
        self,
        bucket: str,
        key: str,
        blob: str,
        size: int,
        etag: str,
        about: About,
        check: Callable[[ObjectInfo | None], None] | None = None,
    ) -> ObjectInfo:
        name = key_bytes(key)
        try:
            with self.database.transaction():
                self.need_bucket(bucket)
                old = self.database.row("SELECT * FROM objects WHERE bucket = ? AND key = ?", (bucket, name))
                if check is not None:
                    check(self._info(old) if old else None)
                values = (bucket, name, blob, size, etag, self.clock(), about.pack())
                self.database.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        except BaseException:
            self.blobs.remove(blob)
            raise
        if old:
            self.blobs.remove(old["blob"])
        return ObjectInfo(
            bucket=bucket, key=key, size=size, etag=etag, modified=values[5], path=self.blobs.path(blob), about=about
        )

    def rows(self, bucket: str, cursor: bytes, inclusive: bool, stop: bytes | None, limit: int) -> Sequence[ObjectInfo]:
        """Up to `limit` objects from `cursor` on and before `stop`, in key order. `list` is what most callers want."""
        condition, values = ("key >= ?" if inclusive else "key > ?"), [bucket, cursor]
        if stop is not None:
            condition, values = condition + " AND key < ?", [*values, stop]
        sql = f"SELECT * FROM objects WHERE bucket = ? AND {condition} ORDER BY key LIMIT ?"
        return [self._info(row) for row in self.database.rows(sql, [*values, limit])]

    def _info(self, row: Row) -> ObjectInfo:
        return ObjectInfo(
            bucket=row["bucket"],
            key=row["key"].decode(),
            size=row["size"],
            etag=row["etag"],
            modified=row["modified"],
            path=self.blobs.path(row["blob"]),
            about=About.unpack(row["about"]),
        )


def _check(database: Database) -> None:
    """Raises ValueError where a row cannot be what was written."""
    for table, told in (("objects", "about"), ("parts", "checksums")):
        for row in database.rows(f"SELECT * FROM {table}"):
            row_is_sound = BLOB_ID.fullmatch(row["blob"]) and isinstance(row["size"], int) and row["size"] >= 0
            if not row_is_sound or not isinstance(row["modified"], float) or not isinstance(json.loads(row[told]), dict):
                raise ValueError(f"a row of {table} is not what was written")
            if table == "objects":
                row["key"].decode()
                About.unpack(row["about"])
    for row in database.rows("SELECT * FROM uploads"):
        row["key"].decode()
        About.unpack(json.loads(row["about"])["about"])


def _md5(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
