"""These rules look at losses: not decreasing, overfitting, training on after the best."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from rules.checks.evaluation_losses import EvaluationLoss, EvaluationLosses
from rules.checks.parameters import flag, number, regex, text
from rules.checks.rule import LEARNING, ChosenTensorsRule, Evidence, TensorRule, collection
from rules.reading.saved_tensors import SavedStep, SavedTensor, SavedTensors


@dataclass(kw_only=True)
class LossNotDecreasing(ChosenTensorsRule):
    """Over `num_steps` steps the loss fell by less than `diff_percent` percent, or rose.

    AWS compares the loss of a step with that of the newest saved step at least `num_steps` older. Two single batches differ
    by chance, so here the mean over the last `num_steps` steps is compared with the mean over the `num_steps` before
    them; where few steps are saved the two are the same. How AWS's two percentages work together is not documented; a rise by
    more than `increase_threshold_percent` is a loss that fell by less than `diff_percent` in any reading, and the evidence says
    which it was. `mode` EVAL compares the means of whole evaluations; the default takes training, never a mixture.
    """

    advice = "Try other learning rates, both ways; look whether the labels belong to the pictures."
    use_losses_collection: bool = flag(True)
    num_steps: int = number(10, 1)
    diff_percent: float = number(0.1, 0, 100)
    increase_threshold_percent: float = number(5.0, 0)
    mode: str = text("GLOBAL")
    _seen: dict[str, list[tuple[int, float]]] = field(init=False, repr=False, default_factory=dict)
    _evaluations: dict[str, EvaluationLosses] = field(init=False, repr=False, default_factory=dict)
    _last: tuple[str, SavedStep] | None = field(init=False, repr=False, default=None)
    """The name of a loss, and the last step of training that it was saved at."""

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterator[Evidence]:
        evaluations = self.mode.upper().endswith("EVAL")
        for tensor in self._losses(saved, step):
            loss = tensor.statistic("mean")
            if loss is None:
                continue
            if evaluations:
                point = self._evaluations.setdefault(tensor.key, EvaluationLosses()).add(step, loss)
                yield from self._evaluated(tensor.key, point)
            elif step.mode in LEARNING:
                self._last = tensor.name, step
                yield from self._trained(tensor.key, step, loss)

    def at_end(self, saved: SavedTensors) -> Iterator[Evidence]:
        for key, evaluations in self._evaluations.items():
            yield from self._evaluated(key, evaluations.close())
        if self._last:
            name, step = self._last
            steps = f"LossNotDecreasing had nothing to evaluate: it compares losses {self.num_steps} steps apart, and "
            if saved.saves_each_step(name, step.mode, self.num_steps + 1):
                self._too_few = f"{steps}the job had {step.mode_step + 1} steps."
            else:
                self._too_few = f"{steps}no two were saved. {self.remedy()}"

    def _losses(self, saved: SavedTensors, step: SavedStep) -> list[SavedTensor]:
        collections = (*self.collection_names, *(["losses"] if self.use_losses_collection else []))
        return saved.select(step, collections, self.tensor_regex)

    def _trained(self, key: str, step: SavedStep, loss: float) -> Iterator[Evidence]:
        seen = self._seen.setdefault(key, [])
        seen.append((step.mode_step, loss))
        now, width = step.mode_step, self.num_steps
        older = [value for at, value in seen if at <= now - width]
        if not older:
            return
        before = [value for at, value in seen if now - 2 * width < at <= now - width] or older[-1:]
        newest = [value for at, value in seen if at > now - width]
        self._seen[key] = [(at, value) for at, value in seen if at > now - 3 * width] if len(seen) > 4 * width else seen
        yield from self._judge(key, step.number, float(np.mean(before)), float(np.mean(newest)))

    def _evaluated(self, key: str, point: EvaluationLoss | None) -> Iterator[Evidence]:
        if point is None:
            return
        seen = self._seen.setdefault(key, [])
        seen.append((point.step, point.evaluation))
        if len(seen) > 1:
            yield from self._judge(key, point.step, seen[-2][1], point.evaluation)
            del seen[:-1]

    def _judge(self, key: str, step: int, before: float, now: float) -> Iterator[Evidence]:
        change = 100 * (now - before) / abs(before) if before else (0.0 if now == before else np.inf)
        rose = not change <= self.increase_threshold_percent
        message = f"the loss {'rose' if rose else 'did not fall'}: {before:.4g}, then {now:.4g} ({change:+.3g} %)"
        limit = self.increase_threshold_percent if rose else -self.diff_percent
        yield from self.test(key, step, change, not change <= -self.diff_percent, limit, message)

    def missing_tensors(self) -> str:
        if self._evaluations:
            return "LossNotDecreasing could not be evaluated: it compares one evaluation with the next and saw only one."
        return "LossNotDecreasing could not be evaluated: the job saved no losses of training."


@dataclass(kw_only=True)
class _EvaluationRule(TensorRule):
    """A rule that looks at evaluations, one after the other."""

    wanted = "losses"
    _evaluations: dict[str, EvaluationLosses] = field(init=False, repr=False, default_factory=dict)
    _modes: set[str] = field(init=False, repr=False, default_factory=set)
    """Those of the steps whose losses were saved."""

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterator[Evidence]:
        for tensor in self.losses(saved, step):
            self._modes.add(step.mode)
            loss = tensor.statistic("mean")
            if loss is not None and step.mode != "PREDICT":
                yield from self._told(tensor.key, self._evaluations.setdefault(tensor.key, EvaluationLosses()).add(step, loss))

    def at_end(self, saved: SavedTensors) -> Iterator[Evidence]:
        for key, evaluations in self._evaluations.items():
            yield from self._told(key, evaluations.close())
        if self._modes and "EVAL" not in self._modes:
            why = "the script sets no mode" if self._modes == {"GLOBAL"} else "no loss of mode EVAL was saved"
            self._too_few = f"{self.name} had nothing to evaluate: {why}, so no validation loss can be compared. {self.remedy()}"

    def losses(self, saved: SavedTensors, step: SavedStep) -> list[SavedTensor]:
        return saved.select(step, ["losses"])

    def judge(self, key: str, point: EvaluationLoss) -> Iterator[Evidence]:
        raise NotImplementedError

    def _told(self, key: str, point: EvaluationLoss | None) -> Iterator[Evidence]:
        if point is not None:
            yield from self.judge(key, point)

    def missing_tensors(self) -> str:
        return f"{self.name} could not be evaluated: it compares losses of mode TRAIN with losses of mode EVAL and saw too few."

    def remedy(self) -> str:
        call = "all hook.set_mode(modes.TRAIN) before each training and hook.set_mode(modes.EVAL) before each evaluation."
        if self._modes == {"GLOBAL"}:
            return f"C{call}"
        return super().remedy() if "EVAL" in self._modes or not self._modes else f"{super().remedy()} C{call}"


@dataclass(kw_only=True)
class Overfit(_EvaluationRule):
    """(evaluation loss - training loss) / training loss is above `ratio_threshold` in `patience` evaluations in a row.

    Over how many steps AWS takes its means is not documented. Here: the whole evaluation, and the training since the one before.
    """

    advice = "Stop at the best evaluation; add data, augmentation, weight decay or dropout; train fewer layers."
    tensor_regex: str | None = regex(None)
    start_step: int = number(0, 0)
    patience: int = number(1, 1)
    ratio_threshold: float = number(0.1, 0)
    _above: dict[str, int] = field(init=False, repr=False, default_factory=dict)

    def losses(self, saved: SavedTensors, step: SavedStep) -> list[SavedTensor]:
        return saved.select(step, [] if self.tensor_regex else ["losses"], self.tensor_regex)

    def judge(self, key: str, point: EvaluationLoss) -> Iterator[Evidence]:
        if point.train is None or point.step < self.start_step:
            return
        ratio = (point.evaluation - point.train) / point.train if point.train else np.inf
        self._above[key] = self._above.get(key, 0) + 1 if ratio > self.ratio_threshold else 0
        message = f"loss {point.evaluation:.4g} in evaluation and {point.train:.4g} in training, {100 * ratio:.3g} % more"
        yield from self.test(key, point.step, ratio, self._above[key] >= self.patience, self.ratio_threshold, message)


@dataclass(kw_only=True)
class Overtraining(_EvaluationRule):
    """The loss has had no new best, by more than `delta`, for too long: the evaluation's in `patience_validation`
    evaluations, or both the evaluation's and the training's in `patience_train` of them.

    How AWS combines the two patiences is not documented, and its steps are single batches, of which few are a new best in
    any training; here an evaluation, and the training before it, counts as one.
    """

    advice = "Stop earlier, at the best evaluation, or lower the learning rate there."
    patience_train: int = number(5, 1)
    patience_validation: int = number(10, 1)
    delta: float = number(0.01, 0)
    _best: dict[str, list[tuple[float, int]]] = field(init=False, repr=False, default_factory=dict)

    def judge(self, key: str, point: EvaluationLoss) -> Iterator[Evidence]:
        if point.train is None:
            return
        kept = self._best.setdefault(key, [(np.inf, 0), (np.inf, 0)])
        for index, loss in enumerate((point.train, point.evaluation)):
            best, since = kept[index]
            kept[index] = (loss, 0) if loss < best - self.delta else (best, since + 1)
        (_, train), (best, evaluation) = kept
        over = evaluation >= self.patience_validation or min(train, evaluation) >= self.patience_train
        message = f"no evaluation better than {best:.4g} in {evaluation}, no training in {train}"
        yield from self.test(key, point.step, evaluation, over, self.patience_validation, message)


@dataclass(kw_only=True)
class StalledTrainingRule(TensorRule):
    """Nothing was saved for `threshold` seconds while the job ran. Of a job that has ended, the files' times tell.

    With `stop_training_on_fire`, the job whose name begins with `training_job_name_prefix` is stopped, by the same action
    as StopTraining.
    """

    wanted = "losses"
    advice = "Read the job's log; look for a data loader or another host that hangs."
    threshold: float = number(1800.0, over=0)
    stop_training_on_fire: bool = flag(False)
    training_job_name_prefix: str | None = text(None)
    _last: SavedStep | None = field(init=False, repr=False, default_factory=lambda: None)

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterator[Evidence]:
        seconds = max(0.0, step.modified - self._last.modified) if self._last else 0.0
        self._last = step
        yield from self._judge(step.number, seconds)

    def waiting(self, seconds: float) -> Iterator[Evidence]:
        if seconds > self.threshold:
            yield from self._judge(self._last.number if self._last else 0, seconds)

    def _judge(self, step: int, seconds: float) -> Iterator[Evidence]:
        message = f"nothing new was saved for {seconds:.0f} seconds"
        yield from self.test("training", step, seconds, seconds > self.threshold, self.threshold, message)

    def collection(self) -> str:
        return collection("losses")
