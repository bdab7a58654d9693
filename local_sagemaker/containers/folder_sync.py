"""A container's folder kept the same in S3 while it runs: checkpoints, debugger tensors, profiles, TensorBoard events.

Files go up when they have stopped changing, and at the end as they are; a file that the program deletes is deleted in S3.
They go up in the order in which they were written, none before an older one, so an index never names what is not there yet.
Uploads are copies, so the program may go on writing into its file. Links, FIFOs, sockets and devices in the folder stay there.
"""

import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import AwsError
from ..s3.uri import UnsafeKey, file_name, join
from ..storage.full_disk import refused_by_disk
from ..storage.objects import Objects
from .channels import copy
from .config_files import local_path, profiler_path
from .interruptible import Interrupt, InterruptibleReader, never
from .untrusted_folder import Refused, UntrustedFolder, not_uploaded

TOLD = 20
"""How many of the things that do not go up are told."""
NOTHING = "\0"
"""The end of no file's name."""
Mark = tuple[int, int, int]
"""Inode, size in bytes and time of change in ns: equal marks, equal files."""


@dataclass
class FolderSync:
    """One folder and one S3 prefix (which ends with a slash, or is empty)."""

    objects: Objects
    folder: UntrustedFolder
    bucket: str
    prefix: str
    skip: str = NOTHING
    """Files that end so are never taken (unfinished ones, by the writer's own convention)."""
    _up: dict[str, Mark | None] = field(default_factory=dict)
    _seen: dict[str, Mark] = field(default_factory=dict)
    _left_out: dict[str, str] = field(default_factory=dict)

    def restore(self) -> int:
        """Copies what S3 has into the folder; returns the number of files. Keys that cannot be files are left out."""
        self.folder.make()
        count = 0
        for info in self.objects.walk(self.bucket, self.prefix):
            name = info.key[len(self.prefix) :]
            try:
                copy(self.objects, info, self.folder, file_name(name))
            except (UnsafeKey, FileExistsError, Refused):
                continue
            count += 1
        self._up.update(self._scan())
        return count

    def know_s3(self) -> None:
        """After a restart of the server: what S3 has came from this folder, so what the folder lacks was deleted there."""
        for info in self.objects.walk(self.bucket, self.prefix):
            self._up.setdefault(info.key[len(self.prefix) :], None)

    def push(self, *, final: bool = False, interrupt: Interrupt = never) -> None:
        """Uploads what is new and, unless `final`, unchanged since the last push; deletes in S3 what is gone here.

        Raises Interrupted; Refused where the folder is none any more, or holds more than the server takes.
        """
        found = self._scan()
        new = {name: mark for name, mark in found.items() if self._up.get(name) != mark}
        changing = [mark[2] for name, mark in new.items() if self._seen.get(name) != mark]
        until = math.inf if final or not changing else min(changing)
        for name, mark in sorted(new.items(), key=lambda item: item[1][2]):
            if mark[2] < until:
                try:
                    file = self.folder.reader(name)
                except (FileNotFoundError, Refused):
                    continue  # gone or swapped since the scan: the next one sees it
                with file:
                    pieces = InterruptibleReader(file, os.fstat(file.fileno()).st_size, interrupt)
                    self.objects.put_stream(self.bucket, self.prefix + name, pieces)
                self._up[name] = mark
        for name in [name for name in self._up if name not in found]:
            self.objects.delete(self.bucket, self.prefix + name)
            del self._up[name]
        self._seen = found

    def left_out(self) -> list[str]:
        """What was found in the folder since the last call that does not go up, each thing once, as sentences."""
        found = list(self._left_out.values())
        self._left_out = dict.fromkeys(self._left_out, "")
        return [sentence for sentence in found if sentence]

    def _scan(self) -> dict[str, Mark]:
        found: dict[str, Mark] = {}
        for name, status in self.folder.walk():
            problem = not_uploaded(self.folder, name, status)
            if problem is None and stat.S_ISREG(status.st_mode):
                if not name.endswith(self.skip):
                    found[name] = _mark(status)
            elif problem is not None and len(self._left_out) < TOLD:
                self._left_out.setdefault(name, problem)
        return found


def synced_folders(request: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(path below /opt/ml, S3 URI, end of unfinished files' names) of what a training job syncs; checkpoints come first."""
    name = request["TrainingJobName"]
    found: list[tuple[str, str, str]] = []
    if config := request.get("CheckpointConfig"):
        found.append((local_path(request, "CheckpointConfig"), config["S3Uri"], NOTHING))
    if config := request.get("DebugHookConfig"):
        found.append((local_path(request, "DebugHookConfig"), join(config["S3OutputPath"], name, "debug-output"), ".tmp"))
    if config := request.get("TensorBoardOutputConfig"):
        uri = join(config["S3OutputPath"], name, "tensorboard-output")
        found.append((local_path(request, "TensorBoardOutputConfig"), uri, NOTHING))
    if (config := request.get("ProfilerConfig")) and not config.get("DisableProfiler"):
        uri = config.get("S3OutputPath", request["OutputDataConfig"]["S3OutputPath"])
        found.append((profiler_path(request), join(uri, name, "profiler-output"), ".tmp"))
    return found


def push_all(syncs: list[FolderSync], *, final: bool = False, interrupt: Interrupt = never) -> str | None:
    """Pushes each; returns the first error as a sentence, None where all went well. Raises Interrupted and Refused."""
    for sync in syncs:
        try:
            sync.push(final=final, interrupt=interrupt)
        except (AwsError, OSError, UnicodeError) as error:
            if final and refused_by_disk(error):  # the last push is not given up for that
                raise
            return f"{sync.folder.shown()} cannot be uploaded to s3://{sync.bucket}/{sync.prefix}: {error}"
    return None


def _mark(status: os.stat_result) -> Mark:
    return status.st_ino, status.st_size, status.st_mtime_ns
