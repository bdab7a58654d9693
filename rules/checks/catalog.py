"""The catalog finds every rule by AWS's name, and says which of AWS's names are not for PyTorch."""

from collections.abc import Mapping

from rules.checks import activations, bottlenecks, classes, gpus, gradients, losses, overall, steps, tensors
from rules.checks.overall import ProfilerReport
from rules.checks.parameters import build
from rules.checks.profiler_rule import ProfilerRule
from rules.checks.rule import TensorRule
from rules.errors import ParameterError

DEBUGGER: tuple[type[TensorRule], ...] = (
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
PROFILER: tuple[type[ProfilerRule], ...] = (
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
EVERY: tuple[type[TensorRule] | type[ProfilerRule], ...] = (*DEBUGGER, *PROFILER)
ALL = {rule.__name__: rule for rule in EVERY}
ELSEWHERE = ("NLPSequenceRatio", "TreeDepth", "FeatureImportanceOverweight", "CreateXgboostReport")
"""AWS's rules for text and for XGBoost."""


def make(name: str, parameters: Mapping[str, str]) -> TensorRule | ProfilerRule:
    """A rule with parameters as AWS sends them: strings. Raises ParameterError."""
    if name in ELSEWHERE:
        raise ParameterError(f"rule_to_invoke {name!r} is for text or XGBoost, and is not supported here.")
    if name not in ALL:
        raise ParameterError(f"rule_to_invoke {name!r} is unknown. Known: {', '.join(sorted(ALL))}.")
    rule = ALL[name]
    return ProfilerReport.build(parameters) if rule is ProfilerReport else build(rule, parameters)
