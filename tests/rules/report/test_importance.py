"""The measure of importance: sees what matters in any shape, nothing in noise, and says when there is too little."""

import numpy as np
import pytest

from rules.report.importance import FEWEST, grouped, importance, ranked, trend

CHOICE = np.random.default_rng(0)


def test_ranks_share_the_mean_where_values_are_equal() -> None:
    assert ranked(np.array([30.0, 10.0, 20.0, 10.0])).tolist() == [4, 1.5, 3, 1.5]


def test_any_shape_that_decides_is_found() -> None:
    values = CHOICE.uniform(-1, 1, 60)
    for shape in (values, values**2, -np.abs(values), np.where(values > 0.3, 1.0, 0.0)):
        found = importance(list(values), list(shape))
        assert found is not None and found > 0.5
    assert abs(trend(list(values), list(values**2)) or 0.0) < 0.4 and trend(list(values), list(values)) == pytest.approx(1)


def test_noise_is_no_more_than_chance_on_average() -> None:
    found = [importance(list(CHOICE.uniform(size=20)), list(CHOICE.uniform(size=20))) for _ in range(300)]
    assert np.median(found) < 0.05 and np.mean(found) < 0.12


def test_words_are_groups() -> None:
    assert importance(["a", "b"] * 10, [0.0, 1.0] * 10) == 1.0 and trend(["a", "b"] * 5, [1.0] * 10) is None
    assert grouped(["b", "a", "b"]).tolist() == [1, 0, 1]


def test_groups_of_numbers_are_about_equal() -> None:
    counts = np.bincount(grouped(list(CHOICE.uniform(size=41))))
    assert len(counts) == 5 and counts.max() - counts.min() <= 1
    assert sorted(set(grouped([32.0, 64.0] * 10))) == [0, 1]


def test_too_little_says_nothing() -> None:
    assert importance([1.0] * (FEWEST - 1), [1.0] * (FEWEST - 1)) is None
    assert importance([5.0] * 20, list(range(20))) is None and importance(list(range(20)), [1.0] * 20) is None
    assert trend([1.0, 2.0], [1.0, 2.0]) is None and trend([1.0] * 5, [1.0, 2.0, 3.0, 4.0, 5.0]) is None
