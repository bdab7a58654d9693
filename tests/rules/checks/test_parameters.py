"""Parameters arrive as strings; a wrong one is told with its name, its value and what is allowed."""

import pytest

from rules.checks.catalog import ALL, DEBUGGER, PROFILER, make
from rules.errors import ParameterError


@pytest.mark.parametrize(
    ("rule", "given", "message"),
    [
        ("VanishingGradient", {"treshold": "1"}, "VanishingGradient has no parameter 'treshold'. It has: threshold."),
        ("VanishingGradient", {"threshold": "low"}, "VanishingGradient.threshold: 'low' is not a number."),
        ("VanishingGradient", {"threshold": "0"}, "VanishingGradient.threshold: '0' has to be above 0."),
        ("VanishingGradient", {"threshold": "nan"}, "has to be above 0"),
        ("AllZero", {"tensor_regex": "a", "threshold": "101"}, "has to be at least 0 and at most 100."),
        ("UnchangedTensor", {"tensor_regex": "a", "num_steps": "2.5"}, "'2.5' is not a whole number"),
        ("UnchangedTensor", {"tensor_regex": "a", "num_steps": "inf"}, "is not a whole number"),
        ("ExplodingTensor", {"only_nan": "maybe"}, "'maybe' is neither True nor False"),
        ("ExplodingTensor", {"tensor_regex": "(("}, "is no regular expression"),
        ("NoSuchRule", {}, "rule_to_invoke 'NoSuchRule' is unknown. Known: AllZero"),
        ("TreeDepth", {}, "is for text or XGBoost"),
        ("ProfilerReport", {"cpubottleneck_nothing": "1"}, "CPUBottleneck has no parameter 'nothing'"),
        ("ProfilerReport", {"nothing": "1"}, "It takes <Rule>_<parameter>"),
    ],
)
def test_a_wrong_parameter_is_named(rule: str, given: dict[str, str], message: str) -> None:
    with pytest.raises(ParameterError) as error:
        make(rule, given)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_strings_become_values() -> None:
    rule = make("ExplodingTensor", {"only_nan": "True", "collection_names": "weights, gradients", "tensor_regex": "None"})
    assert rule.parameters() == {"only_nan": True, "collection_names": ("weights", "gradients"), "tensor_regex": None}
    assert make("WeightUpdateRatio", {"num_steps": "None"}).parameters()["num_steps"] is None
    assert make("WeightUpdateRatio", {"num_steps": "3"}).parameters()["num_steps"] == 3
    assert make("Overfit", {"ratio_threshold": " 0.25 "}).parameters()["ratio_threshold"] == 0.25


def test_a_reports_parameters_go_to_its_rules() -> None:
    report = make("ProfilerReport", {"cpubottleneck_cpu_threshold": "80", "StepOutlier_stddev": "5"})
    assert report.parameters()["CPUBottleneck_cpu_threshold"] == 80 and report.parameters()["StepOutlier_stddev"] == 5
    assert report.parameters()["LoadBalancing_threshold"] == 0.2, "the report's default is not the rule's"


DEFAULTS = {
    "VanishingGradient": {"threshold": 1e-7},
    "PoorWeightInitialization": {"threshold": 10, "distribution_range": 0.001, "patience": 5, "steps": 10},
    "WeightUpdateRatio": {"num_steps": None, "large_threshold": 10, "small_threshold": 1e-8, "epsilon": 1e-9},
    "DeadRelu": {"tensor_regex": ".*relu_output", "threshold_inactivity": 1, "threshold_layer": 50},
    "LossNotDecreasing": {"num_steps": 10, "diff_percent": 0.1, "increase_threshold_percent": 5, "mode": "GLOBAL"},
    "Overfit": {"start_step": 0, "patience": 1, "ratio_threshold": 0.1},
    "Overtraining": {"patience_train": 5, "patience_validation": 10, "delta": 0.01},
    "StalledTrainingRule": {"threshold": 1800, "stop_training_on_fire": False},
    "ClassImbalance": {"threshold_imbalance": 10, "threshold_misprediction": 0.7, "samples": 500, "argmax": False},
    "Confusion": {"category_no": None, "min_diag": 0.9, "max_off_diag": 0.1},
    "CheckInputImages": {"threshold_mean": 0.2, "threshold_samples": 500, "channel": 1},
    "BatchSize": {"cpu_threshold_p95": 70, "patience": 1000, "window": 500},
    "CPUBottleneck": {"threshold": 50, "cpu_threshold": 90, "gpu_threshold": 10, "patience": 1000},
    "IOBottleneck": {"threshold": 50, "io_threshold": 50, "gpu_threshold": 10, "patience": 1000},
    "GPUMemoryIncrease": {"increase": 5, "patience": 1000, "window": 10},
    "LoadBalancing": {"threshold": 0.5, "patience": 1000},
    "LowGPUUtilization": {"threshold_p95": 70, "threshold_p5": 10, "window": 500, "patience": 1000},
    "MaxInitializationTime": {"threshold": 20},
    "StepOutlier": {"stddev": 3, "mode": None, "n_outliers": 10},
}


@pytest.mark.parametrize("rule", sorted(DEFAULTS))
def test_defaults_are_what_aws_sends(rule: str) -> None:
    found = make(rule, {}).parameters()
    assert {name: found[name] for name in DEFAULTS[rule]} == DEFAULTS[rule]


def test_every_rule_of_pytorch_is_there_and_says_what_it_does() -> None:
    assert len(DEBUGGER) == 17 and len(PROFILER) == 12 and len(ALL) == 29
    for rule in ALL.values():
        assert rule.__doc__ and not rule.__doc__.startswith(f"{rule.__name__}("), "no dataclass may describe itself"
