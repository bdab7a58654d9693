"""The importance of a hyperparameter says how much it mattered in a tuning job, judged from the trials alone.

The measure: the trials are put into three to five groups by the hyperparameter's value (equal numbers; a group for each value
of a categorical one), and the share of the objective's ranks that the groups explain is taken, less what chance would
explain: the epsilon squared of the Kruskal-Wallis test. Unlike a correlation it sees an optimum in the middle. It says nothing
of hyperparameters that matter only together.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST = 10
"""Trials with an objective below which nothing is said."""


def importance(values: Sequence[float | str], objective: Sequence[float]) -> float | None:
    """0 (no more than chance) to 1; None where there are too few trials or the hyperparameter had one value."""
    if len(objective) < FEWEST:
        return None
    ranks, groups = ranked(np.asarray(objective, dtype=float)), grouped(values)
    used = [ranks[groups == group] for group in np.unique(groups)]
    if len(used) < 2 or len(ranks) <= len(used):
        return None
    whole = float(((ranks - ranks.mean()) ** 2).sum())
    if not whole:
        return None
    between = sum(len(part) * float((part.mean() - ranks.mean()) ** 2) for part in used)
    count, kinds = len(ranks), len(used)
    statistic = (count - 1) * between / whole
    return max(0.0, min(1.0, (statistic - kinds + 1) / (count - kinds)))


def ranked(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]


def grouped(values: Sequence[float | str]) -> NDArray[np.signedinteger[Any]]:
    """A group's number for each value: of words and of few different numbers one each, else groups of about equal size."""
    known = np.unique(np.asarray(values))
    wanted = min(5, max(3, len(values) // 8))
    if any(isinstance(value, str) for value in values) or len(known) <= wanted:
        return np.searchsorted(known, np.asarray(values))
    ranks = ranked(np.asarray(values, dtype=float))
    return np.minimum((ranks - 0.5) * wanted / len(ranks), wanted - 1).astype(int)


def trend(values: Sequence[float | str], objective: Sequence[float]) -> float | None:
    """Spearman's rank correlation, -1 to 1; None for words and for a single value."""
    if any(isinstance(value, str) for value in values) or len(values) < 3:
        return None
    one, other = ranked(np.asarray(values, dtype=float)), ranked(np.asarray(objective, dtype=float))
    if one.std() == 0 or other.std() == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])
