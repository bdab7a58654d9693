"""A long curve is thinned without losing a peak."""

from rules.checks.thinning import thin


def test_thinning_keeps_every_peak_of_a_long_curve() -> None:
    points = [(float(at), 1000.0 if at == 77_777 else -5.0 if at == 12_345 else float(at % 7)) for at in range(100_000)]
    kept = thin(points)
    assert len(kept) <= 600 and (77_777.0, 1000.0) in kept and (12_345.0, -5.0) in kept
    assert [at for at, _ in kept] == sorted(at for at, _ in kept) and thin(points[:10]) == points[:10]
