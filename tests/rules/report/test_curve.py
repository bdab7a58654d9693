"""A noisy curve is smoothed by its median."""

from rules.report.curve import finite_points, running_median


def test_smoothing_is_a_median_and_what_is_not_finite_is_left_out() -> None:
    assert [value for _, value in running_median([(0, 1.0), (1, 99.0), (2, 1.0), (3, 1.0)])] == [50.0, 1.0, 1.0, 1.0]
    assert finite_points([(0, 1), (1, None), (2, float("nan")), (3, float("inf")), (4, 2)]) == [(0.0, 1.0), (4.0, 2.0)]
