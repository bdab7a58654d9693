"""Following a log file: complete lines, offsets, long and odd ones; and metrics by regex."""

from pathlib import Path

import pytest

from local_sagemaker.containers.container_log import LogFollower, MetricScan, compile_definitions, tail
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


def test_a_flood_and_a_line_without_end_are_taken_in(tmp_path: Path) -> None:
    following = follower(tmp_path)
    (tmp_path / "log").write_bytes(b"".join(b"line %d\n" % number for number in range(200_000)))
    assert len(following.poll()) == 200_000
    with (tmp_path / "log").open("ab") as log:
        log.write(b"x" * (3 << 20))
    assert sum(map(len, following.poll(final=True))) == 3 << 20


def test_the_tail_is_one_short_line(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("\n".join(f"line {number}" for number in range(1000)) + "\n\n")
    assert tail(tmp_path / "log", lines=2) == "line 998 | line 999"
    assert tail(tmp_path / "absent") == ""


@pytest.mark.parametrize(
    ("regex", "lines", "last"),
    [
        (r"loss=([0-9.eE+-]+);", ["loss=1.5; loss=1.25;", "noise"], 1.25),
        (r"loss=(.*);", ["loss=0.5;", "loss=nan;", "loss=inf;", "loss=?;"], 0.5),
        (r"loss=(.*?)", ["loss=0.5"], None),
        (r"(loss)?=([0-9.]+)", ["=3"], None),
    ],
)
def test_the_first_group_is_the_number(regex: str, lines: list[str], last: float | None) -> None:
    scan = MetricScan(compile_definitions({"MetricDefinitions": [{"Name": "loss", "Regex": regex}]}), "loss")
    scan.feed(lines, 7.0)
    assert scan.last == ({} if last is None else {"loss": [last, 7.0]})
    assert scan.history[-1:] == ([] if last is None else [last])
