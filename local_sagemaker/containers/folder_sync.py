"""A container's folder kept the same in S3 while it runs: checkpoints, debugger tensors, profiles, TensorBoard events.

Files go up when they have stopped changing, and at the end as they are; a file that the program deletes is deleted in S3.
They go up in the order in which they were written, none before an older one, so an index never names what is not there yet.
Uploads are copies, so the program may go on writing into its file.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import AwsError
from ..s3.uri import UnsafeKey, below, join
from ..storage.full_disk import refused_by_disk
from ..storage.objects import Objects
from .channels import copy
from .config_files import local_path, profiler_path

NOTHING = "\0"
"""The end of no file's name."""
Mark = tuple[int, int, int]
"""Inode, size in bytes and time of change in ns: equal marks, equal files."""


@dataclass
class FolderSync:
    """One folder and one S3 prefix (which ends with a slash, or is empty)."""

    objects: Objects
    folder: Path
    bucket: str
    prefix: str
    skip: str = NOTHING
    """Files that end so are never taken (unfinished ones, by the writer's own convention)."""
    _up: dict[str, Mark | None] = field(default_factory=dict)
    _seen: dict[str, Mark] = field(default_factory=dict)

    def restore(self) -> int:
        """Copies what S3 has into the folder; returns the number of files. Keys that cannot be files are left out."""
        self.folder.mkdir(parents=True, exist_ok=True)
        count = 0
        for info in self.objects.walk(self.bucket, self.prefix):
            name = info.key[len(self.prefix) :]
            try:
                target = below(self.folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                copy(self.objects, info, target)
            except (UnsafeKey, FileExistsError, NotADirectoryError):
                continue
            self._up[name] = _mark(target.stat())
            count += 1
        return count

    def know_s3(self) -> None:
        """After a restart of the server: what S3 has came from this folder, so what the folder lacks was deleted there."""
        for info in self.objects.walk(self.bucket, self.prefix):
            self._up.setdefault(info.key[len(self.prefix) :], None)

    def push(self, *, final: bool = False) -> None:
        """Uploads what is new and, unless `final`, unchanged since the last push; deletes in S3 what is gone here."""
        found = self._scan()
        new = {name: mark for name, mark in found.items() if self._up.get(name) != mark}
        changing = [mark[2] for name, mark in new.items() if self._seen.get(name) != mark]
        until = math.inf if final or not changing else min(changing)
        for name, mark in sorted(new.items(), key=lambda item: item[1][2]):
            if mark[2] < until:
                try:
                    self.objects.put_file(self.bucket, self.prefix + name, self.folder / name, link=False)
                except (FileNotFoundError, ValueError):
                    continue  # gone, or no longer a plain file: the next push sees it
                self._up[name] = mark
        for name in [name for name in self._up if name not in found]:
            self.objects.delete(self.bucket, self.prefix + name)
            del self._up[name]
        self._seen = found

    def _scan(self) -> dict[str, Mark]:
        found: dict[str, Mark] = {}
        stack = [""]
        while stack:
            relative = stack.pop()
            try:
                with os.scandir(self.folder / relative) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            stack.append(f"{relative}{entry.name}/")
                        elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(self.skip):
                            found[relative + entry.name] = _mark(entry.stat(follow_symlinks=False))
            except (FileNotFoundError, NotADirectoryError):
                continue  # deleted while we looked
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


def push_all(syncs: list[FolderSync], *, final: bool = False) -> str | None:
    """Pushes each; returns the first error as a sentence, None where all went well."""
    for sync in syncs:
        try:
            sync.push(final=final)
        except (AwsError, OSError, UnicodeError) as error:
            if final and refused_by_disk(error):  # the last push is not given up for that
                raise
            return f"{sync.folder.name} cannot be uploaded to s3://{sync.bucket}/{sync.prefix}: {error}"
    return None


def _mark(stat: os.stat_result) -> Mark:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
