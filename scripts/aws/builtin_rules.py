"""The rules a person can ask for: their names, which kind each is, the tensors that it needs saved. rules/ evaluates them.

The intervals are what a rule can be judged by at little cost: a tensor that is saved is copied from the GPU and written to disk.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.aws.settings import Settings
from scripts.errors import LaunchError

DEFAULT = (
    "VanishingGradient",
    "Overfit",
    "Overtraining",
    "PoorWeightInitialization",
    "LowGPUUtilization",
    "ProfilerReport",
)
"""The rules of the project that inspired this one."""
NONE = "none"

_FIRST = {"train.save_interval": "1", "train.end_step": "10", "eval.end_step": "0"}
"""Each of the first ten steps of training, and nothing else."""
_NOT_EVAL = {"eval.end_step": "0"}
COLLECTIONS: Mapping[str, Mapping[str, str]] = {
    "losses": {"train.save_interval": "10", "eval.save_interval": "1"},
    "gradients": _NOT_EVAL,
    "weights": _NOT_EVAL,
    "first_losses": {"include_regex": "Loss_output", **_FIRST},
    "relu_input": {"include_regex": ".*relu_input", "reductions": "variance", **_FIRST},
    "relu_output": {"include_regex": ".*relu_output", **_NOT_EVAL},
    "saturation": {"include_regex": ".*tanh_input,.*sigmoid_input", **_NOT_EVAL},
    "classes": {"include_regex": "CrossEntropyLoss_input", "train.save_interval": "10", "eval.save_interval": "1"},
    "input_image": {"include_regex": r"^[A-Z]\w*_input_0$", **_NOT_EVAL},
}
"""CollectionParameters. What says no interval is saved at --save-interval."""
DEBUGGER: Mapping[str, tuple[str, ...]] = {
    "VanishingGradient": ("gradients",),
    "ExplodingTensor": ("losses", "gradients"),
    "PoorWeightInitialization": ("losses", "first_losses", "gradients", "relu_input"),
    "WeightUpdateRatio": ("weights",),
    "DeadRelu": ("relu_output",),
    "SaturatedActivation": ("saturation",),
    "AllZero": ("weights", "gradients"),
    "TensorVariance": ("weights", "gradients"),
    "UnchangedTensor": ("weights", "losses"),
    "LossNotDecreasing": ("losses",),
    "Overfit": ("losses",),
    "Overtraining": ("losses",),
    "SimilarAcrossRuns": ("weights", "losses"),
    "StalledTrainingRule": ("losses",),
    "ClassImbalance": ("classes",),
    "Confusion": ("classes",),
    "CheckInputImages": ("input_image",),
}
"""Rules over tensors, and the collections that each needs."""
PROFILER = (
    "BatchSize",
    "CPUBottleneck",
    "IOBottleneck",
    "Dataloader",
    "GPUMemoryIncrease",
    "LoadBalancing",
    "LowGPUUtilization",
    "MaxInitializationTime",
    "OverallSystemUsage",
    "OverallFrameworkMetrics",
    "StepOutlier",
    "ProfilerReport",
)
"""Rules over the machine's metrics and the program's timeline."""
ALWAYS = ("losses",)
"""What is saved whatever the rules: the curve of every training."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that was asked for, with the parameters that were given for it."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_profiler(self) -> bool:
        return self.name in PROFILER


def read(text: str) -> tuple[Rule, ...]:
    """`A,B:name=value:other=value`, or `none`. Raises LaunchError for a name that is not known or given twice."""
    found: list[Rule] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, *given = re.split(r":(?=\w+=)", part)
        if name == NONE and text.strip() == NONE:
            return ()
        if name not in DEBUGGER and name not in PROFILER:
            raise LaunchError(f"--rules {name}: not known; known: {', '.join(sorted([*DEBUGGER, *PROFILER]))}, or {NONE}")
        if name in [rule.name for rule in found]:
            raise LaunchError(f"--rules {name}: given more than once")
        found.append(Rule(name, dict(pair.partition("=")[::2] for pair in given)))
    return tuple(found)


def chosen(text: str | None, settings: Settings, *, hooks: bool = True) -> tuple[Rule, ...]:
    """What --rules says, by default the six; without hooks, those over tensors cannot be. Raises LaunchError."""
    rules = read(text or ",".join(DEFAULT)) if text or hooks else ()
    if not hooks and any(not rule.is_profiler for rule in rules):
        raise LaunchError(f"--no-hooks --rules {text}: rules over tensors need the hooks that save them")
    if rules:
        settings.need("rules_image", "rules_instance")
    return rules


def collections(rules: Iterable[Rule], *, without_modes: bool = False) -> list[dict[str, Any]]:
    """CollectionConfigurations with all that the rules need.

    `without_modes`: the program may never tell its hook whether it trains or evaluates. Its steps are global ones then, of
    which the same is saved as of steps in training.
    """
    wanted = {*ALWAYS, *(name for rule in rules for name in DEBUGGER.get(rule.name, ()))}
    return [
        {"CollectionName": name, "CollectionParameters": dict(parameters) | (_as_global(parameters) if without_modes else {})}
        for name, parameters in COLLECTIONS.items()
        if name in wanted
    ]


def _as_global(parameters: Mapping[str, str]) -> dict[str, str]:
    return {f"global.{name.removeprefix('train.')}": value for name, value in parameters.items() if name.startswith("train.")}
