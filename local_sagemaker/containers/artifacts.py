"""What a training job leaves in S3: model.tar.gz and output.tar.gz, or the same files one by one. Not checkpoints."""

import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..s3.uri import join, split
from ..storage.objects import Objects

FAST = 1
"""gzip level: weights hardly shrink, and level 6 takes five times as long for them."""


def output_uri(request: Mapping[str, Any]) -> str:
    """The S3 "folder" of a job's artifacts."""
    return join(request["OutputDataConfig"]["S3OutputPath"], request["TrainingJobName"], "output")


def model_uri(request: Mapping[str, Any]) -> str:
    """ModelArtifacts.S3ModelArtifacts: an archive, or with CompressionType NONE a prefix."""
    if request["OutputDataConfig"].get("CompressionType") == "NONE":
        return join(output_uri(request), "model/")
    return join(output_uri(request), "model.tar.gz")


def upload(objects: Objects, request: Mapping[str, Any], bases: Iterable[Path], scratch: Path, *, model: bool) -> None:
    """Uploads the model (if `model`) and output/data of all hosts. Where hosts have the same file name, algo-1's counts.

    An empty output/data gives no output.tar.gz. `scratch` takes the archives on their way.
    """
    bases = list(bases)
    kinds = [("model", [base / "model" for base in bases])] if model else []
    if any(True for _ in _files(base / "output" / "data" for base in bases)):
        kinds.append(("output", [base / "output" / "data" for base in bases]))
    bucket, prefix = split(output_uri(request), "OutputDataConfig.S3OutputPath")
    loose = request["OutputDataConfig"].get("CompressionType") == "NONE"
    for name, folders in kinds:
        if loose:
            folder = name if name == "model" else "data"
            for relative, path in _files(folders):
                if path.is_file() and not path.is_symlink():
                    objects.put_file(bucket, f"{prefix}/{folder}/{relative}", path, link=False)
        else:
            archive = scratch / f"{name}.tar.gz"
            pack(archive, folders)
            objects.put_file(bucket, f"{prefix}/{name}.tar.gz", archive, link=True)
            archive.unlink()


def pack(archive: Path, folders: Iterable[Path]) -> None:
    """A tar.gz of the folders' content, the first folder's file where names clash. Links stay links; devices are left out."""
    archive.unlink(missing_ok=True)
    with tarfile.open(archive, "w:gz", compresslevel=FAST) as tar:
        for relative, path in _files(folders):
            member = tar.gettarinfo(str(path), relative)
            if member is None or not (member.isfile() or member.islnk() or member.isdir() or member.issym()):
                continue
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            if member.isfile() or member.islnk():
                with path.open("rb") as file:
                    member.type, member.linkname, member.size = tarfile.REGTYPE, "", path.stat().st_size
                    tar.addfile(member, file)
            else:
                tar.addfile(member)


def _files(folders: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """(relative name, path) of everything below the folders, by name, each name once."""
    seen: set[str] = set()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            relative = str(path.relative_to(folder))
            if relative not in seen:
                seen.add(relative)
                yield relative, path
