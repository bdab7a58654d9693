"""The tensors that a job's smdebug hook saves are read while it writes them: steps in order, and the tensors of each.

A step is given out once every worker has written it or a later one, or once the job has ended, so a rule never sees half a
step. Names, collections and file layout are smdebug's.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.errors import SourceError
from rules.reading.json_fields import inner_path, text, whole
from rules.reading.source import Source, json_object
from rules.reading.tensor_file import decode

END = "training_job_end.ts"
_REDUCTION = "smdebug/reductions/"
_EMPTY: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Where the bytes of a tensor lie."""

    file: str
    start: int
    length: int


@dataclass(slots=True)
class SavedTensor:
    """A tensor that one worker saved at one step: whole, or as reductions (such as `mean`, `abs_mean`), or both."""

    name: str
    worker: str
    source: Source
    whole: ByteRange | None = None
    reductions: dict[str, ByteRange] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name, with the worker where it is not the first."""
        return self.name if self.worker in ("", "worker_0") else f"{self.name} ({self.worker})"

    def value(self) -> NDArray[Any] | None:
        """The tensor; None where only reductions of it were saved. Raises SourceError."""
        return None if self.whole is None else _read(self.source, self.whole)

    def statistic(self, name: str) -> float | None:
        """One of smdebug's reductions, computed from the tensor or as it was saved; None where it is neither."""
        if self.whole is None:
            part = self.reductions.get(name)
            return None if part is None else float(_read(self.source, part))
        value = _read(self.source, self.whole).astype(np.float64)
        if name.startswith("abs_"):
            value = np.abs(value)
        if not value.size:
            return None
        plain = name.removeprefix("abs_")
        with np.errstate(all="ignore"):  # a tensor that is not finite has a statistic that is not, and no warning
            return float(getattr(value, "var" if plain == "variance" else plain)())


@dataclass(frozen=True, slots=True)
class _Collection:
    """Tensors, by name and by regexes, and when the hook saves them: smdebug's SaveConfig for each mode."""

    names: frozenset[str]
    regexes: tuple[re.Pattern[str], ...]
    saved: Mapping[str, Mapping[str, Any]]

    def has(self, name: str) -> bool:
        return name in self.names or any(regex.search(name) for regex in self.regexes)

    def saves_each_step(self, mode: str, steps: int) -> bool:
        """Whether none of the first steps of a mode is left out."""
        when = self.saved.get(mode, _EMPTY)
        end = when.get("end_step")
        whole_range = when.get("start_step", 0) in (0, None) and (end is None or whole(end) >= steps)
        return when.get("save_interval") == 1 and not when.get("save_steps") and whole_range


@dataclass(slots=True)
class SavedStep:
    """One saved step. `number` counts over all modes; `mode_step` those of `mode` (TRAIN, EVAL, PREDICT, GLOBAL) alone."""

    number: int
    mode: str
    mode_step: int
    modified: float
    tensors: list[SavedTensor] = field(default_factory=list)

    def goes_on(self, last: "SavedStep") -> bool:
        """Whether this step and an earlier one are of one mode and no step of another, saved or not, lies between them."""
        return self.mode == last.mode and self.number - last.number <= self.mode_step - last.mode_step


class SavedTensors:
    """The tensors of one job. `poll` looks for new steps; `ended` says, then, whether there will be no more."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._waiting: dict[int, dict[str, SavedStep]] = {}
        self._seen: set[str] = set()
        self._released = ""
        self._newest: dict[str, int] = {}
        self._collections: dict[str, _Collection] = {}
        self._workers: int | None = None
        self.ended = False

    def poll(self, *, final: bool = False) -> list[SavedStep]:
        """The steps that are complete since the last call; with `final`, as if the job had ended. Raises SourceError."""
        ended = final or self._source.has(END)
        self._read_collections()
        for file in self._source.files("index/", self._released):
            if file.name not in self._seen and file.name.endswith(".json"):
                self._take(file.name, file.modified)
        self.ended = ended
        done = [number for number in sorted(self._waiting) if ended or self._complete(number)]
        return [self._release(number) for number in done]

    def select(self, step: SavedStep, collections: Iterable[str] = (), regex: str | None = None) -> list[SavedTensor]:
        """The tensors of a step that are in one of the collections, or whose name the regex finds; by name, then by worker."""
        tests = [self._collections[name] for name in collections if name in self._collections]
        pattern = re.compile(regex) if regex else None
        found = [
            tensor
            for tensor in step.tensors
            if (pattern and pattern.search(tensor.name)) or any(test.has(tensor.name) for test in tests)
        ]
        return sorted(found, key=lambda tensor: (tensor.name, tensor.worker))

    def saves_each_step(self, name: str, mode: str, steps: int) -> bool:
        """Whether the hook was told to save a tensor at each of the first `steps` steps of a mode: the job had no others then."""
        return any(one.has(name) and one.saves_each_step(mode, steps) for one in self._collections.values())

    def _complete(self, number: int) -> bool:
        written = sum(newest >= number for newest in self._newest.values())
        return self._workers is not None and written >= self._workers

    def _release(self, number: int) -> SavedStep:
        parts = self._waiting.pop(number)
        first = next(iter(parts.values()))
        merged = SavedStep(first.number, first.mode, first.mode_step, max(part.modified for part in parts.values()))
        for part in parts.values():
            merged.tensors += part.tensors
        self._released = f"index/{number // 1000:09d}/{number:012d}"
        self._seen = {name for name in self._seen if name > self._released}
        return merged

    def _take(self, name: str, modified: float) -> None:
        """One index file: the tensors that one worker saved at one step."""
        match = re.search(r"(\d{12})_(.+)\.json$", name)
        if not match:
            raise SourceError(f"{name} is no index file of smdebug's hook.")
        number, worker = int(match[1]), match[2]
        body = json_object(name, self._source.read(name))
        meta = body.get("meta", _EMPTY)
        try:
            step = SavedStep(number, text(meta["mode"]), whole(meta["mode_step"]), modified)
            found: dict[str, SavedTensor] = {}
            for entry in body.get("tensor_payload", ()):
                part = ByteRange(inner_path(meta["event_file_name"]), whole(entry["start_idx"], 0), whole(entry["length"], 0))
                saved, reduction = _names(text(entry["tensorname"]))
                tensor = found.setdefault(saved, SavedTensor(saved, worker, self._source))
                if reduction:
                    tensor.reductions[reduction] = part
                else:
                    tensor.whole = part
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SourceError(f"{name} is no index file of smdebug's hook: {error!r}.") from None
        step.tensors = list(found.values())
        self._seen.add(name)
        self._waiting.setdefault(number, {})[worker] = step
        self._newest[worker] = max(number, self._newest.get(worker, -1))

    def _read_collections(self) -> None:
        """The newest collections file: a hook writes it again when it has saved more."""
        names = [file.name for file in self._source.files("collections/") if file.name.endswith(".json")]
        if not names:
            return
        body = json_object(names[-1], self._source.read(names[-1]))
        try:
            self._workers = whole(body["_meta"]["num_workers"])
            for name, about in body["collections"].items():
                regexes = tuple(re.compile(text) for text in about.get("include_regex", ()))
                saved = {mode: dict(when or _EMPTY) for mode, when in (about.get("save_config") or _EMPTY).items()}
                self._collections[name] = _Collection(frozenset(about.get("tensor_names", ())), regexes, saved)
        except (KeyError, TypeError, ValueError, AttributeError, re.error) as error:
            raise SourceError(f"{names[-1]} is no collections file of smdebug's hook: {error!r}.") from None


def _names(saved: str) -> tuple[str, str]:
    """A tensor's name and, of a saved reduction, which: smdebug writes both into one name."""
    if _REDUCTION not in saved:
        return saved, ""
    reduction, _, name = saved.split(_REDUCTION, 1)[1].partition("/")
    return name, reduction


def _read(source: Source, part: ByteRange) -> NDArray[Any]:
    try:
        return decode(source.read(part.file, part.start, part.length))
    except FileNotFoundError:
        raise SourceError(f"{part.file} is missing, though the index names it.") from None
