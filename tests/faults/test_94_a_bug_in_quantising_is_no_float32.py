"""Row 94. Only what NNCF and OpenVINO say of a network, a lack of memory or a stop make a job do without int8: a fault of the
program's own, or pictures that cannot be read, end the job with that error instead of a model that serves slowly for ever."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from nncf import errors

from contract.pictures.preprocess import Preprocessing
from contract.precision import Precision
from tests.train.export.test_quantize import Noise, _choose, network
from train.errors import LoaderError
from train.export.quantize import Samples

BUGS = (TypeError("not supported"), KeyError("crop"), AttributeError("no such"), ValueError("bad shape"), IndexError("9"))
REFUSALS = (
    RuntimeError("Exception from src/core: not supported"),
    errors.UnsupportedModelError("cannot quantise"),
    errors.ValidationError("bad graph"),
    MemoryError(),
)


@pytest.mark.parametrize("fault", BUGS, ids=repr)
def test_a_bug_is_raised(tmp_path: Path, fault: Exception) -> None:
    module = network(spread=1.0)
    with pytest.raises(type(fault)) as caught:
        _choose(tmp_path, module, Noise(module, fault=fault))
    print(repr(caught.value))
    assert caught.value is fault


@pytest.mark.parametrize("fault", REFUSALS, ids=repr)
def test_a_refusal_leaves_float32_and_is_told(tmp_path: Path, fault: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    module = network(spread=1.0)
    assert _choose(tmp_path, module, Noise(module, fault=fault)) == Precision()
    told = capsys.readouterr().out
    print(told.strip())
    assert f"another cannot be made ({type(fault).__name__}" in told


class Broken:
    """A loader whose pictures cannot be read."""

    workers = 2

    def __init__(self, error: Exception) -> None:
        self._error = error

    def evaluation(self, batches: list[list[int]]) -> Iterator[None]:
        raise self._error
        yield None


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), LoaderError),
        (RuntimeError("a fault of the loader's own"), RuntimeError),
        (OSError("Stale file handle"), OSError),
    ],
    ids=str,
)
def test_pictures_that_cannot_be_read_are_no_refusal(tmp_path: Path, error: Exception, raised: type[Exception]) -> None:
    module = network(spread=1.0)
    indices = {"train": range(300), "validation": range(200)}
    samples = Samples(Broken(error), Preprocessing(), indices, 4, lambda: False)
    with pytest.raises(raised) as caught:
        _choose(tmp_path, module, samples)
    print(repr(caught.value))
