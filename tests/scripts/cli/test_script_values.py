"""scripts.cli.script_values: what --metric, --range and --set say for a script is checked, and written as the SDK writes it."""

import json

import pytest

from scripts.cli.script_values import (
    LONGEST_METRIC_NAME,
    LONGEST_REGEX,
    LONGEST_VALUE,
    MOST_HYPERPARAMETERS,
    MOST_METRICS,
    MOST_RANGES,
    MOST_VALUES,
    better,
    hyperparameters,
    metric_regexes,
    ranges,
)
from scripts.errors import LaunchError


def test_a_value_in_json_stays_what_it_is_and_any_other_is_text() -> None:
    given = ["a=0.01", "b=true", "c=[1,2]", "d=resnet18", 'e="16"', "f=null", "g=007", "h=NaN", "i=1e999", "j=", 'k={"x":1}']
    found = hyperparameters(given)
    assert found == {
        "a": "0.01", "b": "true", "c": "[1, 2]", "d": '"resnet18"', "e": '"16"', "f": "null", "g": '"007"', "h": '"NaN"',
        "i": '"1e999"', "j": '""', "k": '{"x": 1}',
    }  # fmt: skip
    assert json.loads(found["d"]) == "resnet18"


def test_hyperparameters_that_no_script_gets_or_sagemaker_refuses_are_told() -> None:
    for name in ("sagemaker_program", "_tuning_objective_metric"):
        with pytest.raises(LaunchError, match=f"--set {name}: .* choose another"):
            hyperparameters([f"{name}=x"])
    assert hyperparameters(["a=" + "x" * (LONGEST_VALUE - 2)])
    with pytest.raises(LaunchError, match=r"--set a: 2,501 letters; at most 2,500"):
        hyperparameters(["a=" + "x" * (LONGEST_VALUE - 1)])
    many = [f"a{number}=1" for number in range(MOST_HYPERPARAMETERS)]
    assert len(hyperparameters(many)) == MOST_HYPERPARAMETERS
    with pytest.raises(LaunchError, match=f"{MOST_HYPERPARAMETERS + 1} hyperparameters; at most {MOST_HYPERPARAMETERS}"):
        hyperparameters([*many, "b=1"])
    with pytest.raises(LaunchError, match="looks like a secret"):
        hyperparameters(["api_key=abc"])


def test_a_metric_is_a_name_and_a_regex_with_one_group() -> None:
    given = [r"average test loss=loss: ([0-9\.]+)", "accuracy=acc=(?:about )?([0-9]+)%"]
    assert metric_regexes(given) == {"average test loss": r"loss: ([0-9\.]+)", "accuracy": "acc=(?:about )?([0-9]+)%"}
    for wrong, told in (
        ("loss", "need NAME=REGEX"),
        ("=x", "need NAME=REGEX"),
        ("loss=", "need NAME=REGEX"),
        ("loss=([0-9", "'\\(\\[0-9' is no regex: "),
        ("loss=Loss: .*", "has 0 groups; need one, around the number"),
        ("loss=(Loss): ([0-9]+)", "has 2 groups; need one"),
    ):
        with pytest.raises(LaunchError, match=told):
            metric_regexes([wrong])
    with pytest.raises(LaunchError, match="--metric a: given more than once"):
        metric_regexes(["a=(1)", "a=(2)"])


@pytest.mark.parametrize("name", ["val loss [%]", "loss*$", "(a|b)", "Zoë"])
def test_a_metric_may_have_any_name_that_can_be_printed(name: str) -> None:
    assert metric_regexes([f"{name}=loss ([0-9]+)"]) == {name: "loss ([0-9]+)"}


@pytest.mark.parametrize("name", ["a\nb", " ", " loss", "loss ", "a\x1b"])
def test_a_metrics_name_that_cannot_be_read_back_is_refused(name: str) -> None:
    with pytest.raises(LaunchError, match=r"^--metric '.*': need a name that can be printed, without spaces around it$"):
        metric_regexes([f"{name}=loss ([0-9]+)"])


def test_metrics_have_the_limits_of_sagemaker() -> None:
    assert metric_regexes(["n" * LONGEST_METRIC_NAME + "=(" + "x" * (LONGEST_REGEX - 2) + ")"])
    for name, size in (("n" * (LONGEST_METRIC_NAME + 1), 1), ("n", LONGEST_REGEX - 1)):
        with pytest.raises(LaunchError, match="at most 255 letters of a name and 500 of a regex"):
            metric_regexes([f"{name}=({'x' * size})"])
    many = [f"m{number}=(x)" for number in range(MOST_METRICS + 1)]
    assert len(metric_regexes(many[1:])) == MOST_METRICS
    with pytest.raises(LaunchError, match="41 of them; SageMaker takes 40"):
        metric_regexes(many)


def test_ranges_are_intervals_of_numbers_or_lists_of_values() -> None:
    found = ranges(["lr=0.0001:0.1:log", "momentum=.5:1", "layers=1:5:linear", "batch-size=16,32, 64", "warm=-1:2"])
    assert found["ContinuousParameterRanges"] == [
        {"Name": "lr", "MinValue": "0.0001", "MaxValue": "0.1", "ScalingType": "Logarithmic"},
        {"Name": "momentum", "MinValue": "0.5", "MaxValue": "1.0", "ScalingType": "Auto"},
    ]
    assert found["IntegerParameterRanges"] == [
        {"Name": "layers", "MinValue": "1", "MaxValue": "5", "ScalingType": "Linear"},
        {"Name": "warm", "MinValue": "-1", "MaxValue": "2", "ScalingType": "Auto"},
    ]
    assert found["CategoricalParameterRanges"] == [{"Name": "batch-size", "Values": ['"16"', '"32"', '"64"']}]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("lr", "need NAME=LOW:HIGH or NAME=A,B,C"),
        ("lr=0.1", "one value is no range; give --set lr=0.1"),
        ("lr=0.1:", "one value is no range"),
        ("lr=a:b", "need two numbers"),
        ("lr=0.1:0.01", "need the lower end first"),
        ("lr=1:1", "need the lower end first"),
        ("lr=0:inf", "both finite"),
        ("lr=nan:1", "both finite"),
        ("lr=0:1:log", "needs a lower end above 0"),
        ("lr=0.1:1:cubic", "scale 'cubic' is not known; need log or linear"),
        ("a=x,x", "each another"),
        ("a=x,", "need 2 to 30 values"),
        ("sagemaker_x=1:2", "reserved by SageMaker"),
    ],
)
def test_what_is_no_range_is_told_with_its_value(given: str, told: str) -> None:
    with pytest.raises(LaunchError, match=told):
        ranges([given])


def test_ranges_have_the_limits_of_sagemaker() -> None:
    values = [str(number) for number in range(MOST_VALUES + 1)]
    assert ranges([f"a={','.join(values[1:])}"])
    with pytest.raises(LaunchError, match="need 2 to 30 values"):
        ranges([f"a={','.join(values)}"])
    many = [f"a{number}=1:2" for number in range(MOST_RANGES + 1)]
    assert ranges(many[1:])
    with pytest.raises(LaunchError, match="31 of them; need 1 to 30"):
        ranges(many)
    with pytest.raises(LaunchError, match="0 of them; need 1 to 30"):
        ranges([])
    with pytest.raises(LaunchError, match="--range a: given more than once"):
        ranges(["a=1:2", "a=1,2"])


def test_which_way_is_better_is_told_or_plain_from_the_name() -> None:
    assert [better(name, False, False) for name in ("average test loss", "RMSE", "error", "Test Accuracy", "val_acc", "f1")] == [
        *("low", "low", "low", "high", "high", "high")
    ]
    assert better("throughput", False, True) == "high" and better("accuracy", True, False) == "low"
    for name in ("throughput", "loss of accuracy"):
        with pytest.raises(LaunchError, match=f"--metric {name}: is low or high better"):
            better(name, False, False)
