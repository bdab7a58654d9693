"""These rules look at tensors that a person chooses: not finite, all zero, variance, unchanged, different from another run."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.checks.parameters import flag, names, number
from rules.checks.rule import LEARNING, ChosenTensorsRule, Evidence
from rules.errors import ParameterError
from rules.reading.saved_tensors import SavedStep, SavedTensor, SavedTensors
from rules.reading.source import open_source


@dataclass(kw_only=True)
class ExplodingTensor(ChosenTensorsRule):
    """A tensor has a value that is infinite or not a number (`only_nan`: only the latter). All tensors, unless some are chosen.

    As AWS documents it. Where only reductions were saved, it looks at those.
    """

    advice = "Lower the learning rate or clip the gradient; look for a division by zero or a logarithm of zero in the loss."
    only_nan: bool = flag(False)

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterator[Evidence]:
        for tensor in self.chosen(saved, step):
            value = tensor.value()
            if value is None:
                value = np.array([tensor.statistic(name) for name in tensor.reductions])
            if value.dtype.kind != "f":
                continue
            count = int((np.isnan(value) if self.only_nan else ~np.isfinite(value)).sum())
            what = "not a number" if self.only_nan else "not finite"
            yield from self.test(tensor.key, step.number, count, count > 0, 0, f"{count} of {value.size} values are {what}")


@dataclass(kw_only=True)
class AllZero(ChosenTensorsRule):
    """At least `threshold` percent of a tensor's values are zero.

    AWS does not say whether the threshold itself counts; it has to, or its default of 100 percent could never be passed.
    """

    advice = "Look whether the layer gets any input and any gradient, and how it was initialised."
    threshold: float = number(100.0, 0, 100)

    def __post_init__(self) -> None:
        self.need_choice()

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterator[Evidence]:
        for tensor in self.chosen(saved, step):
            value = tensor.value()
            if value is None:
                largest = tensor.statistic("abs_max")
                if largest is None:
                    continue
                share = 100.0 if largest == 0 else 0.0
            elif not value.size:
                continue
            else:
                share = float(100 * (value == 0).mean())
            message = f"{share:.4g} % of the values are zero"
            yield from self.test(tensor.key, step.number, share, share >= self.threshold, self.threshold, message)


@dataclass(kw_only=True)
class TensorVariance(ChosenTensorsRule):
    """A tensor's variance is above `max_threshold` or below `min_threshold`; at least one of them has to be given."""

    advice = "Look at the initialisation of the layers before, and at the learning rate."
    max_threshold: float | None = number(None, 0)
    min_threshold: float | None = number(None, 0)

    def __post_init__(self) -> None:
        self.need_choice()
        if self.max_threshold is None and self.min_threshold is None:
            raise ParameterError("TensorVariance needs max_threshold or min_threshold, or both.")

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterator[Evidence]:
        for tensor in self.chosen(saved, step):
            variance = tensor.statistic("variance")
            if variance is None:
                continue
            high = self.max_threshold is not None and variance > self.max_threshold
            low = self.min_threshold is not None and variance < self.min_threshold
            limits = [one for one in (self.max_threshold, self.min_threshold) if one is not None]
            limit = limits[0] if high else limits[-1]
            message = f"variance {variance:.4g} is {'above' if high else 'below'} {limit:.4g}"
            yield from self.test(tensor.key, step.number, variance, high or low, limit, message)


@dataclass(kw_only=True)
class UnchangedTensor(ChosenTensorsRule):
    """A tensor is close (numpy.allclose) to itself over the last `num_steps` saved steps.

    Only steps of training are compared: between two steps of one evaluation the weights are the same by design.
    """

    advice = "Look whether the layer is frozen, whether the optimiser has its parameters, and whether the rate is zero."
    num_steps: int = number(3, 2)
    rtol: float = number(1e-5, 0)
    atol: float = number(1e-8, 0)
    equal_nan: bool = flag(False)
    _last: dict[str, deque[NDArray[Any]]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.need_choice()

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterator[Evidence]:
        for tensor in self.chosen(saved, step) if step.mode in LEARNING else ():
            value = tensor.value()
            if value is None or value.dtype.kind not in "fiub":
                continue
            last = self._last.setdefault(tensor.key, deque(maxlen=self.num_steps))
            if last and last[-1].shape != value.shape:
                last.clear()
            last.append(value)
            if len(last) < self.num_steps:
                continue
            before = list(last)[:-1]
            same = all(
                np.allclose(one, other, self.rtol, self.atol, self.equal_nan)
                for one, other in zip(before, list(last)[1:], strict=True)
            )
            change = float(np.abs(value.astype("f8") - last[-2].astype("f8")).max()) if value.size else 0.0
            message = f"unchanged over the last {self.num_steps} saved steps"
            yield from self.test(tensor.key, step.number, change, same, self.atol, message)

    def missing_tensors(self) -> str:
        if not self._last:
            return super().missing_tensors()
        return f"UnchangedTensor could not be evaluated: it compares {self.num_steps} saved steps of a tensor and saw fewer."


@dataclass(slots=True)
class _Other:
    """Another run, and the steps that only one of the two has shown so far."""

    place: str
    saved: SavedTensors
    steps: dict[int, SavedStep] = field(default_factory=dict)
    pending: dict[int, list[SavedTensor]] = field(default_factory=dict)


@dataclass(kw_only=True)
class SimilarAcrossRuns(ChosenTensorsRule):
    """A tensor differs from the tensor of the same name at the same step of another run (`other_trials`: folders or prefixes).

    AWS does not say how much may differ; here numpy.allclose with its usual tolerances has to hold. A step that the other
    run has not reached yet is compared when it has.
    """

    advice = "Compare the seeds, the data, the versions and the machines of the two runs."
    other_trials: tuple[str, ...] = names()
    _others: list["_Other"] = field(init=False, repr=False, default_factory=list)

    def __post_init__(self) -> None:
        if not self.other_trials:
            raise ParameterError("SimilarAcrossRuns needs other_trials: the folder or S3 prefix of another run's tensors.")
        self._others = [_Other(place, SavedTensors(open_source(place))) for place in self.other_trials]

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterator[Evidence]:
        for other in self._others:
            other.pending[step.number] = self.chosen(saved, step)
        yield from self._compare()

    def waiting(self, seconds: float) -> Iterator[Evidence]:
        yield from self._compare()

    def at_end(self, saved: SavedTensors) -> Iterator[Evidence]:
        yield from self._compare()

    def _compare(self) -> Iterator[Evidence]:
        for other in self._others:
            other.steps.update({step.number: step for step in other.saved.poll()})
            for one in sorted(other.pending.keys() & other.steps.keys()):
                yield from self._against(other.place, other.steps.pop(one), other.pending.pop(one))

    def _against(self, place: str, step: SavedStep, tensors: list[SavedTensor]) -> Iterator[Evidence]:
        theirs = {tensor.key: tensor for tensor in step.tensors}
        for tensor in tensors:
            own, other = tensor.value(), theirs[tensor.key].value() if tensor.key in theirs else None
            if own is None or other is None or own.dtype.kind not in "fiub":
                continue
            same = own.shape == other.shape and bool(np.allclose(own, other, equal_nan=True))
            gap = float(np.abs(own.astype("f8") - other.astype("f8")).max()) if own.shape == other.shape and own.size else 0.0
            message = f"differs from {place} by up to {gap:.4g}" if own.shape == other.shape else f"another shape than in {place}"
            yield from self.test(tensor.key, step.number, gap, not same, 1e-8, message)

    def missing_tensors(self) -> str:
        return "SimilarAcrossRuns could not be evaluated: the two runs saved no tensor of one name at one step."
