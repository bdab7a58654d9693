"""scripts.aws.nearest_line: which line a regex was meant for, told without running it."""

import time

import pytest

from scripts.aws.nearest_line import MOST_LINES, explained, nearest, sample

LOG = [
    "2026-11-28 INFO start",
    "Epoch 1 of 3",
    "INFO:__main__:Test set: average loss = 0.5312, accuracy = 71 %",
    "INFO:__main__:Test set: average loss = 0.4312, accuracy = 81 %",
    "Training loss 0.61 after 120 pictures",
    "saved the model",
]


@pytest.mark.parametrize(
    ("regex", "text"),
    [
        (r"Test set: Average loss: ([0-9\.]+)", "Test set: Average loss: 0"),
        (r"\((\d+)%\)", "(0%)"),
        (r"(?i)loss=(?P<value>[-+]?\d+(?:\.\d+)?);", "loss=00.0;"),
        (r"^Epoch\s\d{1,3}\b.*?acc[^]x]a$", "Epoch 0acc0a"),
        (r"a|b\\c", r"a b\c"),
        (r"[\]x]y(?<=y)(?#", "0yy#"),
    ],
)
def test_a_regex_becomes_a_text_that_it_stands_for(regex: str, text: str) -> None:
    assert sample(regex) == text


@pytest.mark.parametrize(
    ("regex", "place"),
    [
        (r"Test set: Average loss: ([0-9\.]+)", 2),
        (r"test loss: ([0-9.]+)", 2),
        (r"Train Loss: ([0-9.]+)", 4),
        (r"\((\d+)%\)", None),
        (r"([0-9.]+)", None),
        (r"throughput: ([0-9.]+) pictures/s", None),
    ],
)
def test_the_nearest_line_is_found_whatever_its_case_and_its_numbers(regex: str, place: int | None) -> None:
    assert nearest(regex, LOG) == (None if place is None else LOG[place])


def test_lines_that_differ_in_numbers_count_as_one_and_no_more_than_the_limit_is_looked_at() -> None:
    many = [f"step {number} of 9000: 0.{number}" for number in range(3 * MOST_LINES)]
    assert nearest("Loss: ([0-9.]+)", [*many, "loss = 1"]) == "loss = 1"
    words = ["".join("abcdefghij"[int(digit)] for digit in str(number)) for number in range(MOST_LINES - 1)]
    assert nearest("Loss: ([0-9.]+)", [*words, "loss = 1"]) == "loss = 1"
    assert nearest("Loss: ([0-9.]+)", [*words, "zz", "loss = 1"]) is None


def test_a_regex_that_backtracks_and_long_lines_cost_little() -> None:
    start = time.process_time()
    assert nearest(r"loss (a+)+b: ([0-9.]+)", ["a" * 100_000] * 50 + ["loss aab 1"]) == "loss aab 1"
    assert time.process_time() - start < 2


def test_it_is_told_in_one_line() -> None:
    assert explained("Test loss: ([0-9]+)", LOG) == f"no line of the log matches 'Test loss: ([0-9]+)'; the nearest: {LOG[2]}"
    assert explained("xyz: ([0-9]+)", LOG).endswith("and none comes near")
