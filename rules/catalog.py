"""Every rule by AWS's name. A name that AWS has and PyTorch has no use for is told as such."""

from collections.abc import Mapping

from rules import (
    activation_rules,
    bottleneck_rules,
    class_rules,
    gpu_rules,
    gradient_rules,
    loss_rules,
    overall_rules,
    step_rules,
    tensor_rules,
)
from rules.errors import ParameterError
from rules.overall_rules import ProfilerReport
from rules.parameters import build
from rules.rule import Rule

DEBUGGER: tuple[type[Rule], ...] = (
    gradient_rules.VanishingGradient,
    tensor_rules.ExplodingTensor,
    gradient_rules.PoorWeightInitialization,
    gradient_rules.WeightUpdateRatio,
    activation_rules.DeadRelu,
    activation_rules.SaturatedActivation,
    tensor_rules.AllZero,
    tensor_rules.TensorVariance,
    tensor_rules.UnchangedTensor,
    loss_rules.LossNotDecreasing,
    loss_rules.Overfit,
    loss_rules.Overtraining,
    tensor_rules.SimilarAcrossRuns,
    loss_rules.StalledTrainingRule,
    class_rules.ClassImbalance,
    class_rules.Confusion,
    activation_rules.CheckInputImages,
)
PROFILER: tuple[type[Rule], ...] = (
    gpu_rules.BatchSize,
    bottleneck_rules.CPUBottleneck,
    bottleneck_rules.IOBottleneck,
    bottleneck_rules.Dataloader,
    gpu_rules.GPUMemoryIncrease,
    gpu_rules.LoadBalancing,
    gpu_rules.LowGPUUtilization,
    step_rules.MaxInitializationTime,
    overall_rules.OverallSystemUsage,
    overall_rules.OverallFrameworkMetrics,
    step_rules.StepOutlier,
    ProfilerReport,
)
ALL: dict[str, type[Rule]] = {rule.__name__: rule for rule in DEBUGGER + PROFILER}
ELSEWHERE = ("NLPSequenceRatio", "TreeDepth", "FeatureImportanceOverweight", "CreateXgboostReport")
"""AWS's rules for text and for XGBoost."""


def make(name: str, parameters: Mapping[str, str]) -> Rule:
    """A rule with parameters as AWS sends them: strings. Raises ParameterError."""
    if name in ELSEWHERE:
        raise ParameterError(f"rule_to_invoke {name!r} is for text or XGBoost, and is not supported here.")
    if name not in ALL:
        raise ParameterError(f"rule_to_invoke {name!r} is unknown. Known: {', '.join(sorted(ALL))}.")
    rule = ALL[name]
    return ProfilerReport.build(parameters) if rule is ProfilerReport else build(rule, parameters)
