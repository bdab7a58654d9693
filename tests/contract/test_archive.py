"""model.tar.gz: equal folders give equal bytes; nothing in a hostile archive does harm, on any Python."""

import gzip
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.archive import NAME_BYTES, Limits, pack, unpack
from contract.errors import ArchiveError

ROOT = Path(__file__).resolve().parents[2]
SMALL = Limits(members=20, bytes=1 << 20)


def member(name: str, body: bytes = b"x", **changes) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.size = len(body)
    for field, value in changes.items():
        setattr(entry, field, value)
    return entry, body


def test_the_folder_itself_may_have_no_name_and_a_file_may_not(tmp_path: Path) -> None:
    """As SageMaker's SDK packs a model with new code."""
    (tmp_path / "sdk.tar.gz").write_bytes(build(member("", b"", type=tarfile.DIRTYPE), member("a")))
    unpack(tmp_path / "sdk.tar.gz", tmp_path / "m")
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["a"]
    (tmp_path / "bad.tar.gz").write_bytes(build(member("")))
    with pytest.raises(ArchiveError, match="not a plain relative name"):
        unpack(tmp_path / "bad.tar.gz", tmp_path / "n")


def link(name: str, target: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, b"", type=kind, linkname=target)


def build(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=form) as tar:
        for entry, body in members:
            tar.addfile(entry, io.BytesIO(body))
    return buffer.getvalue()


def giant_header() -> bytes:
    """A pax header that claims two gigabytes of itself."""
    entry = tarfile.TarInfo("pax")
    entry.type, entry.size = tarfile.XHDTYPE, 2 << 30
    return gzip.compress(entry.tobuf(tarfile.USTAR_FORMAT) + b"\0" * 4096)


def zeros() -> bytes:
    """64 MiB of zeros in a few kilobytes, honestly declared."""
    return build(member("zeros", b"\0" * (64 << 20)))


def sparse() -> bytes:
    entry = tarfile.TarInfo("holes")
    entry.type, entry.size = tarfile.GNUTYPE_SPARSE, 0
    return gzip.compress(entry.tobuf(tarfile.GNU_FORMAT) + b"\0" * 10240)


def endless(kind: bytes, content: bytes, count: int) -> bytes:
    """A header of a header of a header."""
    entry = tarfile.TarInfo("header")
    entry.type, entry.size = kind, len(content)
    padded = content + b"\0" * (-len(content) % 512)
    return gzip.compress((entry.tobuf(tarfile.GNU_FORMAT) + padded) * count, 1)


def sparse_map() -> bytes:
    """A sparse file whose map goes on and on."""
    first = bytearray(gzip.decompress(sparse())[:512])
    first[482] = 1  # there is more of it
    first[148:156] = b" " * 8
    first[148:156] = b"%06o\0 " % sum(first)
    return gzip.compress(bytes(first) + (b"00000000001\0" * 42 + b"\1" + b"\0" * 7) * 50_000, 1)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "dot dot": lambda: build(member("../escaped")),
    "dot dot inside": lambda: build(member("a/../../escaped")),
    "absolute": lambda: build(member("/tmp/kennel-escaped")),
    "backslash": lambda: build(member("..\\escaped")),
    "drive": lambda: build(member("C:/escaped")),
    "control character": lambda: build(member("a\nb")),
    "long part": lambda: build(member("a" * 300)),
    "symlink": lambda: build(link("l", "/etc", tarfile.SYMTYPE), member("l/escaped")),
    "hard link": lambda: build(link("l", "/etc/passwd", tarfile.LNKTYPE)),
    "device": lambda: build(member("d", b"", type=tarfile.CHRTYPE)),
    "fifo": lambda: build(member("f", b"", type=tarfile.FIFOTYPE)),
    "same name": lambda: build(member("a"), member("a")),
    "case clash": lambda: build(member("model.json"), member("MODEL.json")),
    "unicode clash": lambda: build(member("caf\u00e9"), member("cafe\u0301")),
    "folder over file": lambda: build(member("a"), member("a/b")),
    "file over folder": lambda: build(member("a/b"), member("a")),
    "many": lambda: build(*(member(f"f{n}") for n in range(30))),
    "giant header": giant_header,
    "headers without end": lambda: endless(tarfile.XHDTYPE, b"11 a=12345\n" * 90_000, 64),
    "names without end": lambda: endless(tarfile.GNUTYPE_LONGNAME, b"n" * 1000, 60_000),
    "sparse map without end": sparse_map,
    "zeros": zeros,
    "sparse": sparse,
    "cut short": lambda: build(member("a", os.urandom(5000)))[:-2000],
    "not gzip": lambda: b"hello",
    "not tar": lambda: gzip.compress(b"hello" * 500),
}


def snapshot(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused_and_leave_nothing(name: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    archive = tmp_path / "in" / "model.tar.gz"
    archive.write_bytes(HOSTILE[name]())
    before = snapshot(tmp_path)
    with pytest.raises(ArchiveError):
        unpack(archive, tmp_path / "out", SMALL)
    assert snapshot(tmp_path) == before
    assert not Path("/tmp/kennel-escaped").exists()


def honest(folder: Path) -> None:
    (folder / "sub" / "empty").mkdir(parents=True)
    (folder / "model.json").write_text("{}")
    (folder / "sub" / "weights.bin").write_bytes(bytes(range(256)) * 5000)
    (folder / "sub" / "0 bytes").touch()


def test_packed_twice_is_the_same_bytes_and_comes_back_whole(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        honest(folder)
    os.utime(second / "model.json", (1, 1))
    (second / "model.json").chmod(0o600)
    pack(first, tmp_path / "a.tar.gz")
    pack(second, tmp_path / "b.tar.gz")
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    assert (tmp_path / "out" / "sub" / "weights.bin").read_bytes() == (first / "sub" / "weights.bin").read_bytes()
    assert snapshot(tmp_path / "out") == snapshot(first) - {"sub/empty"}


def test_an_archive_made_by_tar_itself_unpacks(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    honest(tmp_path / "in")
    subprocess.run(["tar", "czf", tmp_path / "m.tar.gz", "-C", tmp_path / "in", "."], check=True)
    unpack(tmp_path / "m.tar.gz", tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "in")


def test_links_are_not_packed_and_full_folders_not_unpacked_into(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "l").symlink_to("/etc/passwd")
    with pytest.raises(ArchiveError, match="l: only regular"):
        pack(tmp_path / "in", tmp_path / "a.tar.gz")
    assert not (tmp_path / "a.tar.gz").exists()
    with pytest.raises(ArchiveError, match="not empty"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "in")


CORPUS = """
import sys, tarfile
from pathlib import Path
if "strip" in sys.argv:
    for name in [n for n in dir(tarfile) if n.endswith("_filter")]:
        delattr(tarfile, name)
from contract.archive import Limits, unpack
from contract.errors import ArchiveError
for archive in sorted(Path(sys.argv[1]).glob("*.tgz")):
    try:
        unpack(archive, Path(sys.argv[2]) / archive.stem, Limits(members=20, bytes=1 << 20))
        print(archive.stem, "unpacked")
    except ArchiveError as error:
        print(archive.stem, error)
"""


def test_same_answers_with_and_without_tarfiles_filters(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name, make in HOSTILE.items():
        (corpus / f"{name}.tgz").write_bytes(make())
    (corpus / "honest.tgz").write_bytes(build(member("./a/b"), member("c")))
    answers = {}
    pythons = [(sys.executable, []), (sys.executable, ["strip"])]
    system = "/usr/bin/python3.11"  # Debian's 3.11.2 has no filters at all
    pythons += [(system, [])] if Path(system).exists() else []
    for number, (python, flags) in enumerate(pythons):
        command = [python, "-c", CORPUS, corpus, tmp_path / f"out{number}", *flags]
        answers[number] = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=True).stdout
    assert "honest unpacked" in answers[0] and answers[0].count("unpacked\n") == 1
    assert len(set(answers.values())) == 1


@pytest.mark.parametrize(
    ("count", "size", "words"),
    [(20, 10, ""), (21, 10, "more than 20 members"), (2, 1 << 19, ""), (2, (1 << 19) + 1, "1,048,576 bytes")],
)
def test_a_limit_is_what_may_be_and_one_more_is_refused(count: int, size: int, words: str, tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(build(*(member(f"file-{number}", b"x" * size) for number in range(count))))
    if not words:
        unpack(archive, tmp_path / "out", SMALL)
        assert len(list((tmp_path / "out").iterdir())) == count
        return
    with pytest.raises(ArchiveError, match=words):
        unpack(archive, tmp_path / "out", SMALL)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("blocks", [0, 1])
def test_headers_of_one_member_have_a_limit(blocks: int, tmp_path: Path) -> None:
    """A long comment, its own header and the member's: what tarfile reads before it gives the member."""
    records = (1 << 20) - 2 * 512 + blocks * 512
    comment = b"comment=" + b"x" * (records - len(f"{records} comment=\n")) + b"\n"
    entry, named = tarfile.TarInfo("pax"), tarfile.TarInfo("named")
    entry.type, entry.size = tarfile.XHDTYPE, records
    body = entry.tobuf(tarfile.USTAR_FORMAT) + f"{records} ".encode() + comment + named.tobuf(tarfile.USTAR_FORMAT)
    (tmp_path / "a.tgz").write_bytes(gzip.compress(body + b"\0" * 1024))
    if not blocks:
        unpack(tmp_path / "a.tgz", tmp_path / "out")
        assert snapshot(tmp_path / "out") == {"named"}
    else:
        with pytest.raises(ArchiveError, match="the headers of a member are longer than 1,048,576 bytes"):
            unpack(tmp_path / "a.tgz", tmp_path / "out")


@pytest.mark.parametrize(("length", "taken"), [(NAME_BYTES, True), (NAME_BYTES + 1, False)])
def test_a_name_has_a_limit_however_many_folders_it_leads_through(length: int, taken: bool, tmp_path: Path) -> None:
    name = "a/" * ((length - 1) // 2) + "b" * (1 + (length - 1) % 2)
    (tmp_path / "x.tar.gz").write_bytes(build(member(name)))
    if taken:
        unpack(tmp_path / "x.tar.gz", tmp_path / "out")
        assert (tmp_path / "out" / name).read_bytes() == b"x"
    else:
        with pytest.raises(ArchiveError, match="not a plain relative name"):
            unpack(tmp_path / "x.tar.gz", tmp_path / "out")
