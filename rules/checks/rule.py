"""A rule is a dataclass of parameters that is shown what a job wrote, and answers with evidence.

It reads no files itself and decides no status; evaluation.py does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypedDict

from rules.checks.parameters import names, regex
from rules.checks.thinning import MOST, thin
from rules.errors import ParameterError
from rules.reading.saved_tensors import SavedStep, SavedTensor, SavedTensors

MOST_POINTS = 2 * MOST
"""Points kept of each subject: an evaluation follows a job for days. Where there are more, half of them are left out."""
LEARNING = ("TRAIN", "GLOBAL")
"""The modes in which weights change: what is compared from step to step is compared in these alone."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that a rule found. `subject`: the tensor, the GPU or the node. `value` was tested against `threshold`."""

    subject: str
    step: int
    value: float
    threshold: float
    message: str
    """A sentence with the numbers in it."""


class EvidenceRow(TypedDict):
    """Evidence as a result file holds it. A number that is infinite or not a number is null there."""

    subject: str
    step: int
    value: float | None
    threshold: float | None
    message: str


@dataclass(kw_only=True)
class Rule:
    """The base of all rules. `series`: what was plotted for each subject, as [step or time, value]."""

    advice: ClassVar[str] = ""
    """What a person may do when the rule has fired."""

    series: dict[str, list[tuple[float, float]]] = field(init=False, repr=False, default_factory=dict)
    tested: int = field(init=False, repr=False, default=0)
    """How many values were held against a threshold: with none, nothing can be said of the job."""

    @property
    def name(self) -> str:
        """AWS's name of the rule."""
        return type(self).__name__

    def parameters(self) -> dict[str, Any]:
        """The parameters with their values."""
        return {one.name: getattr(self, one.name) for one in fields(self) if "parse" in one.metadata}

    def test(self, subject: str, at: float, value: float, is_bad: bool, threshold: float, message: str) -> Iterator[Evidence]:
        """Counts and plots a tested value; gives evidence where it is bad."""
        self.tested += 1
        points = self.series.setdefault(subject, [])
        points.append((at, float(value)))
        if len(points) > MOST_POINTS:
            points[:] = thin(points, MOST_POINTS // 2)
        if is_bad:
            yield Evidence(subject, int(at), float(value), float(threshold), message)

    def missing_input(self) -> str | None:
        """Says, after the job's end, what the job did not save and what would help; None where nothing was missing."""
        raise NotImplementedError

    def not_judged(self) -> str | None:
        """Says, after the job's end, why nothing was judged though nothing was missing; None where something was judged."""
        return None


@dataclass(kw_only=True)
class TensorRule(Rule):
    """A Debugger rule: is shown the saved steps in order.

    `wanted` names the collections (or, with a slash before it, the regex) that it needs, for the message when they are absent.
    """

    wanted: ClassVar[str] = ""
    save: ClassVar[str] = "1"
    """The save_interval that it makes sense with, for that message."""
    _too_few: str | None = field(init=False, repr=False, default=None)
    """Why what was saved, though it is what the rule reads, was too little to compare."""

    def at_step(self, saved: SavedTensors, step: SavedStep) -> Iterable[Evidence]:
        """Checks one saved step."""
        raise NotImplementedError

    def waiting(self, seconds: float) -> Iterable[Evidence]:
        """Checks a job that has not ended and has saved nothing for so long."""
        return ()

    def at_end(self, saved: SavedTensors) -> Iterable[Evidence]:
        """Checks what only the end of the job can show."""
        return ()

    def missing_input(self) -> str | None:
        if self.tested or self._too_few:
            return None
        return f"{self.missing_tensors()} {self.remedy()}"

    def not_judged(self) -> str | None:
        return None if self.tested else self._too_few

    def missing_tensors(self) -> str:
        """The first sentence of `missing_input`: which tensors the job did not save."""
        return f"{self.name} could not be evaluated: the job saved no tensors that it reads ({self.wanted})."

    def remedy(self) -> str:
        """The second sentence: what would have them saved."""
        return f"Save them: add {self.collection()} to DebugHookConfig.CollectionConfigurations."

    def collection(self) -> str:
        """The CollectionConfiguration that would save them."""
        return collection(self.wanted, interval=self.save)


@dataclass(kw_only=True)
class ChosenTensorsRule(TensorRule):
    """A rule over the tensors that its parameters collection_names and tensor_regex choose, together."""

    collection_names: tuple[str, ...] = names()
    tensor_regex: str | None = regex(None)

    def chosen(self, saved: SavedTensors, step: SavedStep) -> list[SavedTensor]:
        """The tensors of a step that are meant; all of them where nothing was chosen."""
        if not self.collection_names and not self.tensor_regex:
            return sorted(step.tensors, key=lambda tensor: (tensor.name, tensor.worker))
        return saved.select(step, self.collection_names, self.tensor_regex)

    def need_choice(self) -> None:
        """Raises ParameterError where nothing was chosen."""
        if not self.collection_names and not self.tensor_regex:
            raise ParameterError(f"{self.name} needs collection_names or tensor_regex, such as collection_names=weights.")

    def missing_tensors(self) -> str:
        return f"{self.name} could not be evaluated: the job saved no tensors that it reads ({self._chosen() or 'any at all'})."

    def collection(self) -> str:
        if self.tensor_regex:
            return collection("chosen", self.tensor_regex, interval=self.save)
        return collection((self.collection_names or ("losses",))[0], interval=self.save)

    def _chosen(self) -> str:
        parts = [f"collection {name}" for name in self.collection_names]
        return ", ".join(parts + [f"names that match {self.tensor_regex}"] * bool(self.tensor_regex))


def collection(name: str, include_regex: str = "", *, interval: str = "1") -> str:
    """A CollectionConfiguration as the API takes it."""
    parameters = {**({"include_regex": include_regex} if include_regex else {}), "save_interval": interval}
    inside = ", ".join(f'"{key}": "{value}"' for key, value in parameters.items())
    return f'{{"CollectionName": "{name}", "CollectionParameters": {{{inside}}}}}'


def evidence_row(evidence: Evidence) -> EvidenceRow:
    """Converts evidence to what JSON can hold."""
    return EvidenceRow(
        subject=evidence.subject,
        step=evidence.step,
        value=evidence.value,
        threshold=evidence.threshold,
        message=evidence.message,
    )
