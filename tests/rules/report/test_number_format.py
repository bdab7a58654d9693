"""Numbers, shares and durations as a person reads them."""

import pytest

from rules.report.number_format import clock_time, duration, number, percent


def test_a_time_on_a_clock() -> None:
    assert [clock_time(value) for value in (20, 80, 3665)] == ["0:20", "1:20", "1:01:05"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.12345, "0.123"),
        (12.3456, "12.3"),
        (999.7, "1,000"),
        (1234.5, "1,234"),
        (1.2e-7, "1.2e-7"),
        (0, "0"),
        (3, "3"),
        (None, "–"),
        (1e12, "1e12"),
    ],
)
def test_numbers(value: float | None, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (3.4e-4, "340 µs"),
        (0.0123, "12.3 ms"),
        (4.56, "4.56 s"),
        (0, "0 s"),
        (200, "3 min 20 s"),
        (60, "1 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_shares() -> None:
    assert [percent(value) for value in (0, 0.01, 12.34)] == ["0.0 %", "< 0.1 %", "12.3 %"]
