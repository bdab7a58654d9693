"""The median rule and Hyperband's rungs, on numbers alone."""

from local_sagemaker.jobs.early_stopping import Hyperband, worse_than_median


def test_the_median_rule_compares_with_running_averages_of_ended_jobs() -> None:
    ended = [[1.0, 0.8, 0.6], [1.0, 0.6, 0.4], [1.0, 0.7, 0.5], [1.0, 0.9, 0.8]]
    assert not worse_than_median([1.0], ended, maximize=False)
    assert not worse_than_median([1.5, 0.85], ended, maximize=False)  # the median of 0.9, 0.8, 0.85, 0.95 is 0.875
    assert worse_than_median([0.1, 0.9], ended, maximize=False)
    assert worse_than_median([0.1, 0.8], ended, maximize=True)
    assert not worse_than_median([9.0], ended[:3], maximize=False)
    assert not worse_than_median([9.0, 9.0, 9.0, 9.0], ended, maximize=False)


def test_hyperband_stops_the_worse_of_a_rung_and_everyone_at_the_end() -> None:
    band = Hyperband(1, 9, maximize=True)
    assert not band.should_stop(0, [0.9])
    assert band.should_stop(3, [0.1])
    assert not band.should_stop(6, [0.95])
    assert not band.should_stop(2, [0.0] * 9)  # the bracket of those that run to the end
    assert band.should_stop(2, [0.0] * 10)
