"""Every rule by AWS's name. A name that AWS has and PyTorch has no use for is told as such."""

from collections.abc import Mapping

from rules.checks import activations, bottlenecks, classes, gpus, gradients, losses, overall, steps, tensors
from rules.checks.overall import ProfilerReport
from rules.checks.parameters import build
from rules.checks.rule import Rule
from rules.errors import ParameterError

DEBUGGER: tuple[type[Rule], ...] = (
    gradients.VanishingGradient,
    tensors.ExplodingTensor,
    gradients.PoorWeightInitialization,
    gradients.WeightUpdateRatio,
    activations.DeadRelu,
    activations.SaturatedActivation,
    tensors.AllZero,
    tensors.TensorVariance,
    tensors.UnchangedTensor,
    losses.LossNotDecreasing,
    losses.Overfit,
    losses.Overtraining,
    tensors.SimilarAcrossRuns,
    losses.StalledTrainingRule,
    classes.ClassImbalance,
    classes.Confusion,
    activations.CheckInputImages,
)
PROFILER: tuple[type[Rule], ...] = (
    gpus.BatchSize,
    bottlenecks.CPUBottleneck,
    bottlenecks.IOBottleneck,
    bottlenecks.Dataloader,
    gpus.GPUMemoryIncrease,
    gpus.LoadBalancing,
    gpus.LowGPUUtilization,
    steps.MaxInitializationTime,
    overall.OverallSystemUsage,
    overall.OverallFrameworkMetrics,
    steps.StepOutlier,
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
