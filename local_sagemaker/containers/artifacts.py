"""What a training job leaves in S3: model.tar.gz and output.tar.gz, or the same files one by one. Not checkpoints.

Files and folders are taken. In an archive a symbolic link stays a link, which nothing here follows; one by one it is left out.
FIFOs, sockets and devices are left out either way.
"""

import gzip
import io
import os
import stat
import tarfile
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ..s3.uri import join, split
from ..storage.object_info import About
from ..storage.objects import Objects
from .interruptible import Interrupt, InterruptibleReader, never
from .untrusted_folder import Entry, UntrustedFolder, kind, not_uploaded

FAST = 1
"""gzip level: weights hardly shrink, and level 6 takes five times as long for them."""
BUFFER = 1 << 20
"""Bytes of an archive that are written at a time."""

Found = tuple[UntrustedFolder, Entry]
"""Something below one of the hosts' folders."""


def output_uri(request: Mapping[str, Any]) -> str:
    """The S3 "folder" of a job's artifacts."""
    return join(request["OutputDataConfig"]["S3OutputPath"], request["TrainingJobName"], "output")


def model_uri(request: Mapping[str, Any]) -> str:
    """ModelArtifacts.S3ModelArtifacts: an archive, or with CompressionType NONE a prefix."""
    if request["OutputDataConfig"].get("CompressionType") == "NONE":
        return join(output_uri(request), "model/")
    return join(output_uri(request), "model.tar.gz")


def upload(
    objects: Objects, request: Mapping[str, Any], bases: Iterable[UntrustedFolder], *, model: bool, interrupt: Interrupt = never
) -> list[str]:
    """Uploads the model (if `model`) and output/data of all hosts. Where hosts have the same file name, algo-1's counts.

    An empty output/data gives no output.tar.gz. Returns what was left out, as sentences. Raises Interrupted, and Refused where a
    folder is none any more or holds more than the server takes.
    """
    bases = list(bases)
    found = {"model": merged(base / "model" for base in bases)} if model else {}
    if output := merged(base / "output/data" for base in bases):
        found["output"] = output
    bucket, prefix = split(output_uri(request), "OutputDataConfig.S3OutputPath")
    loose = request["OutputDataConfig"].get("CompressionType") == "NONE"
    left_out: list[str] = []
    for name, files in found.items():
        if loose:
            folder = name if name == "model" else "data"
            left_out += _upload_loose(objects, bucket, f"{prefix}/{folder}/", files, interrupt)
        else:
            with objects.blobs.new() as writer:
                left_out += pack(writer, files, interrupt)
            objects.commit(bucket, f"{prefix}/{name}.tar.gz", writer, writer.md5, About())
    return left_out


def _upload_loose(objects: Objects, bucket: str, prefix: str, found: list[Found], interrupt: Interrupt) -> list[str]:
    left_out = []
    for folder, (name, status) in found:
        problem = not_uploaded(folder, name, status)
        if problem is not None:
            left_out.append(problem)
        elif stat.S_ISREG(status.st_mode):
            with folder.reader(name) as file:
                size = os.fstat(file.fileno()).st_size
                objects.put_stream(bucket, prefix + name, InterruptibleReader(file, size, interrupt))
    return left_out


class Writer(Protocol):
    """What an archive is written to."""

    def write(self, data: bytes, /) -> Any: ...


def pack(writer: Writer, found: Iterable[Found], interrupt: Interrupt = never) -> list[str]:
    """Writes a tar.gz; returns what was left out, as sentences."""
    left_out: list[str] = []
    with (
        io.BufferedWriter(_Raw(writer), BUFFER) as buffer,
        gzip.GzipFile(filename="", mode="wb", compresslevel=FAST, fileobj=buffer) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for folder, (name, status) in found:
            member = tarfile.TarInfo(name)
            member.mode, member.mtime = stat.S_IMODE(status.st_mode), int(status.st_mtime)
            member.uname = member.gname = "root"
            if stat.S_ISREG(status.st_mode):
                with folder.reader(name) as file:
                    member.size = os.fstat(file.fileno()).st_size
                    tar.addfile(member, InterruptibleReader(file, member.size, interrupt))
            elif stat.S_ISDIR(status.st_mode):
                member.type = tarfile.DIRTYPE
                tar.addfile(member)
            elif stat.S_ISLNK(status.st_mode):
                member.type, member.linkname = tarfile.SYMTYPE, folder.target(name) or ""
                tar.addfile(member)
            else:
                left_out.append(f"{folder.shown(name)} is {kind(status.st_mode)} and is not uploaded.")
    return left_out


class _Raw(io.RawIOBase):
    """A writer as io's buffers want one."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._writer.write(bytes(data))
        return len(data)


def merged(folders: Iterable[UntrustedFolder]) -> list[Found]:
    """Everything below the folders, by name, each name once: the first folder's."""
    found: dict[str, Found] = {}
    for folder in folders:
        for entry in folder.walk():
            found.setdefault(entry.name, (folder, entry))
    return [found[name] for name in sorted(found, key=lambda name: name.split("/"))]
