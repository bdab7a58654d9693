"""Whatever a model archive holds, its members are read within the limits, or BadArchive says why not, and nothing leads out."""

import contextlib
import gzip
import io
import tarfile

from hypothesis import example, given
from hypothesis import strategies as st

from local_sagemaker.endpoints.bounded_archive import ArchiveLimits, BadArchive, members
from tests.support.fuzzing import MIB, bounded, fuzzed, mutated, peak

SMALL = ArchiveLimits(members=20, bytes=1 << 20, header_bytes=1 << 16, name_bytes=300)
MEMBERS = [("model.json", b"0", b"{}"), ("d", b"5", b""), ("d/é" + "x" * 120, b"0", b"abc"), ("l", b"2", b"")]


def tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as written:
        for name, kind, content in MEMBERS:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size, entry.linkname = kind, len(content), "model.json"
            written.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


TAR = tar()


def read(data: bytes) -> int:
    """Bytes of content that came."""
    total = 0
    with contextlib.suppress(BadArchive):
        for member in members(io.BytesIO(data), SMALL):
            assert len(member.name.encode(errors="surrogateescape")) <= SMALL.name_bytes
            if member.kind == "file":
                total += sum(len(piece) for piece in member.pieces())
    assert total <= SMALL.bytes
    return total


@fuzzed(150)
@given(mutated([TAR]))
def test_a_damaged_archive_is_read_or_refused(data: bytes) -> None:
    bounded(lambda: read(gzip.compress(data, 1)))


@fuzzed(40)
@given(mutated([gzip.compress(TAR)]))
@example(gzip.compress(TAR) * 3)
def test_damaged_gzip_is_read_or_refused(data: bytes) -> None:
    bounded(lambda: read(data))


@fuzzed(15)
@given(st.integers(0, 511), st.binary(min_size=1, max_size=12))
def test_no_header_costs_more_than_its_limit(place: int, new: bytes) -> None:
    data = bytearray(TAR)
    data[place : place + len(new)] = new
    assert peak(lambda: read(gzip.compress(bytes(data), 1))) < 4 * MIB
