"""These rules look at activations and inputs: dead ReLUs, saturated activations, pictures that are not normalised."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.checks.parameters import number, regex
from rules.checks.rule import Evidence, TensorRule, collection
from rules.reading.saved_tensors import SavedStep, SavedTensor, SavedTensors


def by_unit(value: NDArray[Any]) -> NDArray[Any]:
    """A layer's values as [unit, values]. A unit is a channel: axis 1 of [N, F] and [N, C, H, W], the last of [N, T, F]."""
    axis = value.ndim - 1 if value.ndim == 3 else 1
    return np.moveaxis(value, axis, 0).reshape(value.shape[axis], -1)


def units(saved: SavedTensors, step: SavedStep, names: str) -> Iterator[tuple[SavedTensor, NDArray[Any]]]:
    """The layers that a step saved whole, of names that a regex finds, each with its values as `by_unit` gives them."""
    for tensor in saved.select(step, regex=names):
        value = tensor.value()
        if value is not None and value.ndim >= 2 and value.size:
            yield tensor, by_unit(value)


@dataclass(kw_only=True)
class DeadRelu(TensorRule):
    """More than `threshold_layer` percent of a layer's units are inactive: less than `threshold_inactivity` percent of a
    unit's outputs, over the batch and all positions, are not zero. (Over which axes AWS counts is not documented.)"""

    wanted = "relu_output"
    advice = "Lower the learning rate, look for a large negative bias, or use LeakyReLU."
    tensor_regex: str = regex(".*relu_output")
    threshold_inactivity: float = number(1.0, 0, 100)
    threshold_layer: float = number(50.0, 0, 100)

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterator[Evidence]:
        for tensor, values in units(saved, step, self.tensor_regex):
            active = 100 * (values != 0).mean(axis=1)
            dead = 100 * float((active < self.threshold_inactivity).mean())
            message = f"{dead:.3g} % of {len(active)} units are inactive"
            yield from self.test(tensor.key, step.number, dead, dead > self.threshold_layer, self.threshold_layer, message)

    def collection(self) -> str:
        return collection("relu_output", self.tensor_regex)


@dataclass(kw_only=True)
class SaturatedActivation(TensorRule):
    """More than `threshold_layer` percent of a layer's units are saturated: less than `threshold_inactivity` percent of a
    unit's inputs, over the batch and all positions, lie between the limits of its tanh or sigmoid.

    The limits are AWS's. It says that they follow from a derivative of 1e-7; the derivatives there are 2.2e-8 (tanh),
    1.0e-10 and 4.1e-8 (sigmoid).
    """

    wanted = "tanh and sigmoid inputs"
    advice = "Initialise smaller (xavier_uniform_), normalise before the activation, or use ReLU."
    tensor_regex: str = regex(".*tanh_input|.*sigmoid_input")
    threshold_tanh_min: float = number(-9.4999)
    threshold_tanh_max: float = number(9.4999)
    threshold_sigmoid_min: float = number(-23.0)
    threshold_sigmoid_max: float = number(16.99999)
    threshold_inactivity: float = number(1.0, 0, 100)
    threshold_layer: float = number(50.0, 0, 100)

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterator[Evidence]:
        for tensor, values in units(saved, step, self.tensor_regex):
            low, high = self.threshold_tanh_min, self.threshold_tanh_max
            if "sigmoid" in tensor.name.lower():
                low, high = self.threshold_sigmoid_min, self.threshold_sigmoid_max
            inside = 100 * ((values > low) & (values < high)).mean(axis=1)
            share = 100 * float((inside < self.threshold_inactivity).mean())
            message = f"{share:.3g} % of {len(inside)} units have hardly an input between {low:g} and {high:g}"
            yield from self.test(tensor.key, step.number, share, share > self.threshold_layer, self.threshold_layer, message)

    def collection(self) -> str:
        return collection("saturation", self.tensor_regex.replace("|", ","))


@dataclass(kw_only=True)
class CheckInputImages(TensorRule):
    """Some channel's mean over all images so far is further from zero than `threshold_mean`, once `threshold_samples` were
    seen: the pictures were not normalised. `channel` is the axis of the channels.

    AWS's default regex names an MXNet layer; here the default also takes a PyTorch model's own input
    (`<Class>_input_0` with four dimensions). Whether AWS's mean is over all channels is not documented: over all,
    a dark and a bright channel would hide each other.
    """

    wanted = "input_image"
    advice = "Subtract the training pictures' mean from every channel and divide by its standard deviation."
    threshold_mean: float = number(0.2, 0)
    threshold_samples: int = number(500, 0)
    regex: str = regex(r"^[A-Z]\w*_input_0$|.*hybridsequential0_input_0")
    channel: int = number(1, 0, 3)
    _sums: dict[str, tuple[int, NDArray[Any]]] = field(init=False, repr=False, default_factory=dict)

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterator[Evidence]:
        for tensor in saved.select(step, regex=self.regex):
            value = tensor.value()
            if value is None or value.ndim != 4 or not value.size:
                continue
            others = tuple(axis for axis in range(4) if axis != self.channel)
            seen, sums = self._sums.get(tensor.key, (0, np.zeros(value.shape[self.channel])))
            seen, sums = seen + len(value), sums + value.mean(axis=others, dtype="f8") * len(value)
            self._sums[tensor.key] = seen, sums
            if seen < self.threshold_samples:
                continue
            worst = int(np.abs(sums).argmax())
            mean = abs(float(sums[worst] / seen))
            message = f"channel {worst} has the mean {sums[worst] / seen:.3g} over {seen} images"
            yield from self.test(tensor.key, step.number, mean, mean > self.threshold_mean, self.threshold_mean, message)

    def missing_tensors(self) -> str:
        if not self._sums:
            return super().missing_tensors()
        most = max(seen for seen, _ in self._sums.values())
        wanted = f"threshold_samples is {self.threshold_samples}"
        return f"CheckInputImages could not be evaluated: {wanted} and {most} images were saved."

    def collection(self) -> str:
        return collection("input_image", self.regex.replace("|", ","))
