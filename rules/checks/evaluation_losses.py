"""An evaluation's loss is the mean over its batches, and is compared with the mean of the training before it."""

from dataclasses import dataclass, field

from rules.reading.saved_tensors import SavedStep


@dataclass(frozen=True, slots=True)
class EvaluationLoss:
    """One evaluation. `step`: the last of its steps; `train`: the mean of the training losses since the evaluation before."""

    step: int
    train: float | None
    evaluation: float


@dataclass(slots=True)
class _Mean:
    """The mean of losses that are not kept: a job may train for days without an evaluation."""

    count: int = 0
    total: float = 0.0

    def add(self, loss: float) -> None:
        self.count += 1
        self.total += loss

    @property
    def value(self) -> float:
        return self.total / self.count


@dataclass(slots=True)
class EvaluationLosses:
    """Gathers the losses of one tensor into evaluations. Saved steps of EVAL with no step of another mode between them are one.

    A single batch's loss is noise: the batches of one evaluation differ more than two evaluations do.
    """

    _train: _Mean = field(default_factory=_Mean)
    _evaluation: _Mean = field(default_factory=_Mean)
    _last: SavedStep | None = None
    _before: float | None = None

    def add(self, step: SavedStep, loss: float) -> EvaluationLoss | None:
        """Takes a saved loss in; gives the evaluation that this step shows to be over."""
        done = None
        if self._evaluation.count and self._last is not None and not step.goes_on(self._last):
            done = self.close()
        if step.mode == "EVAL":
            self._evaluation.add(loss)
            self._last = step
        else:
            self._train.add(loss)
        return done

    def close(self) -> EvaluationLoss | None:
        """The evaluation that is open, where there is one."""
        if not self._evaluation.count or self._last is None:
            return None
        self._before = self._train.value if self._train.count else self._before
        point = EvaluationLoss(self._last.number, self._before, self._evaluation.value)
        self._train, self._evaluation = _Mean(), _Mean()
        return point
