"""Model data of a serving container: an archive unpacked, or objects laid out, below <base>/model, then made read-only.

An archive may come from anywhere, so nothing it holds can reach outside the folder: names are checked, links are made last and
must stay inside, devices and pipes are refused, and there are limits on members and bytes.
"""

import contextlib
import os
import posixpath
import shutil
import stat
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from ..containers.channels import place
from ..errors import AwsError, validation
from ..s3.uri import UnsafeKey, below, relative_name, split
from ..storage.objects import Objects

MAX_MEMBERS = 100_000
MAX_BYTES = 64 << 30


class BadModelData(Exception):
    """The model data cannot be laid out: the sentence for FailureReason."""


def model_source(container: Mapping[str, Any]) -> tuple[str, str, bool] | None:
    """(bucket, key or prefix, whether it is an archive) of a model's container; None where it has no data."""
    if url := container.get("ModelDataUrl"):
        return *split(url, "ModelDataUrl"), True
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None:
        return None
    archive = source["CompressionType"] == "Gzip"
    if archive != (source["S3DataType"] == "S3Object"):
        raise validation("ModelDataSource takes S3DataType S3Object with CompressionType Gzip, or S3Prefix with None.")
    return *split(source["S3Uri"], "ModelDataSource.S3DataSource.S3Uri"), archive


def check_model_data(objects: Objects, container: Mapping[str, Any]) -> None:
    """Raises ValidationException where the data is not there."""
    if (source := model_source(container)) is None:
        return
    bucket, key, archive = source
    there = objects.has_bucket(bucket) and (
        objects.has(bucket, key) if archive and key else bool(objects.list(bucket, key, limit=1).objects)
    )
    if not there:
        raise validation(f"Could not find model data at s3://{bucket}/{key}.")


def lay_out_model(objects: Objects, container: Mapping[str, Any], folder: Path, *, link: bool) -> None:
    """Fills `folder`; `link` is as in channels.download_channel. Raises BadModelData, naming the member or key at fault."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        source = model_source(container)
        if source is None:
            return
        bucket, key, archive = source
        if archive:
            _, file = objects.open(bucket, key)
            with file:
                unpack(file, folder)
        else:
            for info in objects.walk(bucket, key):
                if not info.key.endswith("/"):
                    target = below(folder, relative_name(info.key, key))
                    target.parent.mkdir(parents=True, exist_ok=True)
                    place(objects, info, target, link=link)
    except (AwsError, UnsafeKey, OSError) as error:
        raise BadModelData(f"Failed to download model data: {getattr(error, 'message', error)}") from error
    _set_modes(folder, 0o555)


def unpack(file: IO[bytes], folder: Path) -> None:
    """Unpacks a tar.gz. Raises BadModelData."""
    links: list[tarfile.TarInfo] = []
    total = count = 0
    try:
        with tarfile.open(fileobj=file, mode="r|gz") as tar:
            for member in tar:
                count, total = count + 1, total + max(member.size, 0)
                if count > MAX_MEMBERS or total > MAX_BYTES:
                    raise BadModelData(f"The model archive holds more than {MAX_MEMBERS} members or {MAX_BYTES} bytes.")
                target = _target(folder, member.name)
                if member.isdir():
                    target.mkdir(parents=True, exist_ok=True)
                elif member.isreg():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with tar.extractfile(member) as source, target.open("wb") as copy:
                        shutil.copyfileobj(source, copy, 1 << 20)
                    target.chmod(0o755 if member.mode & 0o100 else 0o644)
                elif member.issym() or member.islnk():
                    links.append(member)
                else:
                    raise BadModelData(f"Member {member.name!r} of the model archive is no file, folder or link.")
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise BadModelData(f"The model archive cannot be read as tar.gz: {error}") from error
    for member in links:
        _link(folder, member)


def _target(folder: Path, name: str) -> Path:
    plain = posixpath.normpath(name) if not name.startswith("/") and ".." not in name.split("/") else ""
    if plain == ".":
        return folder
    try:
        return below(folder, plain)
    except UnsafeKey:
        raise BadModelData(f"Member {name!r} of the model archive would be written outside the model folder.") from None


def _link(folder: Path, member: tarfile.TarInfo) -> None:
    """Makes a link, once every file is there. One that leaves the folder is refused."""
    target = _target(folder, member.name)
    start = posixpath.dirname(posixpath.normpath(member.name)) if member.issym() else ""
    wanted = posixpath.normpath(posixpath.join(start, member.linkname))
    if member.linkname.startswith("/") or wanted == ".." or wanted.startswith("../"):
        raise BadModelData(f"Link {member.name!r} of the model archive points outside the model folder.")
    target.parent.mkdir(parents=True, exist_ok=True)
    root = folder.resolve()
    if not target.parent.resolve().is_relative_to(root):
        raise BadModelData(f"Member {member.name!r} of the model archive would be written outside the model folder.")
    with contextlib.suppress(FileNotFoundError):
        target.unlink()
    if member.issym():
        target.symlink_to(member.linkname)
        if not target.resolve().is_relative_to(root):
            target.unlink()
            raise BadModelData(f"Link {member.name!r} of the model archive points outside the model folder.")
    else:
        source = (folder / wanted).resolve()
        if not source.is_relative_to(root) or not source.is_file():
            raise BadModelData(f"Link {member.name!r} of the model archive points to no file of the archive.")
        shutil.copyfile(source, target)


def _set_modes(folder: Path, mode: int) -> None:
    """Folders get `mode`; files lose their write permission when folders do. Linked objects are read-only already."""
    for path, _, names in os.walk(folder, topdown=False):
        if not mode & stat.S_IWUSR:
            for name in names:
                file = os.path.join(path, name)
                if not os.path.islink(file):
                    os.chmod(file, os.stat(file).st_mode & 0o555)
        os.chmod(path, mode)


def remove_tree(folder: Path) -> None:
    """Removes a container's folder, a read-only model in it included."""
    if folder.is_dir():
        _set_modes(folder, 0o755)
    shutil.rmtree(folder, ignore_errors=True)
