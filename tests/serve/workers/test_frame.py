"""Frames: what is packed comes out again, in one piece and in any pieces, and half a frame is none yet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.workers import frame

PARTS = st.lists(st.tuples(st.dictionaries(st.sampled_from("abc"), st.text(max_size=5)), st.binary(max_size=40)), max_size=4)


def _told(parts: list[frame.Part]) -> list[frame.Part]:
    return [({**fields, "size": len(body)}, body) for fields, body in parts]


@given(st.lists(PARTS, max_size=4), st.lists(st.integers(1, 30), min_size=1, max_size=9))
def test_any_frames_in_any_pieces_come_out_as_they_were(frames: list[list[frame.Part]], pieces: list[int]) -> None:
    data = b"".join(frame.pack(parts) for parts in frames)
    reader, found, turn = frame.Frames(), [], 0
    while data:
        size = pieces[turn % len(pieces)]
        found += reader.feed(data[:size])
        data, turn = data[size:], turn + 1
    assert found == [_told(parts) for parts in frames]


@given(PARTS.filter(bool), st.data())
def test_a_frame_that_is_cut_off_is_none_yet(parts: list[frame.Part], data: st.DataObject) -> None:
    whole, reader = frame.pack(parts), frame.Frames()
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert list(reader.feed(whole[:cut])) == []
    assert list(reader.feed(whole[cut:])) == [_told(parts)]


@pytest.mark.parametrize("over", [0, 1])
def test_a_frame_has_a_limit(over: int) -> None:
    whole = frame.pack([({"a": "b"}, b"c" * 50)])
    reader = frame.Frames(len(whole) - over)
    if over:
        with pytest.raises(ValueError, match="a frame over"):
            list(reader.feed(whole))
    else:
        assert list(reader.feed(whole)) == [[({"a": "b", "size": 50}, b"c" * 50)]]
