"""The search of a tuning job: which hyperparameters to try next. When a try is not worth going on with: early_stopping.py.

It knows ranges, tries and numbers, never jobs or processes. Optuna proposes (TPE for Bayesian and Hyperband, uniform for
Random); Grid walks the product of the categories. Values go in and out as strings, as SageMaker passes them.

Auto scaling is logarithmic where all values are positive and the largest is at least a hundred times the smallest, else linear.
"""

import itertools
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

Strategy = Literal["Bayesian", "Random", "Grid", "Hyperband"]

AUTO_LOG_FROM = 100.0
"""Auto scaling is logarithmic from this ratio of largest to smallest."""
STARTUP_TRIES = 5
"""Tries at random before Bayesian search trusts what it has seen."""

optuna.logging.set_verbosity(logging.WARNING)


class BadRange(Exception):
    """The ranges cannot be searched: the sentence for ValidationException."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One hyperparameter: its Optuna distribution, and how its values become SageMaker's strings."""

    name: str
    distribution: BaseDistribution
    reverse: bool = False

    def text(self, value: Any) -> str:
        """The value as the training job gets it."""
        if self.reverse:
            return repr(1.0 - value)
        return value if isinstance(value, str) else repr(value)

    def value(self, text: str) -> Any:
        """The other way round. Raises ValueError when the text is not a value of this axis."""
        match self.distribution:
            case CategoricalDistribution(choices=choices):
                value: Any = choices[choices.index(text)]
            case IntDistribution():
                value = int(text)
            case FloatDistribution(low=low, high=high):
                value = 1.0 - float(text) if self.reverse else float(text)
                nearest = min(max(value, low), high)
                value = nearest if math.isclose(value, nearest, rel_tol=1e-9, abs_tol=1e-12) else value
        if not self.distribution._contains(self.distribution.to_internal_repr(value)):
            raise ValueError(f"{text} is outside the range of {self.name}")
        return value


def axes(ranges: Mapping[str, Any]) -> list[Axis]:
    """The axes of a request's ParameterRanges. Raises BadRange."""
    found = [
        *(_number(one, whole=True) for one in ranges.get("IntegerParameterRanges", [])),
        *(_number(one, whole=False) for one in ranges.get("ContinuousParameterRanges", [])),
        *(Axis(one["Name"], CategoricalDistribution(one["Values"])) for one in ranges.get("CategoricalParameterRanges", [])),
    ]
    names = [axis.name for axis in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadRange(f"Hyperparameter range {twice[0]} is given more than once. Give each name one range.")
    if not found:
        raise BadRange("ParameterRanges holds no range. Give at least one hyperparameter to search.")
    return found


def _number(one: Mapping[str, str], whole: bool) -> Axis:
    name, scaling = one["Name"], one.get("ScalingType", "Auto")
    try:
        low, high = ((int if whole else float)(one[bound]) for bound in ("MinValue", "MaxValue"))
    except ValueError:
        kind = "integers" if whole else "numbers"
        raise BadRange(f"MinValue {one['MinValue']} and MaxValue {one['MaxValue']} of {name} have to be {kind}.") from None
    if not low < high:
        raise BadRange(f"MaxValue {one['MaxValue']} of {name} has to be greater than MinValue {one['MinValue']}.")
    if scaling == "ReverseLogarithmic":
        if whole or not (low >= 0.0 and high < 1.0):
            raise BadRange(f"ReverseLogarithmic scaling of {name} needs a continuous range within 0 <= x < 1.")
        return Axis(name, FloatDistribution(1.0 - high, 1.0 - low, log=True), reverse=True)
    if scaling == "Logarithmic" and low <= 0:
        raise BadRange(f"Logarithmic scaling of {name} needs a MinValue greater than 0, not {one['MinValue']}.")
    log = scaling == "Logarithmic" or (scaling == "Auto" and low > 0 and high / low >= AUTO_LOG_FROM)
    return Axis(name, IntDistribution(int(low), int(high), log=log) if whole else FloatDistribution(low, high, log=log))


def grid(found: Sequence[Axis]) -> list[dict[str, str]]:
    """Every combination of the categories, in order. Raises BadRange where a range is not categorical."""
    choices = []
    for axis in found:
        if not isinstance(axis.distribution, CategoricalDistribution):
            raise BadRange(f"Grid search takes categorical ranges only; {axis.name} is not one.")
        choices.append([str(choice) for choice in axis.distribution.choices])
    names = [axis.name for axis in found]
    products = itertools.product(*choices)
    return [dict(zip(names, values, strict=True)) for values in products]


class Search:
    """One search. Not thread-safe: its tuning job's thread owns it.

    `ask` proposes, `tell` reports the end of a try. After a restart, `add` puts ended tries back and `ask(values)`
    running ones; with the same seed and the same history the search goes on the same way.
    """

    def __init__(self, found: Sequence[Axis], strategy: Strategy, *, maximize: bool, seed: int) -> None:
        self._axes = {axis.name: axis for axis in found}
        self._maximize = maximize
        self._grid = grid(found) if strategy == "Grid" else None
        sampler: optuna.samplers.BaseSampler
        if strategy == "Random":
            sampler = optuna.samplers.RandomSampler(seed=seed)
        else:
            sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIES, multivariate=True, constant_liar=True)
        self._study = optuna.create_study(direction="maximize" if maximize else "minimize", sampler=sampler)
        self._running: dict[int, Trial] = {}
        self._asked = 0

    def ask(self, values: Mapping[str, str] | None = None) -> tuple[int, dict[str, str]] | None:
        """The number and the hyperparameters of the next try; None when a grid has no more.

        With `values` given, those are the try: a job that runs already.
        """
        if values is None and self._grid is not None:
            if self._asked >= len(self._grid):
                return None
            values = self._grid[self._asked]
        self._asked += 1
        if values is not None:
            self._study.enqueue_trial({name: self._axes[name].value(text) for name, text in values.items()})
        trial = self._study.ask({name: axis.distribution for name, axis in self._axes.items()})
        self._running[trial.number] = trial
        return trial.number, {name: axis.text(trial.params[name]) for name, axis in self._axes.items()}

    def tell(self, number: int, objective: float | None) -> None:
        """The try has ended: with its objective, or None where it has none."""
        trial = self._running.pop(number)
        if objective is None:
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, objective)

    def add(self, values: Mapping[str, str], objective: float | None, *, parent: bool = False) -> bool:
        """Puts an ended try in, of this tuning job or (`parent`) of an earlier one; False where it does not fit the ranges."""
        try:
            params = {name: axis.value(values[name]) for name, axis in self._axes.items()}
        except (KeyError, ValueError):
            return False
        if not parent:
            self._asked += 1
        self._study.add_trial(self._ended(params, objective))
        return True

    def _ended(self, params: dict[str, Any], objective: float | None) -> FrozenTrial:
        return create_trial(
            state=TrialState.FAIL if objective is None else TrialState.COMPLETE,
            value=objective,
            params=params,
            distributions={name: axis.distribution for name, axis in self._axes.items()},
        )
