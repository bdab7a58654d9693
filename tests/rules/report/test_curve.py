"""A long curve is thinned without losing a peak; a noisy one is smoothed by its median."""

from rules.report.curve import finite_points, running_median, thin


def test_thinning_keeps_every_peak_of_a_long_curve() -> None:
    points = [(float(at), 1000.0 if at == 77_777 else -5.0 if at == 12_345 else float(at % 7)) for at in range(100_000)]
    kept = thin(points)
    assert len(kept) <= 600 and (77_777.0, 1000.0) in kept and (12_345.0, -5.0) in kept
    assert [at for at, _ in kept] == sorted(at for at, _ in kept) and thin(points[:10]) == points[:10]


def test_smoothing_is_a_median_and_what_is_not_finite_is_left_out() -> None:
    assert [value for _, value in running_median([(0, 1.0), (1, 99.0), (2, 1.0), (3, 1.0)])] == [50.0, 1.0, 1.0, 1.0]
    assert finite_points([(0, 1), (1, None), (2, float("nan")), (3, float("inf")), (4, 2)]) == [(0.0, 1.0), (4.0, 2.0)]
