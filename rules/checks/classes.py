"""These rules look at labels and predictions: classes that are rare, or taken for one another."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.checks.parameters import flag, number, regex, text
from rules.checks.rule import Evidence, TensorRule, collection
from rules.reading.saved_tensors import SavedStep, SavedTensor, SavedTensors

LABELS = r".*labels$|CrossEntropyLoss_input_1$"
PREDICTIONS = r".*predictions$|CrossEntropyLoss_input_0$"
"""AWS's names, and what PyTorch's CrossEntropyLoss is given: a hook that saves its inputs needs no change of the script."""


def pairs(labels: list[SavedTensor], predictions: list[SavedTensor], argmax: bool = False) -> tuple[NDArray[Any], NDArray[Any]]:
    """Labels and predicted classes of one step, each [n]. Predictions of two dimensions are scores: the largest counts."""
    theirs = {tensor.worker: tensor for tensor in predictions}
    found: list[tuple[NDArray[Any], NDArray[Any]]] = []
    for tensor in labels:
        own, other = tensor.value(), theirs[tensor.worker].value() if tensor.worker in theirs else None
        if own is None or other is None:
            continue
        if argmax or (other.ndim > 1 and other.shape[-1] > 1):
            other = other.argmax(axis=-1)
        own, other = own.ravel(), other.ravel()
        if len(own) == len(other):
            found.append((own.round().astype(int), other.round().astype(int)))
    if not found:
        return np.zeros(0, int), np.zeros(0, int)
    return np.concatenate([own for own, _ in found]), np.concatenate([other for _, other in found])


@dataclass(kw_only=True)
class ClassImbalance(TensorRule):
    """After `samples` labels: the most frequent class is more than `threshold_imbalance` times as frequent as the rarest, or more
    than `threshold_misprediction` of a rare class is mispredicted.

    Counts of a few are uncertain (of 133 equal classes, 500 labels easily hold one ten times and another never), so the
    ratio has to hold for the counts moved by two standard deviations towards each other. AWS documents the second for classes
    that are rare; of a network that has learned nothing yet, every class is mispredicted, so the others must not be.
    """

    wanted = "labels and predictions"
    advice = "Sample or weight the rare classes more, or collect more of them."
    threshold_imbalance: float = number(10.0, 1)
    threshold_misprediction: float = number(0.7, 0, 1)
    samples: int = number(500, 1)
    argmax: bool = flag(False)
    labels_regex: str = regex(LABELS)
    predictions_regex: str = regex(PREDICTIONS)
    _counts: NDArray[Any] = field(init=False, repr=False, default_factory=lambda: np.zeros(0))
    _window: list[tuple[NDArray[Any], NDArray[Any]]] = field(init=False, repr=False, default_factory=list)

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterator[Evidence]:
        labels, predicted = pairs(
            saved.select(step, regex=self.labels_regex), saved.select(step, regex=self.predictions_regex), self.argmax
        )
        if not len(labels) or labels.min() < 0:
            return
        size = max(len(self._counts), int(labels.max()) + 1)
        self._counts = np.pad(self._counts, (0, size - len(self._counts))) + np.bincount(labels, minlength=size)
        self._window.append((labels, predicted))
        if sum(len(own) for own, _ in self._window) < self.samples:
            return
        labels, predicted = (np.concatenate(part) for part in zip(*self._window, strict=True))
        self._window = []
        yield from self._ratio(step)
        yield from self._mispredictions(step, labels, predicted)

    def _ratio(self, step: SavedStep) -> Iterator[Evidence]:
        most, least = int(self._counts.argmax()), int(self._counts.argmin())
        high, low = self._counts[most], self._counts[least]
        ratio = max(1.0, (high - 2 * np.sqrt(high)) / (low + 2 * np.sqrt(low + 1) + 1))
        message = f"{high:.0f} labels of class {most} and {low:.0f} of class {least}: at least {ratio:.3g} to 1"
        yield from self.test("labels", step.number, ratio, ratio > self.threshold_imbalance, self.threshold_imbalance, message)

    def _mispredictions(self, step: SavedStep, labels: NDArray[Any], predicted: NDArray[Any]) -> Iterator[Evidence]:
        rare = self._counts + 2 * np.sqrt(self._counts + 1) < self._counts.mean() / 2
        wrong = labels != predicted
        common = ~rare[labels]
        if not common.any() or wrong[common].mean() > self.threshold_misprediction:
            return
        for one in np.flatnonzero(rare & (np.bincount(labels, minlength=len(rare)) > 0)):
            share = float(wrong[labels == one].mean())
            message = f"{100 * share:.3g} % of the rare class {one} is mispredicted, {100 * wrong[common].mean():.3g} % of others"
            bad = share > self.threshold_misprediction
            yield from self.test(f"class {one}", step.number, share, bad, self.threshold_misprediction, message)

    def missing_tensors(self) -> str:
        if not len(self._counts):
            return super().missing_tensors()
        return f"ClassImbalance could not be evaluated: samples is {self.samples} and {self._counts.sum():.0f} labels were saved."

    def collection(self) -> str:
        return collection("classes", f"{self.labels_regex},{self.predictions_regex}".replace("|", ","))


@dataclass(kw_only=True)
class Confusion(TensorRule):
    """In the confusion matrix, a class is predicted rightly in less than `min_diag` of its pictures, or is taken for one
    other class in more than `max_off_diag`.

    Shares are of the true class. AWS's documented formula divides a diagonal cell by the sum of the diagonal, which could never
    reach 0.9 for every one of two classes. The matrix is of one evaluation (EVAL) or of one step (GLOBAL); steps of TRAIN are
    not judged, for at its beginning every network confuses everything.
    """

    wanted = "labels and predictions"
    advice = "Look at the pictures of the two classes, and at their labels."
    category_no: int | None = number(None, 1, whole=True)
    labels: str = regex(LABELS)
    predictions: str = regex(PREDICTIONS)
    labels_collection: str = text("labels")
    predictions_collection: str = text("predictions")
    min_diag: float = number(0.9, 0, 1)
    max_off_diag: float = number(0.1, 0, 1)
    _open: list[tuple[SavedStep, NDArray[Any], NDArray[Any]]] = field(init=False, repr=False, default_factory=list)
    """The steps of an evaluation that has not ended, with their labels and predictions."""
    matrix: NDArray[Any] = field(init=False, repr=False, default_factory=lambda: np.zeros((0, 0), int))

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterator[Evidence]:
        if self._open and not step.goes_on(last := self._open[-1][0]):
            yield from self._close(last.number)
        if step.mode not in ("EVAL", "GLOBAL"):
            return
        labels, predicted = pairs(
            saved.select(step, [self.labels_collection], self.labels),
            saved.select(step, [self.predictions_collection], self.predictions),
        )
        if len(labels) and min(labels.min(), predicted.min()) >= 0:
            self._open.append((step, labels, predicted))
            if step.mode == "GLOBAL":
                yield from self._close(step.number)

    def at_end(self, saved: SavedTensors) -> Iterator[Evidence]:
        if self._open:
            yield from self._close(self._open[-1][0].number)

    def _close(self, step: int) -> Iterator[Evidence]:
        labels, predicted = (np.concatenate([part[index] for part in self._open]) for index in (1, 2))
        self._open = []
        size = max(self.category_no or 0, int(labels.max()) + 1, int(predicted.max()) + 1)
        self.matrix = np.bincount(labels * size + predicted, minlength=size * size).reshape(size, size)
        for one in np.flatnonzero(self.matrix.sum(axis=1)):
            shares = self.matrix[one] / self.matrix[one].sum()
            right, others = float(shares[one]), np.where(np.arange(size) == one, 0.0, shares)
            message = f"{100 * right:.3g} % of {self.matrix[one].sum()} are predicted rightly"
            yield from self.test(f"class {one}", step, right, right < self.min_diag, self.min_diag, message)
            other = int(others.argmax())
            message = f"{100 * others[other]:.3g} % are taken for class {other}"
            bad = others[other] > self.max_off_diag
            yield from self.test(f"class {one} as {other}", step, others[other], bad, self.max_off_diag, message)

    def missing_tensors(self) -> str:
        return "Confusion could not be evaluated: no labels with their predictions were saved in mode EVAL (or without a mode)."

    def collection(self) -> str:
        return collection("classes", f"{self.labels},{self.predictions}".replace("|", ","))
