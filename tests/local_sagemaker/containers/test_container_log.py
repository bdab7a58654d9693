"""Following a log file: complete lines, offsets, long and odd ones; and metrics by regex."""

import math
from pathlib import Path

from local_sagemaker.containers.container_log import CHUNK, LogFollower, tail
from local_sagemaker.storage.log_events import Events


def follower(tmp_path: Path, offset: int = 0) -> LogFollower:
    return LogFollower(Events(tmp_path / "root"), "group", "stream", tmp_path / "log", offset)


def test_lines_come_when_they_are_complete_and_each_once(tmp_path: Path) -> None:
    following = follower(tmp_path)
    assert following.poll() == []
    log = (tmp_path / "log").open("ab", buffering=0)
    log.write("one\ntwö\r\nthr".encode())
    assert following.poll() == ["one", "twö"]
    assert following.poll() == []
    log.write(b"ee\n\nfive")
    assert following.poll() == ["three", ""]
    assert following.poll(final=True) == ["five"]
    again = follower(tmp_path, following.offset)
    log.write(b"six\n\xff\xfe\n")
    assert again.poll() == ["six", "��"]


def test_what_a_killed_server_had_appended_is_returned_again_and_kept_once(tmp_path: Path) -> None:
    """The offset that the next one starts with is older than what is in the stream, by less and by more than a piece."""
    lines = [f"line {number}" for number in range(100_000)]
    (tmp_path / "log").write_text("".join(f"{line}\n" for line in lines))
    killed = follower(tmp_path)
    first = killed.poll()
    known = killed.offset
    before = [*first, *killed.poll(), *killed.poll()]
    (tmp_path / "log").open("a").write("the last one")
    for offset, seen in ((known, len(first)), (killed.offset, len(before))):
        following, found = follower(tmp_path, offset), []
        while (piece := following.rest(math.inf)) is not None:
            found += piece
        assert found == [*lines[seen:], "the last one"]
    events = Events(tmp_path / "root").after("group", "stream", (0, 0), 0, 2**62, 10**6)
    assert [event.message for event in events] == [*lines, "the last one"]


def test_a_stream_that_follows_another_file_has_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("one\n")
    following = follower(tmp_path)
    following.poll()
    following.events.follow_anew("group", "stream")
    assert follower(tmp_path).poll() == ["one"]
    events = following.events.after("group", "stream", (0, 0), 0, 2**62, 10)
    assert [event.message for event in events] == ["one", "one"]
    following.events.delete_stream("group", "stream")
    assert following.events.followed("group", "stream") == 0
    assert follower(tmp_path).poll() == ["one"]
    following.events.delete_group("group")
    assert following.events.followed("group", "stream") == 0


def test_a_flood_and_a_line_without_end_are_taken_in(tmp_path: Path) -> None:
    following = follower(tmp_path)
    (tmp_path / "log").write_bytes(b"".join(b"line %d\n" % number for number in range(200_000)))
    taken = []
    while (lines := following.rest(math.inf)) is not None:
        taken.append(len(lines))
    assert sum(taken) == 200_000 and len(taken) == 9
    with (tmp_path / "log").open("ab") as log:
        log.write(b"x" * (3 << 20))
    assert [len(following.poll(final=True)[0]) for _ in range(12)] == [CHUNK] * 12 and following.behind
    assert following.poll(final=True) == [] and not following.behind


def test_a_progress_bar_is_cut_between_two_of_its_states(tmp_path: Path) -> None:
    following = follower(tmp_path)
    (tmp_path / "log").write_bytes(b"loss=0.123456\r" * 100_000)
    found = [*following.poll(), *following.poll(final=True)]
    assert all(state == "loss=0.123456" for piece in found for state in piece.split("\r"))


def test_what_came_too_fast_is_left_out_and_said(tmp_path: Path) -> None:
    following = follower(tmp_path)
    (tmp_path / "log").write_bytes(b"line\n" * CHUNK)
    assert following.rest(0.0) is not None
    assert following.offset == 5 * CHUNK and following.rest(0.0) is None
    first = following.events.after("group", "stream", (0, 0), 0, 2**62, 1)[0].message
    assert first == f"[platform] {4 * CHUNK:,} bytes of the log are left out here: they came faster than they can be kept."
    exact = follower(tmp_path / "exact")
    exact.path.parent.mkdir(exist_ok=True)
    exact.path.write_bytes(b"x" * CHUNK)
    assert len((exact.rest(0.0) or [""])[0]) == CHUNK, "what fits into one piece is never left out"


def test_the_tail_is_one_short_line(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("\n".join(f"line {number}" for number in range(1000)) + "\n\n")
    assert tail(tmp_path / "log", lines=2) == "line 998 | line 999"
    assert tail(tmp_path / "absent") == ""
