"""Model archives: what is unpacked, what is refused by name, and that nothing is written outside the folder."""

import io
import tarfile
from pathlib import Path

import pytest

from local_sagemaker.containers.folder_removal import remove_tree
from local_sagemaker.containers.interruptible import Interrupted
from local_sagemaker.containers.untrusted_folder import UntrustedFolder
from local_sagemaker.endpoints.bounded_archive import ArchiveLimits
from local_sagemaker.endpoints.model_data import BadModelData, check_model_data, lay_out_model, unpack
from local_sagemaker.storage.objects import Objects


def archive(*members: tuple[str, bytes | None, str | None], kind: bytes = tarfile.SYMTYPE) -> io.BytesIO:
    """(name, content, link target); neither content nor target: a member of `kind`."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        for name, content, target in members:
            member = tarfile.TarInfo(name)
            if content is not None:
                member.size = len(content)
            else:
                member.type, member.linkname = kind, target or ""
            tar.addfile(member, io.BytesIO(content or b""))
    body.seek(0)
    return body


def test_files_folders_and_inner_links_are_unpacked(tmp_path: Path) -> None:
    unpack(
        archive(("./a/b.txt", b"B", None), ("a/link", None, "b.txt"), ("top", None, "a/b.txt")), UntrustedFolder(tmp_path / "m")
    )
    assert (tmp_path / "m" / "a" / "b.txt").read_bytes() == b"B"
    assert (tmp_path / "m" / "a" / "link").read_bytes() == b"B"
    assert (tmp_path / "m" / "top").read_bytes() == b"B"
    unpack(archive(("a", b"A", None), ("hard", None, "a"), kind=tarfile.LNKTYPE), UntrustedFolder(tmp_path / "n"))
    assert (tmp_path / "n" / "hard").read_bytes() == b"A"


def test_the_folder_itself_may_have_no_name_and_a_file_may_not(tmp_path: Path) -> None:
    """As SageMaker's SDK packs a model with new code."""
    folder = archive(("", None, None), ("a", b"A", None), kind=tarfile.DIRTYPE)
    unpack(folder, UntrustedFolder(tmp_path / "m"))
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["a"]
    with pytest.raises(BadModelData, match="outside the model folder"):
        unpack(archive(("", b"A", None)), UntrustedFolder(tmp_path / "n"))


@pytest.mark.parametrize("name", ["../out", "/abs", "a/../../out", "a/../b", ".."])
def test_a_name_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    inside = UntrustedFolder(tmp_path / "deep" / "m")
    with pytest.raises(BadModelData, match="outside the model folder"):
        unpack(archive((name, b"x", None)), inside)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("target", ["../secret", "/etc/passwd", "a/../../secret"])
def test_a_link_that_leaves_the_folder_is_refused(tmp_path: Path, target: str, kind: bytes) -> None:
    (tmp_path / "secret").write_text("s")
    with pytest.raises(BadModelData, match=r"points (outside|to no file)"):
        unpack(archive(("link", None, target), kind=kind), UntrustedFolder(tmp_path / "m"))


def test_links_that_leave_the_folder_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModelData):
        unpack(archive(("a", None, "."), ("a/b", None, ".."), ("a/b/c", None, "../x")), UntrustedFolder(tmp_path / "m"))


def test_a_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(BadModelData):
        unpack(archive(("door", None, "../outside"), ("door/file", b"x", None)), UntrustedFolder(tmp_path / "m"))
    assert not list(outside.iterdir())


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_devices_and_pipes_are_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(BadModelData, match="member 'odd' is no file, folder or link"):
        unpack(archive(("odd", None, None), kind=kind), UntrustedFolder(tmp_path / "m"))


@pytest.mark.parametrize("body", [b"", b"not a tar", b"\x1f\x8b" + b"\0" * 40])
def test_what_is_no_archive_is_said(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(BadModelData, match=r"cannot be read as tar\.gz"):
        unpack(io.BytesIO(body), UntrustedFolder(tmp_path / "m"))


def test_a_cut_archive_is_said(tmp_path: Path) -> None:
    body = archive(("a", bytes(range(256)) * 4000, None)).getvalue()
    with pytest.raises(BadModelData, match=r"cannot be read as tar\.gz"):
        unpack(io.BytesIO(body[: len(body) // 2]), UntrustedFolder(tmp_path / "m"))


def test_model_data_may_be_loose_objects_and_is_read_only(tmp_path: Path) -> None:
    objects = Objects(tmp_path / "root")
    objects.create_bucket("bucket")
    objects.put("bucket", "loose/a/w.bin", b"W")
    source = {"S3Uri": "s3://bucket/loose/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {"ModelDataSource": {"S3DataSource": source}}
    check_model_data(objects, container)
    lay_out_model(objects, container, UntrustedFolder(tmp_path / "m"), link=False)
    assert (tmp_path / "m" / "a" / "w.bin").read_bytes() == b"W"
    assert (tmp_path / "m" / "a" / "w.bin").stat().st_mode & 0o222 == 0
    assert (tmp_path / "m").stat().st_mode & 0o222 == 0
    remove_tree(tmp_path / "m")
    assert not (tmp_path / "m").exists()
    assert objects.get("bucket", "loose/a/w.bin") == b"W"


@pytest.mark.parametrize(("limit", "fits"), [(3000, True), (2999, False)])
def test_the_copies_that_hard_links_are_count_as_bytes_of_the_archive(tmp_path: Path, limit: int, fits: bool) -> None:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        member = tarfile.TarInfo("a")
        member.size = 1000
        tar.addfile(member, io.BytesIO(b"A" * 1000))
        for name in ("b", "c"):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.LNKTYPE, "a"
            tar.addfile(link)
    body.seek(0)
    if fits:
        assert unpack(body, UntrustedFolder(tmp_path / "m"), ArchiveLimits(bytes=limit)) == 3000
        return
    with pytest.raises(BadModelData, match="hard link 'c' the model archive holds too many bytes"):
        unpack(body, UntrustedFolder(tmp_path / "m"), ArchiveLimits(bytes=limit))


def test_unpacking_is_given_up_between_two_pieces(tmp_path: Path) -> None:
    asked = iter([False, False, True])
    with pytest.raises(Interrupted):
        unpack(archive(("a", bytes(3 << 20), None)), UntrustedFolder(tmp_path / "m"), interrupt=lambda: next(asked))
    assert (tmp_path / "m" / "a").stat().st_size == 1 << 20
