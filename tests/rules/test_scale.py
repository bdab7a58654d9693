"""Numbers and axes as a person reads them."""

import pytest

from rules.scale import clock, decades, finite, minutes, number, percent, smooth, span, thin, ticks


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
    assert decades(1e-4, 0.1) == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1])
    assert len(decades(1e-30, 1.0)) <= 8
    assert decades(20, 60) == [20, 30, 40, 50, 60]


def test_a_clock_has_round_times() -> None:
    assert minutes(0, 530) == [0, 120, 240, 360, 480] and minutes(3, 3) == [3]
    assert [clock(value) for value in (20, 80, 3665)] == ["0:20", "1:20", "1:01:05"]


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
    assert span(seconds) == shown


def test_shares() -> None:
    assert [percent(value) for value in (0, 0.01, 12.34)] == ["0.0 %", "< 0.1 %", "12.3 %"]


def test_thinning_keeps_every_peak_of_a_long_curve() -> None:
    points = [(float(at), 1000.0 if at == 77_777 else -5.0 if at == 12_345 else float(at % 7)) for at in range(100_000)]
    kept = thin(points)
    assert len(kept) <= 600 and (77_777.0, 1000.0) in kept and (12_345.0, -5.0) in kept
    assert [at for at, _ in kept] == sorted(at for at, _ in kept) and thin(points[:10]) == points[:10]


def test_smoothing_is_a_median_and_what_is_not_finite_is_left_out() -> None:
    assert [value for _, value in smooth([(0, 1.0), (1, 99.0), (2, 1.0), (3, 1.0)])] == [50.0, 1.0, 1.0, 1.0]
    assert finite([(0, 1), (1, None), (2, float("nan")), (3, float("inf")), (4, 2)]) == [(0.0, 1.0), (4.0, 2.0)]
