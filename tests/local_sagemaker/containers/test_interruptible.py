"""A file read piece by piece, and given up between two pieces."""

import io

import pytest

from local_sagemaker.containers.interruptible import PIECE, Interrupted, InterruptibleReader, never


def test_no_more_is_read_than_was_there_at_first() -> None:
    body = b"x" * (2 * PIECE) + b"later"
    assert [len(piece) for piece in InterruptibleReader(io.BytesIO(body), 2 * PIECE, never)] == [PIECE, PIECE]
    assert list(InterruptibleReader(io.BytesIO(b"short"), 100, never)) == [b"short"]
    reader = InterruptibleReader(io.BytesIO(b"abcdef"), 5, never)
    assert [reader.read(2), reader.read(2), reader.read(2), reader.read(2)] == [b"ab", b"cd", b"e", b""]


def test_it_is_given_up_before_the_next_piece() -> None:
    asked = False
    reader = InterruptibleReader(io.BytesIO(b"abc"), 3, lambda: asked)
    assert reader.read(1) == b"a"
    asked = True
    with pytest.raises(Interrupted):
        reader.read(1)
