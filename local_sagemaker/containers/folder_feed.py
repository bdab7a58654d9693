"""An S3 prefix kept the same in a container's folder while it runs: what a rule's evaluator looks at. folder_sync.py goes the
other way.

Objects come as copies (even where the folder is mounted read-only, its parent may be the program's to rename), in the order in
which they were stored, so an index never names what is not there yet. Nothing is taken away again.
"""

import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path

from ..s3.uri import UnsafeKey, file_name
from ..storage.objects import Objects
from .channels import place
from .untrusted_folder import Refused, UntrustedFolder


@dataclass
class FolderFeed:
    """One prefix (which ends with a slash, or is empty) and one folder."""

    objects: Objects
    bucket: str
    prefix: str
    folder: UntrustedFolder
    _here: dict[str, Path] = field(default_factory=dict)
    """Of each key, the object's file when it was taken: an object that was stored again has another."""

    def pull(self) -> None:
        """Takes what is new. Keys that cannot be files are left out. Raises Refused where the folder itself is none any more."""
        self.folder.make()
        began = time.time()  # what was stored while we listed may come after what the list has shown already
        found = [info for info in self.objects.walk(self.bucket, self.prefix) if self._here.get(info.key) != info.path]
        for info in sorted(found, key=lambda info: info.modified):
            if info.modified > began:
                return
            try:
                name = file_name(info.key[len(self.prefix) :])
                aside = f"{name[: name.rfind('/') + 1]}.{secrets.token_hex(8)}.tmp"
                try:
                    place(self.objects, info, self.folder, aside, link=False)
                    self.folder.rename(aside, name)
                finally:
                    self.folder.delete(aside)
            except (UnsafeKey, IsADirectoryError, Refused):
                pass
            self._here[info.key] = info.path
