"""Log events: the store below (events.py), and CloudWatch Logs through boto3."""

import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local_sagemaker.storage.log_events import Events
from tests.support.local_server import LocalServer


def test_appending_makes_group_and_stream_and_is_fast(tmp_path: Path) -> None:
    events = Events(tmp_path)
    lines = [f"epoch {number} loss=0.{number};" for number in range(1000)]
    began = time.monotonic()
    for _ in range(20):
        events.append("/g", "job/algo-1", lines)
    seconds = time.monotonic() - began
    print(f"20,000 lines in {seconds:.2f} s")
    assert events.streams("/g")[0]["name"] == "job/algo-1" and seconds < 10
    page = events.after("/g", "job/algo-1", (0, 0), 0, 2**62, 50)
    assert [event.message for event in page] == lines[:50]


def test_a_line_of_broken_text_is_kept_as_well_as_can_be(tmp_path: Path) -> None:
    events = Events(tmp_path)
    events.append("/g", "s", ["a\ud800b", "x" * 400_000, "\x00\x1b"])
    kept = [event.message for event in events.after("/g", "s", (0, 0), 0, 2**62, 9)]
    assert kept[0] == "a?b" and len(kept[1]) == 262_118 and kept[2] == "\x00\x1b"


@pytest.fixture(scope="module")
def stream(server: LocalServer) -> dict:
    """A stream of 25 lines, two milliseconds apart."""
    where = {"logGroupName": "/group", "logStreamName": "stream"}
    server.logs.create_log_group(logGroupName="/group")
    server.logs.create_log_stream(**where)
    lines = [
        {"timestamp": 1_000_000 + 2 * number, "message": f"line {number} {'odd' if number % 2 else 'even'}"}
        for number in range(25)
    ]
    server.logs.put_log_events(**where, logEvents=lines)
    return where


def numbers(answer: dict) -> list[int]:
    return [int(event["message"].split()[1]) for event in answer["events"]]


def test_a_stream_is_read_forward_page_by_page_until_the_token_repeats(server: LocalServer, stream: dict) -> None:
    found, token = [], None
    while True:
        answer = server.logs.get_log_events(**stream, startFromHead=True, limit=10, **({"nextToken": token} if token else {}))
        found += numbers(answer)
        if answer["nextForwardToken"] == token:
            break
        token = answer["nextForwardToken"]
    assert found == list(range(25))
    server.logs.put_log_events(**stream, logEvents=[{"timestamp": 2_000_000, "message": "line 25 odd"}])
    assert numbers(server.logs.get_log_events(**stream, nextToken=token)) == [25]


def test_a_stream_is_read_from_its_end_and_backward(server: LocalServer, stream: dict) -> None:
    last = server.logs.get_log_events(**stream, limit=5, endTime=2_000_000)
    assert numbers(last) == [20, 21, 22, 23, 24]
    before = server.logs.get_log_events(**stream, limit=5, nextToken=last["nextBackwardToken"])
    assert numbers(before) == [15, 16, 17, 18, 19]
    between = server.logs.get_log_events(**stream, startFromHead=True, startTime=1_000_004, endTime=1_000_008)
    assert numbers(between) == [2, 3]


@pytest.mark.parametrize("head", [True, False])
def test_a_reader_that_comes_before_the_first_line_sees_it(server: LocalServer, head: bool) -> None:
    where = {"logGroupName": f"/early-{head}", "logStreamName": "s"}
    server.logs.create_log_group(logGroupName=where["logGroupName"])
    server.logs.create_log_stream(**where)
    token = server.logs.get_log_events(**where, startFromHead=head)["nextForwardToken"]
    server.logs.put_log_events(**where, logEvents=[{"timestamp": int(time.time() * 1000), "message": "line 1 first"}])
    assert numbers(server.logs.get_log_events(**where, nextToken=token)) == [1]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("even", 13), ("line odd", 12), ('"line 7 odd"', 1), ("line -even", 12), ("nothing", 0), ("", 25)],
)
def test_lines_are_filtered_by_terms(server: LocalServer, stream: dict, pattern: str, expected: int) -> None:
    pages = server.logs.get_paginator("filter_log_events").paginate(
        logGroupName="/group", filterPattern=pattern, endTime=1_999_999, PaginationConfig={"PageSize": 4}
    )
    assert sum(len(page["events"]) for page in pages) == expected


@pytest.mark.parametrize("pattern", ["{ $.a = 1 }", "[a, b]", "?a ?b", "%regex%"])
def test_a_pattern_of_the_pattern_language_is_refused_by_name(server: LocalServer, stream: dict, pattern: str) -> None:
    with pytest.raises(ClientError, match="filterPattern"):
        server.logs.filter_log_events(logGroupName="/group", filterPattern=pattern)


def test_streams_are_listed_by_name_and_by_last_event(server: LocalServer, stream: dict) -> None:
    server.logs.create_log_stream(logGroupName="/group", logStreamName="another")
    by_time = server.logs.describe_log_streams(logGroupName="/group", orderBy="LastEventTime", descending=True)["logStreams"]
    assert [one["logStreamName"] for one in by_time] == ["stream", "another"]
    pages = server.logs.get_paginator("describe_log_streams").paginate(logGroupName="/group", PaginationConfig={"PageSize": 1})
    assert [one["logStreamName"] for page in pages for one in page["logStreams"]] == ["another", "stream"]


@pytest.mark.parametrize("token", ["x", "f/1", "f/1/2/3", "../../x"])
def test_a_token_that_was_never_given_is_refused(server: LocalServer, stream: dict, token: str) -> None:
    with pytest.raises(ClientError, match="nextToken is invalid"):
        server.logs.get_log_events(**stream, nextToken=token)


def test_lines_out_of_order_are_refused(server: LocalServer, stream: dict) -> None:
    events = [{"timestamp": 5, "message": "b"}, {"timestamp": 4, "message": "a"}]
    with pytest.raises(ClientError, match="chronological order"):
        server.logs.put_log_events(**stream, logEvents=events)


def test_a_batch_may_be_as_large_as_the_limit_and_a_full_page_of_groups_is_the_last(server: LocalServer) -> None:
    """26 bytes an event are CloudWatch's own; four events fill the 1,048,576 bytes to the last one."""
    where = {"logGroupName": "/limit/0", "logStreamName": "s"}
    for number in range(3):
        server.logs.create_log_group(logGroupName=f"/limit/{number}")
    server.logs.create_log_stream(**where)
    lines = [{"timestamp": 1_000_000, "message": "x" * (262_144 - 26)} for _ in range(4)]
    server.logs.put_log_events(**where, logEvents=lines)
    lines[-1] = {"timestamp": 1_000_000, "message": "x" * (262_144 - 25)}
    with pytest.raises(ClientError, match="Upload too large"):
        server.logs.put_log_events(**where, logEvents=lines)
    for limit, more in ((2, True), (3, False), (4, False)):
        answer = server.logs.describe_log_groups(logGroupNamePrefix="/limit/", limit=limit)
        assert len(answer["logGroups"]) == min(limit, 3) and ("nextToken" in answer) == more
