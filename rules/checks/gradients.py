"""These rules look at gradients and weights: vanishing, poorly initialised, updated too much or too little."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.checks.parameters import number, regex
from rules.checks.rule import LEARNING, Evidence, TensorRule, collection
from rules.reading.saved_tensors import SavedStep, SavedTensors


@dataclass(kw_only=True)
class VanishingGradient(TensorRule):
    """The mean of a gradient's absolute values is below `threshold`.

    As AWS documents it, with one exception: the bias of a layer counts only together with the layer's weight. A bias before
    BatchNorm has no gradient by construction, and of a layer that has really lost its gradient the weight has none either.
    """

    wanted = "gradients"
    advice = "Use ReLU and normalisation layers, residual connections, He initialisation; look at the layers named here first."
    threshold: float = number(1e-7, over=0)

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterator[Evidence]:
        means = {}
        for tensor in saved.select(step, ["gradients"]):
            mean = tensor.statistic("abs_mean")
            if mean is not None:
                means[tensor.key] = mean
        for key, mean in means.items():
            with_weight = min(means.get(key.replace(".bias", ".weight"), mean), np.inf)
            vanished = mean < self.threshold and with_weight < self.threshold
            message = f"mean |gradient| {mean:.3g} is below {self.threshold:.3g}"
            yield from self.test(key, step.number, mean, vanished, self.threshold, message)


@dataclass(kw_only=True)
class WeightUpdateRatio(TensorRule):
    """The update of a weight tensor is more than `large_threshold` times, or less than `small_threshold` times, the weight.

    AWS does not say which norm: here it is ||new - old|| / (||old|| + epsilon), over two saved steps of training that are at
    least `num_steps` apart (None: the saved step before). A weight of zeros has no ratio and is left out. So is one that
    did not move at all while others did: it is frozen, which UnchangedTensor is there to tell.
    """

    wanted = "weights"
    advice = "Too large: lower the learning rate. Too small: raise it, and look whether the optimiser has these weights."
    num_steps: int | None = number(None, 1, whole=True)
    large_threshold: float = number(10.0, over=0)
    small_threshold: float = number(1e-8, 0)
    epsilon: float = number(1e-9, 0)
    _last: dict[str, deque[tuple[int, NDArray[Any]]]] = field(init=False, repr=False, default_factory=dict)

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterator[Evidence]:
        ratios: dict[str, float] = {}
        for tensor in saved.select(step, ["weights"]) if step.mode in LEARNING else ():
            value = tensor.value()
            if value is None:
                continue
            last = self._last.setdefault(tensor.key, deque())
            while len(last) > 1 and last[1][0] <= step.mode_step - (self.num_steps or 1):
                last.popleft()
            if last and last[0][0] <= step.mode_step - (self.num_steps or 1):
                norm = float(np.linalg.norm(last[0][1]))
                if norm > 0 and last[0][1].shape == value.shape:
                    ratios[tensor.key] = float(np.linalg.norm(value - last[0][1])) / (norm + self.epsilon)
            last.append((step.mode_step, value))
        moved = any(ratio > 0 for ratio in ratios.values())
        for key, ratio in ratios.items():
            if ratio == 0 and moved:
                continue
            large = not ratio <= self.large_threshold
            limit = self.large_threshold if large else self.small_threshold
            message = f"update / weight is {ratio:.3g}, {'above' if large else 'below'} {limit:.3g}"
            yield from self.test(key, step.number, ratio, large or ratio < limit, limit, message)

    def missing_tensors(self) -> str:
        if not self._last:
            return super().missing_tensors()
        return (
            "WeightUpdateRatio could not be evaluated: it compares two saved steps of training, of weights that are not all zero."
        )


@dataclass(kw_only=True)
class PoorWeightInitialization(TensorRule):
    """In the first `steps` steps the loss does not fall, and the layers show why.

    AWS tests three things and does not say how they combine: (a) the variances of activation inputs differ between layers by
    more than `threshold`; (b) some weight's gradient has p95 - p5 below `distribution_range`; (c) the loss does not decrease
    for `patience` steps. Alone, (a) and (b) hold for healthy networks (PyTorch's own initialisation of a deep perceptron;
    VGG), and (c) for a small learning rate. So this fires for (c) together with (a) or (b). (c) is: the mean loss of the
    window's second half is not below that of the first. An in-place ReLU saves its output as its input, which
    widens (a) about twofold in a healthy ResNet.
    """

    wanted = "losses"
    advice = "Initialise with torch.nn.init.kaiming_normal_ (ReLU) or xavier_uniform_ (tanh), never with a constant."
    activation_inputs_regex: str = regex(".*relu_input")
    threshold: float = number(10.0, over=0)
    distribution_range: float = number(0.001, over=0)
    patience: int = number(5, 1)
    steps: int = number(10, 2)
    _losses: list[float] = field(init=False, repr=False, default_factory=list)
    _last: tuple[str, str] | None = field(init=False, repr=False, default=None)
    """The name and the mode of the last of them."""
    _reasons: dict[str, tuple[float, float, str]] = field(init=False, repr=False, default_factory=dict)
    _looked: set[str] = field(init=False, repr=False, default_factory=set)

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterator[Evidence]:
        if step.mode not in LEARNING:
            return
        if step.mode_step < self.steps:
            losses = [(tensor.name, tensor.statistic("mean")) for tensor in saved.select(step, ["losses"])]
            for name, loss in [(name, loss) for name, loss in losses if loss is not None][:1]:
                self._losses.append(loss)
                self._last = name, step.mode
            self._look_at_variances(saved, step)
            self._look_at_gradients(saved, step)
        if step.mode_step >= self.steps - 1 and not self.tested:
            yield from self._judge(step.number)

    def at_end(self, saved: SavedTensors) -> Iterator[Evidence]:
        if not self.tested:
            yield from self._judge(self.steps - 1)
        if self._looked and self._last:
            self._too_few = (
                f"PoorWeightInitialization had nothing to evaluate: it needs the losses of more than {self.patience} of the first"
                f" {self.steps} steps and saw {len(self._losses)}."
            )
            if not saved.saves_each_step(*self._last, self.steps):
                self._too_few += f" {self.remedy()}"

    def _look_at_variances(self, saved: SavedTensors, step: SavedStep) -> None:
        found = {tensor.key: tensor.statistic("variance") for tensor in saved.select(step, regex=self.activation_inputs_regex)}
        known = {key: value for key, value in found.items() if value is not None}
        if len(known) < 2:
            return
        self._looked.add("variances")
        widest, least = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
        ratio = known[widest] / known[least] if known[least] > 0 else np.inf
        if ratio > self.threshold:
            message = f"the variance at {widest} is {ratio:.3g} times that at {least}"
            self._reasons.setdefault(least, (ratio, self.threshold, message))

    def _look_at_gradients(self, saved: SavedTensors, step: SavedStep) -> None:
        for tensor in saved.select(step, ["gradients"]):
            value = tensor.value()
            if value is None or value.ndim < 2:
                continue
            self._looked.add("gradients")
            low, high = np.percentile(value, [5, 95])
            if high - low < self.distribution_range:
                message = f"p95 - p5 of the gradient is {high - low:.3g}, below {self.distribution_range:.3g}"
                self._reasons.setdefault(tensor.key, (float(high - low), self.distribution_range, message))

    def _judge(self, step: int) -> Iterator[Evidence]:
        if len(self._losses) <= self.patience or not self._looked:
            return
        half = len(self._losses) // 2
        first, second = float(np.mean(self._losses[:half])), float(np.mean(self._losses[-half:]))
        stuck = not second < first
        yield from self.test("loss", step, second, False, first, "")
        for key, (value, limit, message) in self._reasons.items():
            sentence = f"{message}, and the loss does not fall ({first:.4g}, then {second:.4g})"
            yield from self.test(key, step, value, stuck, limit, sentence)

    def missing_tensors(self) -> str:
        if not self._losses:
            return "PoorWeightInitialization could not be evaluated: the losses of the first steps were not saved."
        return "PoorWeightInitialization could not be evaluated: neither gradients nor activation inputs were saved."

    def collection(self) -> str:
        inputs = collection("relu_input", self.activation_inputs_regex)
        return f"{collection('losses')}, {collection('gradients')} and {inputs}"
