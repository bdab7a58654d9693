"""The training loop takes the steps of every epoch, validates after each, saves checkpoints, and stops when asked.

Everything random follows from the seed and the position (epoch and step), so a job that goes on from a checkpoint takes the very
steps it would have taken. Every rank runs the same code at the same step. The loop reads no files itself.
"""

import math
import statistics
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import astuple, dataclass, field
from typing import Any, NotRequired, TypedDict

import torch
from torch import nn

from contract.splits import TRAIN, VALIDATION
from contract.timeline import BACKWARD, COPY, FORWARD, OPTIMIZER
from train.checkpoint import Checkpoints
from train.config import Config
from train.data import batch_order
from train.data.features import FeatureLoader
from train.data.inputs import Inputs
from train.data.loader import Batch, Loader
from train.errors import NotFiniteError
from train.model import learning_rates
from train.model.ema import ExponentialMovingAverage
from train.model.network import Network
from train.model.optimiser import AdamW
from train.output_files import StepLog
from train.profiling.debug_hook import Hook, NoHook
from train.profiling.profiler import NoProfiler, Profiler
from train.ranks import Ranks
from train.report import Report


@dataclass(slots=True)
class Position:
    """How far training has come. `taken`: steps since the job began, over all its attempts. `step`: steps of this epoch; the sums
    of their losses, right answers and pictures, over all ranks, follow."""

    taken: int = 0
    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    correct: float = 0.0
    pictures: float = 0.0


class LoopState(TypedDict):
    """What a checkpoint keeps of a loop, as tensors and plain values. `position` has the fields of Position, in order."""

    model: dict[str, Any]
    optimiser: dict[str, Any]
    position: list[Any]
    history: list[dict[str, float]]
    ema: NotRequired[dict[str, torch.Tensor]]


@dataclass(frozen=True, slots=True)
class Score:
    """An evaluation over all ranks. `predictions`: index of each picture and of its predicted class, and how sure (0 to 1)."""

    loss: float
    accuracy: float
    predictions: tuple[tuple[int, int, float], ...] = ()


@dataclass(slots=True, kw_only=True)
class Loop:
    """Training of one network. `indices`: of the usable pictures of each split."""

    config: Config
    inputs: Inputs
    network: Network
    ranks: Ranks
    loader: Loader | FeatureLoader
    checkpoints: Checkpoints
    report: Report
    indices: dict[str, list[int]]
    hook: Hook | NoHook
    loss: nn.CrossEntropyLoss
    """Takes logits and labels; its `label_smoothing` is set for training and taken away for evaluation."""
    precision: torch.dtype = torch.float32
    profiler: Profiler | NoProfiler = field(default_factory=NoProfiler)
    position: Position = field(default_factory=Position)
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """Duration of each step of this run, from its start to the start of the next."""
    saved: int | None = None
    """The step of the newest checkpoint."""
    log: StepLog | None = None
    score: Score | None = None
    """The newest evaluation of this run."""
    _parallel: nn.Module = field(init=False)
    _optimiser: torch.optim.Optimizer = field(init=False)
    _ema: ExponentialMovingAverage | None = field(init=False)

    def __post_init__(self) -> None:
        config = self.config
        self._parallel = self.ranks.parallel(self.network.module)
        self._optimiser = AdamW(
            learning_rates.param_groups(self.network, config),
            lr=config.lr,
            weight_decay=config.weight_decay,
            eps=config.eps,
            fused=True,
        )
        self._ema = ExponentialMovingAverage(self.network, config.ema_decay) if config.ema_decay else None

    @property
    def steps(self) -> int:
        """Steps of one epoch."""
        return batch_order.steps_per_epoch(len(self.indices[TRAIN]), self.config.batch_size)

    def state(self) -> LoopState:
        """Everything that a later attempt needs; the position stands for the random state."""
        state: LoopState = {
            "model": self.network.module.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "position": list(astuple(self.position)),
            "history": self.history,
        }
        if self._ema:
            state["ema"] = self._ema.state()
        return state

    def restore(self, state: LoopState) -> None:
        """Goes on where the attempt stood that returned this `state`."""
        self.network.module.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        if self._ema:
            self._ema.restore(state["ema"])
        self.position = Position(*state["position"])
        self.history = list(state["history"])
        self.saved = self.position.taken

    def weights(self) -> dict[str, torch.Tensor]:
        """The network's state for export: its averaged weights where the job asks for an EMA."""
        with self._averaged():
            return {name: tensor.detach().clone() for name, tensor in self.network.module.state_dict().items()}

    def _averaged(self) -> AbstractContextManager[None]:
        return self._ema.applied() if self._ema else nullcontext()

    def run(self) -> bool:
        """Trains to the end of the last epoch; False when a stop was asked for before that."""
        for epoch in range(self.position.epoch, self.config.epochs):
            if epoch > self.position.epoch:
                self.position = Position(taken=self.position.taken, epoch=epoch)
            finished = self._train_epoch()
            self.save()
            score = self.evaluate(VALIDATION) if finished else None
            if score is None:
                return False
            self._close_epoch(score)
        return True

    def save(self) -> None:
        """Saves a checkpoint of this step, unless there is one."""
        if self.saved != self.position.taken:
            if self.ranks.first:
                self.checkpoints.save(self.position.taken, self.state())
            self.saved = self.position.taken

    def _train_epoch(self) -> bool:
        """The rest of the epoch; False when a stop was asked for: the step during which that happens is the last."""
        epoch, config = self.position.epoch, self.config
        batches = batch_order.epoch_batches(self.indices[TRAIN], config.batch_size, config.seed, epoch)[self.position.step :]
        if self.ranks.summed(self.ranks.stop_asked())[0]:
            return False
        self.network.train()
        self.loss.label_smoothing = config.label_smoothing
        self.hook.training()
        parts = [batch_order.rank_part(batch, self.ranks.rank, self.ranks.size) for batch in batches]
        started = time.perf_counter()
        loaded = self.profiler.training(self.loader.training(epoch, parts), self.position.taken + 1)
        for batch, whole in zip(loaded, batches, strict=True):
            stop = self._take_step(batch, whole)
            now = time.perf_counter()
            self.seconds.append(now - started)
            started = now
            self._show("train", self.position.step, self.steps, f"loss {self.position.loss / self.position.pictures:.4f}")
            if stop:
                return False
            if config.checkpoint_interval and self.position.taken % config.checkpoint_interval == 0:
                self.save()
        return True

    def _take_step(self, batch: Batch, whole: batch_order.Indices) -> bool:
        """Takes one step on this rank's part of a batch (`whole`: all of it); True when any rank was asked to stop."""
        position, number = self.position, self.position.taken + 1
        rate = self._rate()
        torch.manual_seed(batch_order.step_seed(self.config.seed, number, self.ranks.rank))
        with torch.autocast(self.inputs.device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16):
            logits, labels = self._forward(self._parallel, batch)
        logits = logits.float()
        loss = self.loss(logits, labels)
        correct = (logits.detach().argmax(1) == labels).sum()
        total, right, stop = self.ranks.summed(loss.item() * len(labels), correct.item(), self.ranks.stop_asked())
        if not math.isfinite(total):
            raise NotFiniteError(f"loss is {total} at step {number} with lr {rate:g}; lower lr; the last good checkpoint is kept")
        self.profiler.mark(BACKWARD)
        self._optimiser.zero_grad(set_to_none=True)
        # The mean over the whole batch: each rank's mean, weighted by its share, for DDP averages over the ranks.
        (loss * (len(labels) * self.ranks.size / len(whole))).backward()
        norm = torch.nn.utils.get_total_norm(
            [parameter.grad for parameter in self.network.parameters() if parameter.grad is not None]
        )
        if not torch.isfinite(norm):
            raise NotFiniteError(
                f"gradient is {norm.item()} at step {number} with lr {rate:g}; lower lr; the last good checkpoint is kept"
            )
        self.profiler.mark(OPTIMIZER)
        self._optimiser.step()
        if self._ema:
            self._ema.update(number)
        self.profiler.mark(None)
        position.taken += 1
        position.step += 1
        position.loss += total
        position.correct += right
        position.pictures += len(whole)
        if self.log is not None:
            self.log.add(number, position.epoch + 1, rate, total / len(whole), batch_order.batch_digest(whole))
        return stop > 0

    def _rate(self) -> float:
        """The learning rate of the coming step, set on the optimiser."""
        rate = self.config.lr * learning_rates.lr_factor(self.config, self.position.taken, self.steps * self.config.epochs)
        for group in self._optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        return rate

    def _forward(self, module: nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and labels."""
        self.profiler.mark(COPY)
        inputs, labels = self.inputs.of(batch), batch.labels.to(self.inputs.device, non_blocking=True)
        self.profiler.mark(FORWARD)
        return module(inputs), labels

    def evaluate(self, split: str) -> Score | None:
        """The network's loss and accuracy on a split, with the preprocessing that serving runs; None when stopped in it."""
        with self._averaged(), torch.no_grad():
            return self._evaluate(split)

    def _evaluate(self, split: str) -> Score | None:
        self.network.module.eval()
        self.loss.label_smoothing = 0.0
        self.hook.evaluating()
        indices, size = self.indices[split], max(1, self.config.batch_size // self.ranks.size)
        own = batch_order.rank_part(indices, self.ranks.rank, self.ranks.size)
        batches = [own[at : at + size] for at in range(0, len(own), size)]
        rounds = math.ceil(math.ceil(len(indices) / self.ranks.size) / size)
        loaded, sums = self.profiler.evaluation(self.loader.evaluation(batches)), [0.0, 0.0]
        predicted: list[tuple[int, int, float]] = []
        for number in range(rounds):
            if self.ranks.summed(self.ranks.stop_asked())[0]:
                return None
            if number >= len(batches):  # another rank has one picture more
                continue
            logits, labels = self._forward(self.network.module, next(loaded))
            best = logits.argmax(1)
            sums[0] += self.loss(logits, labels).item() * len(labels)
            sums[1] += (best == labels).sum().item()
            sure = logits.softmax(1).gather(1, best[:, None])[:, 0]
            predicted += zip(batches[number], best.tolist(), sure.tolist(), strict=True)
            self._show(split, number + 1, rounds, "")
        loss, correct = self.ranks.summed(*sums)
        if not math.isfinite(loss):
            raise NotFiniteError(
                f"{split} loss is {loss} after step {self.position.taken}; lower lr; the last good checkpoint is kept"
            )
        together = sorted(row for part in self.ranks.gathered(predicted) for row in part)
        self.score = Score(loss / len(indices), correct / len(indices), tuple(together))
        return self.score

    def _close_epoch(self, score: Score) -> None:
        position = self.position
        row = {
            "epoch": position.epoch + 1,
            "train:loss": position.loss / position.pictures,
            "train:accuracy": position.correct / position.pictures,
            "validation:loss": score.loss,
            "validation:accuracy": score.accuracy,
        }
        self.history.append(row)
        names = list(row)[1:]
        self.report.say(
            f"epoch {row['epoch']} of {self.config.epochs}: " + ", ".join(f"{name} {row[name]:.4f}" for name in names)
        )
        for name in names:
            self.report.metric(name, row[name])

    def pace(self) -> tuple[float, float] | None:
        """Median seconds a step and pictures a second; None when this run has taken no step."""
        if not self.seconds:
            return None
        median = statistics.median(self.seconds)
        return median, len(self.indices[TRAIN]) / self.steps / median

    def _show(self, what: str, done: int, of: int, more: str) -> None:
        self.report.progress(f"epoch {self.position.epoch + 1} of {self.config.epochs}  {what} {done}/{of}  {more}")
