"""Quantisation at the end of training: NNCF makes an int8 form, which is kept where it loses next to no accuracy.

Its ranges come from pictures of the train split and its accuracy from the validation split, never the other way round; the test
split is used for neither. bfloat16 is judged beside it. `contract.precision` has the rule of acceptance.
"""

import contextlib
import io
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import openvino

from contract import precision
from contract.machine import cgroup
from contract.pictures.preprocess import Preprocessing, normalise
from contract.precision import GRAPHS, Precision
from train.data.loader import Batch, Loader, as_loader_error
from train.report import Report

CALIBRATION = 300
"""Pictures of the train split, evenly spread over its classes: as many as NNCF itself takes."""
JUDGED = 2_000
"""Pictures of the validation split at most: the difference between two precisions is then known to a third of a point."""
LEAST_JUDGED = 100
"""Fewer can judge nothing: with 11, one picture is nine points, and none lost may still hide a loss of twenty points."""
Floats = npt.NDArray[np.float32]
_HINTS = {"int8": "f32", "bfloat16": "bf16", "float32": "f32"}


class Stopped(Exception):
    """The job was told to stop."""


class _ReadingFailed(Exception):
    """The pictures could not be read, which says nothing of the network. `error`: what is to be raised in its place."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Samples:
    """The pictures that calibrate and judge the int8 form, as the network's input: float32 [n, 3, side, side]."""

    def __init__(
        self, loader: Loader, spec: Preprocessing, indices: Mapping[str, Sequence[int]], batch: int, stopped: Callable[[], bool]
    ) -> None:
        """`indices`: positions of the usable pictures of each split. `batch`: pictures read at a time."""
        self._loader, self._spec, self._batch, self._stopped = loader, spec, batch, stopped
        self._calibration = _spread(indices["train"], CALIBRATION)
        self._judged = _spread(indices["validation"], JUDGED)

    @property
    def counts(self) -> tuple[int, int]:
        """The numbers of pictures to calibrate with and to judge by."""
        return len(self._calibration), len(self._judged)

    def calibration(self) -> Iterator[Floats]:
        """One picture at a time. Raises Stopped, as `validation` does."""
        for batch in self._read(self._calibration):
            for pixels in batch.pixels.numpy():
                if self._stopped():
                    raise Stopped
                yield normalise(pixels, self._spec)[None]

    def validation(self) -> Iterator[tuple[Floats, npt.NDArray[np.int64]]]:
        """Pictures and their labels."""
        for batch in self._read(self._judged):
            yield np.stack([normalise(pixels, self._spec) for pixels in batch.pixels.numpy()]), batch.labels.numpy()

    def _read(self, indices: Sequence[int]) -> Iterator[Batch]:
        batches = self._loader.evaluation([indices[at : at + self._batch] for at in range(0, len(indices), self._batch)])
        while True:
            try:
                batch = next(batches, None)
            except RuntimeError as error:
                raise _ReadingFailed(as_loader_error(error, self._loader.workers)) from error
            if batch is None:
                return
            if self._stopped():
                raise Stopped
            yield batch


def choose(folder: Path, network: openvino.Model, samples: Samples, report: Report) -> Precision:
    """Judges every precision of `network`, writes its int8 form into `folder` if that is accepted, and returns the result.

    Where NNCF or OpenVINO refuse the network, memory runs out, or the job is stopped, float32 alone is accepted. Any other error
    is a fault of this program's, and raised: hidden, every job would serve slowly and nobody would know why.
    """
    calibration, pictures = samples.counts
    if pictures < LEAST_JUDGED:
        report.say(f"precision: float32; {pictures} validation pictures cannot judge another, {LEAST_JUDGED} can")
        return Precision()
    try:
        quantised = _quantised(network, samples)
        found = precision.judged(_accuracy(network, quantised, samples), pictures, calibration)
    except Stopped:
        report.say("precision: float32; the job was stopped before another was judged")
        return Precision()
    except _ReadingFailed as failed:
        raise failed.error from failed.__cause__
    except _refusals() as error:
        report.say(f"precision: float32; another cannot be made ({type(error).__name__}: {' '.join(str(error).split())[:200]})")
        return Precision()
    if "int8" in found.accepted:
        openvino.save_model(quantised, folder / GRAPHS["int8"], compress_to_fp16=False)
    shown = ", ".join(f"{name} {share:.4f}" for name, share in found.accuracy.items())
    report.say(f"precision: {found.accepted[0]}; accuracy on {pictures} validation pictures: {shown}")
    return found


def _refusals() -> tuple[type[Exception], ...]:
    """What NNCF and OpenVINO raise for a network that they cannot quantise or compile; OpenVINO's errors are RuntimeErrors."""
    from nncf import errors

    named = (one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Exception))
    return RuntimeError, MemoryError, *named


def _quantised(network: openvino.Model, samples: Samples) -> openvino.Model:
    import nncf  # half a second, which a job that is not quantised does not pay

    nncf.set_log_level(logging.ERROR)
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it misses CUDA, which is not needed here
    dataset = nncf.Dataset(_Again(samples.calibration))
    with contextlib.redirect_stdout(io.StringIO()):  # progress bars, which a job's log has no use for
        return nncf.quantize(network, dataset, subset_size=samples.counts[0])


class _Again:
    """An iterable that starts anew each time: NNCF goes over its data several times."""

    def __init__(self, start: Callable[[], Iterator[Floats]]) -> None:
        self._start = start

    def __iter__(self) -> Iterator[Floats]:
        return self._start()


def _accuracy(network: openvino.Model, quantised: openvino.Model, samples: Samples) -> dict[str, float]:
    """Top-1 accuracy on the validation pictures by precision; bfloat16 only where this processor has it."""
    core = openvino.Core()
    tried = [name for name in _HINTS if name != "bfloat16" or "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")]
    compiled = {}
    for name in tried:
        settings = {"INFERENCE_PRECISION_HINT": _HINTS[name], "INFERENCE_NUM_THREADS": cgroup.cpus()}
        compiled[name] = core.compile_model(quantised if name == "int8" else network, "CPU", settings)
    right = dict.fromkeys(tried, 0)
    for pictures, labels in samples.validation():
        for name, model in compiled.items():
            right[name] += int((model(pictures)[0].argmax(1) == labels).sum())
    return {name: right[name] / samples.counts[1] for name in tried}


def _spread(indices: Sequence[int], most: int) -> list[int]:
    """At most `most` of the indices, evenly spread."""
    count = min(most, len(indices))
    return [indices[at * len(indices) // count] for at in range(count)]
