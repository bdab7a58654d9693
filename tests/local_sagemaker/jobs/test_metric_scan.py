"""Metrics by regex: which text is the number, how much of a line is looked at, and how long."""

import hashlib
import threading
import time

import pytest
import regex

from local_sagemaker.jobs.metric_scan import HISTORY_LIMIT, LINE_LIMIT, LINE_SECONDS, MetricScan, compile_definitions


def scan_of(regex: str) -> MetricScan:
    return MetricScan(compile_definitions({"MetricDefinitions": [{"Name": "loss", "Regex": regex}]}), "loss")


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
    scan = scan_of(regex)
    scan.feed(lines, 7.0)
    assert scan.last == ({} if last is None else {"loss": [last, 7.0]})
    assert scan.history[-1:] == ([] if last is None else [last])


def test_a_line_is_looked_at_as_far_as_the_limit_and_more_is_said() -> None:
    scan = scan_of(r"=([0-9])")
    scan.feed(["x" * (LINE_LIMIT - 2) + "=1"], 7.0)
    assert scan.last == {"loss": [1.0, 7.0]} and not scan.notices
    scan.feed(["x" * (LINE_LIMIT - 1) + "=2"] * 3, 8.0)
    assert scan.last == {"loss": [1.0, 7.0]} and len(scan.notices) == 1 and "8,192 characters" in scan.notices[0]


def test_a_carriage_return_ends_a_line_and_the_history_has_an_end() -> None:
    scan = scan_of(r"^loss=([0-9]+)$")
    scan.feed(["\r".join(f"loss={number}" for number in range(HISTORY_LIMIT))], 7.0)
    assert scan.last == {"loss": [HISTORY_LIMIT - 1.0, 7.0]} and len(scan.history) == HISTORY_LIMIT
    scan.feed(["loss=7"], 8.0)
    assert scan.last == {"loss": [7.0, 8.0]} and len(scan.history) == HISTORY_LIMIT


def test_an_expression_that_takes_too_long_is_given_up_alone() -> None:
    definitions = [{"Name": "slow", "Regex": "^(a|aa)+$"}, {"Name": "loss", "Regex": "loss=([0-9.]+)"}]
    scan = MetricScan(compile_definitions({"MetricDefinitions": definitions}))
    scan.feed(["a" * 60 + "b loss=0.5", "loss=0.25"], 7.0)
    assert scan.given_up == [0] and scan.last == {"loss": [0.25, 7.0]}
    assert "Metric 'slow'" in scan.notices[0] and "'^(a|aa)+$'" in scan.notices[0]


def test_what_other_threads_do_does_not_count_against_a_regex() -> None:
    """They hash, which lets this thread search at the same time; the regex takes a fifth of what it may."""
    pattern = regex.compile(r"(a|a)+b([0-9])")
    lengths = iter(range(8, 40))

    def seconds(line: str) -> float:
        began = time.thread_time()
        list(pattern.finditer(line))
        return time.thread_time() - began

    line = next(line for line in ("a" * length for length in lengths) if seconds(line) > LINE_SECONDS / 5)
    over = threading.Event()

    def hash_on() -> None:
        while not over.is_set():
            hashlib.sha256(bytes(1 << 24))

    threads = [threading.Thread(target=hash_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        scan = MetricScan([("loss", pattern)])
        scan.feed([line] * 10, 1.0)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert scan.given_up == [] and scan.notices == []
