"""The image registry's state: repositories, their manifests, tags and blobs, in root/registry/index.db.

This is for Python callers in this process; its wires are registry/ecr.py, registry/ecr_images.py and registry/http.py. What a
repository is called from outside is registry/repositories.py's. Errors are AwsError in the words of the OCI distribution
specification."""

import fnmatch
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypedDict

from ..errors import AwsError, Exists
from .database import Database, Duplicate, Row, open_or_set_aside
from .image_blobs import RegistryBlobs, Upload, unknown_upload
from .image_manifests import DIGEST, TAG, Manifest, need_digest

SCHEMA = """
CREATE TABLE IF NOT EXISTS repositories (name TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS manifests (
    repository TEXT NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL, artifact_type TEXT, body BLOB NOT NULL,
    size INTEGER NOT NULL, pushed REAL NOT NULL,
    PRIMARY KEY (repository, digest)
);
CREATE TABLE IF NOT EXISTS uses (
    repository TEXT NOT NULL, used TEXT NOT NULL, manifest TEXT NOT NULL,
    PRIMARY KEY (repository, used, manifest)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tags (
    repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (repository, tag)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blobs (
    repository TEXT NOT NULL, digest TEXT NOT NULL, added REAL NOT NULL,
    PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS blobs_by_digest ON blobs (digest);
CREATE TABLE IF NOT EXISTS uploads (id TEXT PRIMARY KEY, repository TEXT NOT NULL) WITHOUT ROWID;
"""
ABANDONED = 24 * 3600.0
"""Seconds after which the start of the server takes an upload, or a blob that no manifest uses, for abandoned."""


class Repository(TypedDict):
    """The record of a repository: what ECR knows of it. `lifecycle` and `policy` are documents, as they were sent.

    `exclusions`: patterns of tags for which the opposite of `mutability` holds. `scan`: whether a push is to be scanned.
    """

    created: float
    scan: bool
    tags: dict[str, str]
    lifecycle: str | None
    policy: str | None
    mutability: str
    exclusions: list[str]


def _check(database: Database) -> None:
    """Raises ValueError where a row cannot be what was written."""
    for row in database.rows("SELECT name, record FROM repositories"):
        if not isinstance(json.loads(row["record"]), dict):
            raise ValueError(f"the repository {row['name']!r} is not what was written")
    for row in database.rows("SELECT digest, body FROM manifests"):
        if f"sha256:{hashlib.sha256(row['body']).hexdigest()}" != row["digest"]:
            raise ValueError(f"the manifest {row['digest']} is not what was written")
    for table in ("blobs", "tags"):
        for row in database.rows(f"SELECT digest FROM {table}"):
            need_digest(row["digest"])
    if not all(isinstance(row["added"], float) for row in database.rows("SELECT added FROM blobs")):
        raise ValueError("a row of blobs is not what was written")


class Registry:
    """The repositories under root/registry. Thread-safe.

    What needs a repository raises NAME_UNKNOWN when it is not there.
    """

    def __init__(self, root: Path, clock: Callable[[], float] = time.time) -> None:
        """Opens the index; `notice` says so when a broken one was moved aside, with the blobs it named."""
        folder = root / "registry"
        folder.mkdir(parents=True, exist_ok=True)
        self.clock = clock
        self._database, self.notice = open_or_set_aside(folder / "index.db", SCHEMA, _check)
        if self.notice and (folder / "blobs").exists():
            aside = folder / f"blobs.corrupt-{time.time_ns()}"
            (folder / "blobs").rename(aside)
            self.notice += f" The files it named are in {aside}."
        self._blobs = RegistryBlobs(folder)

    def sweep(self) -> int:
        """Removes abandoned uploads and blobs that nothing uses; returns how many. Call it once, before anything is served.

        What is younger than ABANDONED stays, so a push that the last server left half-done goes on with this one.
        """
        oldest = self.clock() - ABANDONED
        swept = 0
        with self._database.transaction():
            known = {row["id"] for row in self._database.rows("SELECT id FROM uploads")}
            for upload, touched in list(self._blobs.uploads()):
                if upload not in known or touched < oldest:
                    self._forget_upload(upload)
                    swept += 1
            unused = "NOT EXISTS (SELECT 1 FROM uses WHERE repository = blobs.repository AND used = blobs.digest)"
            self._database.execute(f"DELETE FROM blobs WHERE added < ? AND {unused}", (oldest,))
            named = {row["digest"] for row in self._database.rows("SELECT DISTINCT digest FROM blobs")}
        return swept + self._blobs.sweep(named)

    def create(self, name: str, record: Repository) -> None:
        """Makes a repository. Raises Exists."""
        try:
            self._database.execute("INSERT INTO repositories VALUES (?, ?)", (name, json.dumps(record)))
        except Duplicate:
            raise Exists("repository", name) from None

    def find(self, name: str) -> Repository | None:
        """The repository's record, or None."""
        row = self._database.row("SELECT record FROM repositories WHERE name = ?", (name,))
        return json.loads(row["record"]) if row else None

    def record_of(self, name: str) -> Repository:
        """The repository's record."""
        record = self.find(name)
        if record is None:
            raise AwsError("NAME_UNKNOWN", f"The repository with name '{name}' does not exist in the registry.", 404)
        return record

    def names(self) -> list[str]:
        """Of all repositories, in order."""
        return [row["name"] for row in self._database.rows("SELECT name FROM repositories ORDER BY name")]

    def change(self, name: str, change: Callable[[Repository], None]) -> Repository:
        """Changes a record in place, in one transaction; returns it. What `change` raises leaves it as it was."""
        with self._database.transaction():
            record = self.record_of(name)
            change(record)
            self._database.execute("UPDATE repositories SET record = ? WHERE name = ?", (json.dumps(record), name))
            return record

    def delete(self, name: str, force: bool) -> Repository:
        """Removes a repository; returns what its record was. Raises NOT_EMPTY when it has images and `force` is not given."""
        with self._database.transaction():
            record = self.record_of(name)
            if not force and self._database.row("SELECT 1 FROM manifests WHERE repository = ? LIMIT 1", (name,)):
                raise AwsError("NOT_EMPTY", f"The repository with name '{name}' has images.")
            for row in self._database.rows("SELECT id FROM uploads WHERE repository = ?", (name,)):
                self._forget_upload(row["id"])
            blobs = [row["digest"] for row in self._database.rows("SELECT digest FROM blobs WHERE repository = ?", (name,))]
            for table in ("manifests", "uses", "tags", "blobs"):
                self._database.execute(f"DELETE FROM {table} WHERE repository = ?", (name,))
            self._database.execute("DELETE FROM repositories WHERE name = ?", (name,))
        for digest in blobs:
            self._remove_unlinked(digest)
        return record

    def start_upload(self, name: str) -> str:
        """Starts the upload of a blob; returns its id."""
        with self._database.transaction():
            self.record_of(name)
            upload = self._blobs.new_upload()
            self._database.execute("INSERT INTO uploads VALUES (?, ?)", (upload, name))
            return upload

    def upload(self, name: str, upload: str) -> Upload:
        """An upload of this repository. Raises BLOB_UPLOAD_UNKNOWN."""
        self.record_of(name)
        if self._database.row("SELECT 1 FROM uploads WHERE id = ? AND repository = ?", (upload, name)) is None:
            raise unknown_upload()
        return self._blobs.upload(upload)

    def finish_upload(self, name: str, upload: Upload, digest: str) -> None:
        """Makes a claimed upload a blob of the repository. Raises DIGEST_INVALID, and drops it, when its bytes are others."""
        found = upload.flush()
        with self._database.transaction():
            self.record_of(name)
            if found == digest:
                self._blobs.keep(upload, digest)
                self._link(name, digest)
            self._forget_upload(upload.path.name)
        if found != digest:
            raise AwsError("DIGEST_INVALID", f"The bytes that came are {found}, not {digest}. Nothing was kept: upload it again.")

    def cancel_upload(self, name: str, upload: str) -> None:
        """Drops an upload. Raises BLOB_UPLOAD_UNKNOWN, or BLOB_UPLOAD_INVALID while a request writes it."""
        found = self.upload(name, upload)
        found.claim()
        try:
            self._forget_upload(upload)
        finally:
            found.release()

    def mount(self, name: str, digest: str, source: str) -> bool:
        """Gives a repository the blob of another one; False when that has none such."""
        with self._database.transaction():
            self.record_of(name)
            if self.find(source) is None or self.blob_size(source, digest) is None:
                return False
            self._link(name, digest)
            return True

    def blob_size(self, name: str, digest: str) -> int | None:
        """Bytes of a blob of the repository, or None when it has none such."""
        linked = self._database.row("SELECT 1 FROM blobs WHERE repository = ? AND digest = ?", (name, digest))
        try:
            return self._blobs.path(digest).stat().st_size if linked else None
        except FileNotFoundError:  # removed behind our back: the next push brings it again
            return None

    def open_blob(self, name: str, digest: str) -> tuple[BinaryIO, int]:
        """A blob's file, opened, and its size; a deletion meanwhile does not disturb the reader. Raises BLOB_UNKNOWN."""
        self.record_of(name)
        size = self.blob_size(name, need_digest(digest))
        try:
            if size is not None:
                return open(self._blobs.path(digest), "rb"), size
        except FileNotFoundError:
            pass
        raise _unknown_blob(name, digest)

    def delete_blob(self, name: str, digest: str) -> None:
        """Takes a blob from a repository. Raises BLOB_UNKNOWN, or UNSUPPORTED while a manifest uses it."""
        with self._database.transaction():
            self.record_of(name)
            self._refuse_used(name, need_digest(digest))
            if not self._database.execute("DELETE FROM blobs WHERE repository = ? AND digest = ?", (name, digest)):
                raise _unknown_blob(name, digest)
        self._remove_unlinked(digest)

    def put_manifest(self, name: str, manifest: Manifest, tag: str | None) -> None:
        """Keeps a manifest, and lets a tag name it. Raises MANIFEST_BLOB_UNKNOWN, MANIFEST_INVALID, or TAG_INVALID."""
        digest, now = manifest.digest, self.clock()
        with self._database.transaction():
            if tag is not None:
                self._check_tag(name, self.record_of(name), tag)
            self._check_uses(name, manifest)
            size = manifest.size or sum(self.manifest(name, child)["size"] for child in manifest.children)
            values = (name, digest, manifest.media_type, manifest.artifact_type, manifest.body, size, now)
            self._database.execute("INSERT OR IGNORE INTO manifests VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            used = [(name, one, digest) for one in (*manifest.blobs, *manifest.children)]
            self._database.execute_many("INSERT OR IGNORE INTO uses VALUES (?, ?, ?)", used)
            if tag is not None:
                self._database.execute("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", (name, tag, digest))

    def manifest(self, name: str, reference: str) -> Row:
        """The row (digest, media_type, artifact_type, body, size, pushed) of a tag or digest. Raises MANIFEST_UNKNOWN."""
        self.record_of(name)
        sql = "SELECT * FROM manifests WHERE repository = ?1 AND digest = "
        by_digest = DIGEST.fullmatch(reference)
        row = self._database.row(
            sql + ("?2" if by_digest else "(SELECT digest FROM tags WHERE repository = ?1 AND tag = ?2)"), (name, reference)
        )
        if row is None:
            raise AwsError("MANIFEST_UNKNOWN", f"The repository '{name}' has no image '{reference[:200]}'.", 404)
        return row

    def manifests(self, name: str) -> list[Row]:
        """All of them, by time and digest; without their bodies."""
        self.record_of(name)
        columns = "digest, media_type, artifact_type, size, pushed"
        return self._database.rows(f"SELECT {columns} FROM manifests WHERE repository = ? ORDER BY pushed, digest", (name,))

    def tags(self, name: str) -> dict[str, str]:
        """The digest that each tag names, tags in order."""
        self.record_of(name)
        rows = self._database.rows("SELECT tag, digest FROM tags WHERE repository = ? ORDER BY tag", (name,))
        return {row["tag"]: row["digest"] for row in rows}

    def delete_tag(self, name: str, tag: str) -> None:
        """Takes a tag off; the image stays. Raises MANIFEST_UNKNOWN."""
        with self._database.transaction():
            self.manifest(name, tag)
            self._database.execute("DELETE FROM tags WHERE repository = ? AND tag = ?", (name, tag))

    def delete_manifest(self, name: str, digest: str) -> None:
        """Removes an image with its tags. Raises MANIFEST_UNKNOWN, or UNSUPPORTED while an index uses it."""
        with self._database.transaction():
            self.manifest(name, digest)
            self._refuse_used(name, digest)
            for table, column in (("manifests", "digest"), ("uses", "manifest"), ("tags", "digest")):
                self._database.execute(f"DELETE FROM {table} WHERE repository = ? AND {column} = ?", (name, digest))

    def close(self) -> None:
        """Closes the index."""
        self._database.close()

    def _link(self, name: str, digest: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO blobs VALUES (?, ?, ?)", (name, digest, self.clock()))

    def _remove_unlinked(self, digest: str) -> None:
        """Removes a blob's file unless a repository has it."""
        with self._database.transaction():
            if self._database.row("SELECT 1 FROM blobs WHERE digest = ? LIMIT 1", (digest,)) is None:
                self._blobs.remove(digest)

    def _forget_upload(self, upload: str) -> None:
        self._database.execute("DELETE FROM uploads WHERE id = ?", (upload,))
        self._blobs.forget(upload)

    def _refuse_used(self, name: str, digest: str) -> None:
        row = self._database.row("SELECT manifest FROM uses WHERE repository = ? AND used = ?", (name, digest))
        if row is not None:
            raise AwsError("UNSUPPORTED", f"{digest} is used by the manifest {row['manifest']}: delete that first.", 405)

    def _check_tag(self, name: str, record: Repository, tag: str) -> None:
        if not TAG.fullmatch(tag):
            raise AwsError("TAG_INVALID", f"The image tag {tag[:200]!r} is not 1 to 128 letters, digits, '_', '.' and '-'.")
        excluded = any(fnmatch.fnmatchcase(tag, one) for one in record["exclusions"])
        if record["mutability"].startswith("IMMUTABLE") != excluded and tag in self.tags(name):
            message = f"The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because"
            raise AwsError("TAG_INVALID", f"{message} the tag is immutable.")

    def _check_uses(self, name: str, manifest: Manifest) -> None:
        for digest, size in manifest.blobs.items():
            found = self.blob_size(name, digest)
            if found is None:
                raise _missing(name, digest)
            if found != size:
                raise AwsError("MANIFEST_INVALID", f"The manifest says that {digest} has {size} bytes; it has {found}.")
        for digest in manifest.children:
            try:
                self.manifest(name, digest)
            except AwsError:
                raise _missing(name, digest) from None


def _missing(name: str, digest: str) -> AwsError:
    message = f"The manifest names {digest}, which the repository '{name}' does not have. Push that first."
    return AwsError("MANIFEST_BLOB_UNKNOWN", message)


def _unknown_blob(name: str, digest: str) -> AwsError:
    return AwsError("BLOB_UNKNOWN", f"The repository '{name}' has no blob {digest}.", 404)
