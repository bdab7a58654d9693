"""The numbers on an axis are round, few and within it."""

import pytest

from rules.report.axis_ticks import clock_ticks, log_ticks, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.1, 0.9, [0.2, 0.4, 0.6, 0.8]),
        (-50, 80, [-40, -20, 0, 20, 40, 60, 80]),
        (3, 3, [3]),
    ],
)
def test_ticks_are_round_and_inside(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == expected


def test_ticks_of_any_range_are_few_and_inside() -> None:
    for power in range(-12, 13):
        for width in (1.0, 1.3, 2.7, 4.9, 9.99):
            low, high = 0.3 * 10.0**power, (0.3 + width) * 10.0**power
            found = ticks(low, high)
            assert 2 <= len(found) <= 10 and low <= found[0] + 1e-9 * high and found[-1] <= high * (1 + 1e-9)


def test_a_logarithmic_axis_has_powers_of_ten_and_a_short_one_has_ticks() -> None:
    assert log_ticks(1e-4, 0.1) == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1])
    assert len(log_ticks(1e-30, 1.0)) <= 8
    assert log_ticks(20, 60) == [20, 30, 40, 50, 60]


def test_a_clock_has_round_times() -> None:
    assert clock_ticks(0, 530) == [0, 120, 240, 360, 480] and clock_ticks(3, 3) == [3]
