"""The search without processes: scalings, strategies, and that Bayesian is worth its name."""

import math
import statistics
import subprocess
import sys

import pytest

from local_sagemaker.jobs.hyperparameter_search import BadRange, Search, axes

RANGES = {
    "ContinuousParameterRanges": [
        {"Name": "lr", "MinValue": "0.0001", "MaxValue": "0.1", "ScalingType": "Logarithmic"},
        {"Name": "weight-decay", "MinValue": "0.001", "MaxValue": "0.1", "ScalingType": "Auto"},
    ],
    "CategoricalParameterRanges": [{"Name": "batch-size", "Values": ["32", "64"]}],
}


def loss(values: dict[str, str]) -> float:
    """A bowl in log space with its bottom at lr 0.003, weight-decay 0.01, and a step between the batch sizes."""
    lr, decay = math.log10(float(values["lr"])), math.log10(float(values["weight-decay"]))
    return (lr - math.log10(0.003)) ** 2 + 0.5 * (decay + 2) ** 2 + (0.2 if values["batch-size"] == "64" else 0.0)


def best_of(strategy: str, seed: int, tries: int = 20) -> float:
    search = Search(axes(RANGES), strategy, maximize=False, seed=seed)
    found = []
    for _ in range(tries):
        number, values = search.ask()
        found.append(loss(values))
        search.tell(number, found[-1])
    return min(found)


def test_bayesian_beats_random_at_20_tries_over_50_seeds() -> None:
    bayesian = [best_of("Bayesian", seed) for seed in range(50)]
    random = [best_of("Random", seed) for seed in range(50)]
    wins = sum(a < b for a, b in zip(bayesian, random, strict=True))
    medians = statistics.median(bayesian), statistics.median(random)
    print(f"median best loss: Bayesian {medians[0]:.4f}, Random {medians[1]:.4f}; Bayesian wins {wins} of 50 seeds")
    assert medians[0] < 0.6 * medians[1]
    assert wins >= 35


@pytest.mark.parametrize("strategy", ["Bayesian", "Random", "Hyperband"])
def test_the_same_seed_gives_the_same_search(strategy: str) -> None:
    assert best_of(strategy, 7) == best_of(strategy, 7)
    assert best_of(strategy, 7) != best_of(strategy, 8)


def values_of(scaling: str, low: str, high: str, kind: str = "ContinuousParameterRanges") -> list[float]:
    ranges = {kind: [{"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": scaling}]}
    search = Search(axes(ranges), "Random", maximize=True, seed=1)
    return [float(search.ask()[1]["x"]) for _ in range(300)]


def test_the_scalings_spread_as_they_say() -> None:
    assert 40 < statistics.median(values_of("Linear", "1", "100")) < 60
    assert 7 < statistics.median(values_of("Logarithmic", "1", "100")) < 14
    assert 7 < statistics.median(values_of("Auto", "1", "100")) < 14
    assert 4.5 < statistics.median(values_of("Auto", "1", "9")) < 5.5
    assert 0.98 < statistics.median(values_of("ReverseLogarithmic", "0", "0.9999")) < 0.995
    whole = values_of("Linear", "1", "4", "IntegerParameterRanges")
    assert set(whole) == {1.0, 2.0, 3.0, 4.0}


@pytest.mark.parametrize(
    ("kind", "one", "words"),
    [
        ("ContinuousParameterRanges", {"MinValue": "0", "MaxValue": "1", "ScalingType": "Logarithmic"}, "greater than 0, not 0"),
        ("ContinuousParameterRanges", {"MinValue": "2", "MaxValue": "1"}, "has to be greater than MinValue 2"),
        ("ContinuousParameterRanges", {"MinValue": "low", "MaxValue": "1"}, "have to be numbers"),
        ("IntegerParameterRanges", {"MinValue": "0.5", "MaxValue": "1"}, "have to be integers"),
        ("ContinuousParameterRanges", {"MinValue": "0", "MaxValue": "1", "ScalingType": "ReverseLogarithmic"}, "0 <= x < 1"),
    ],
)
def test_a_bad_range_is_named(kind: str, one: dict[str, str], words: str) -> None:
    with pytest.raises(BadRange, match=words):
        axes({kind: [{"Name": "x", **one}]})


def test_no_range_and_a_range_given_twice_are_refused() -> None:
    with pytest.raises(BadRange, match="no range"):
        axes({})
    with pytest.raises(BadRange, match="x is given more than once"):
        axes({"CategoricalParameterRanges": [{"Name": "x", "Values": ["a"]}, {"Name": "x", "Values": ["b"]}]})


def test_grid_walks_every_combination_once_and_takes_categories_only() -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "a", "Values": ["1", "2", "3"]}, {"Name": "b", "Values": ["x", "y"]}]}
    search = Search(axes(ranges), "Grid", maximize=True, seed=0)
    seen = []
    while (asked := search.ask()) is not None:
        seen.append(tuple(asked[1].values()))
        search.tell(asked[0], 1.0)
    assert seen == [("1", "x"), ("1", "y"), ("2", "x"), ("2", "y"), ("3", "x"), ("3", "y")]
    with pytest.raises(BadRange, match="Grid search takes categorical ranges only; lr is not one"):
        Search(axes(RANGES), "Grid", maximize=True, seed=0)


def test_tries_of_a_parent_make_the_first_proposals_good() -> None:
    warm, cold = [], []
    for seed in range(20):
        search = Search(axes(RANGES), "Bayesian", maximize=False, seed=seed)
        parent = Search(axes(RANGES), "Random", maximize=False, seed=100 + seed)
        for _ in range(30):
            values = parent.ask()[1]
            assert search.add(values, loss(values), parent=True)
        warm.append(loss(search.ask()[1]))
        cold.append(loss(Search(axes(RANGES), "Bayesian", maximize=False, seed=seed).ask()[1]))
    assert statistics.median(warm) < 0.5 * statistics.median(cold)
    assert not search.add({"lr": "0.5", "weight-decay": "0.01", "batch-size": "32"}, 1.0, parent=True)


def test_a_running_try_can_be_put_back_after_a_restart() -> None:
    search = Search(axes(RANGES), "Bayesian", maximize=False, seed=3)
    values = {"lr": "0.01", "weight-decay": "0.02", "batch-size": "64"}
    number, asked = search.ask(values)
    assert asked == values
    search.tell(number, None)


def test_every_value_survives_the_way_through_text() -> None:
    ranges = {
        "ContinuousParameterRanges": [{"Name": "x", "MinValue": "0.1", "MaxValue": "0.9", "ScalingType": "ReverseLogarithmic"}]
    }
    axis = axes(ranges)[0]
    for value in (axis.distribution.low, axis.distribution.high, 0.3333333333333333):
        assert axis.value(axis.text(value)) == pytest.approx(value)


def test_the_search_needs_neither_torch_nor_scipy() -> None:
    code = (
        "import sys; from local_sagemaker.jobs.hyperparameter_search import *;"
        "s = Search(axes({'ContinuousParameterRanges': [{'Name': 'x', 'MinValue': '0', 'MaxValue': '1'}]}),"
        " 'Bayesian', maximize=True, seed=1);"
        "[s.tell(s.ask()[0], 1.0) for _ in range(20)];"
        "print('torch' in sys.modules, 'scipy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_server_without_a_tuning_job_does_not_wait_for_optuna() -> None:
    code = "import sys, local_sagemaker.services, local_sagemaker.server; print('optuna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
