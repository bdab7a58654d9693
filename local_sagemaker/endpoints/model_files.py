"""The unpacked models of one instance of a multi-model endpoint, below its /opt/ml/models. Which are in memory is others'.

Each lies in a folder of a name that is a hash of its key and ETag: no name of a stranger's becomes a path, and an object that was
overwritten is another model. Together they are bounded. All calls block; any thread may make them.
"""

import contextlib
import hashlib
import re
import secrets
import stat
import threading
from collections.abc import Collection
from dataclasses import dataclass

from ..containers.folder_removal import remove_tree
from ..containers.interruptible import Interrupt, never
from ..containers.untrusted_folder import Refused, UntrustedFolder
from ..errors import AwsError
from ..storage.objects import Objects
from .bounded_archive import ArchiveLimits
from .model_data import BadModelData, unpack

DISK_BYTES = 32 << 30
"""Bytes of the files of all models of an instance, and of those of one archive."""
NAME = re.compile(r"[0-9a-f]{32}")


@dataclass(eq=False)
class ModelFiles:
    """The models whose archives lie in `bucket` under keys that begin with `prefix`, unpacked below `folder`: `limit` bytes."""

    objects: Objects
    bucket: str
    prefix: str
    folder: UntrustedFolder
    limit: int = DISK_BYTES

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes: dict[str, int] = {}  # by name, the one that was fetched longest ago first

    def fetch(self, target: str, interrupt: Interrupt = never) -> str:
        """Unpacks the archive of a TargetModel, where its files are not there yet; returns its name.

        Raises BadModelData, which names the object and the member at fault, and Interrupted where `interrupt` says so.
        """
        key = self.prefix + target  # bytes of a key, whatever they look like
        try:
            info, file = self.objects.open(self.bucket, key)
        except AwsError as error:
            raise BadModelData(
                f"Failed to download model data(bucket: {self.bucket}, key: {key}): {error.message} There has to be an object at"
                f" {self.uri(target)}, ModelDataUrl followed by TargetModel."
            ) from error
        with file:
            name = hashlib.sha256("\0".join((self.bucket, key, info.etag)).encode()).hexdigest()[:32]
            aside = f"{secrets.token_hex(8)}.part"
            model = self.folder / aside / "model"
            try:
                if self._touch(name):
                    return name
                size = unpack(file, model, ArchiveLimits(bytes=self.limit), interrupt)
                model.make_read_only()
                self._take_in(aside, name, size)
            except BadModelData as error:
                raise BadModelData(f"Failed to extract model data archive from {self.uri(target)}: {error}") from error
            except (Refused, OSError) as error:
                raise BadModelData(f"Failed to download model data from {self.uri(target)}: {error}") from error
            finally:
                remove_tree(self.folder / aside)
        return name

    def uri(self, target: str) -> str:
        """The S3 URI of a TargetModel."""
        return f"s3://{self.bucket}/{self.prefix}{target}"

    def find(self) -> None:
        """Takes up what another server has unpacked here, and removes what it left half-done."""
        with contextlib.suppress(Refused, OSError):  # then whatever is fetched is refused, by name
            for name in self.folder.folders():
                if NAME.fullmatch(name):
                    entries = (self.folder / name).walk()
                    self._bytes[name] = sum(entry.status.st_size for entry in entries if stat.S_ISREG(entry.status.st_mode))
                else:
                    remove_tree(self.folder / name)

    def size(self) -> int:
        """The bytes of all that is unpacked."""
        with self._lock:
            return sum(self._bytes.values())

    def shrink(self, in_use: Collection[str], limit: int) -> int:
        """Deletes models that are not in use, those that were fetched longest ago first, until all keep to `limit` bytes.

        Returns the bytes that are left: more than `limit` where what is in use is more.
        """
        with self._lock:
            for name in [name for name in self._bytes if name not in in_use]:
                if sum(self._bytes.values()) <= limit:
                    break
                del self._bytes[name]
                remove_tree(self.folder / name)
            return sum(self._bytes.values())

    def _touch(self, name: str) -> bool:
        """Whether a model is there; then it is the one that was fetched last."""
        with self._lock:
            if (size := self._bytes.pop(name, None)) is None or not self.folder.has(f"{name}/model"):
                return False
            self._bytes[name] = size
            return True

    def _take_in(self, aside: str, name: str, size: int) -> None:
        """Gives what is unpacked its name: a folder of that name is a whole model, also for the next server."""
        with self._lock:
            remove_tree(self.folder / name)
            self.folder.rename(aside, name)
            self._bytes[name] = size
