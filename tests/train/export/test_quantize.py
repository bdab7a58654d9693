"""int8 at the end of training: made of train pictures, judged by validation pictures, kept only when it is good."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import openvino
import pytest
import torch
from torch import nn

from contract import manifest
from contract.pictures.preprocess import Preprocessing
from contract.precision import Precision
from serve.engines import engine
from tests.support.train_jobs import Container, draw, nursery
from train.data.loader import Loader
from train.data.pictures import collect
from train.export.artefact import _converted
from train.export.quantize import CALIBRATION, JUDGED, Samples, Stopped, choose
from train.report import Report

SIDE = 32


class Noise:
    """Random pictures that the network can tell apart, labelled by what it says of them in float32: its accuracy is 1."""

    def __init__(self, network: nn.Module, judged: int = 120, fault: Exception | None = None) -> None:
        random = np.random.default_rng(0)
        self._calibrated = random.standard_normal((40, 3, SIDE, SIDE), np.float32)
        self._fault = fault
        pictures = random.standard_normal((4 * judged, 3, SIDE, SIDE), np.float32)
        with torch.no_grad():
            logits = network(torch.from_numpy(pictures)).numpy()
        lead = np.diff(np.sort(logits, axis=1))[:, -1]
        clearest = np.argsort(-lead)[:judged]
        self._judged, self._labels = pictures[clearest], logits[clearest].argmax(1)

    @property
    def counts(self) -> tuple[int, int]:
        return len(self._calibrated), len(self._judged)

    def calibration(self) -> Iterator[np.ndarray]:
        for picture in self._calibrated:
            yield picture[None]
            if self._fault is not None:
                raise self._fault

    def validation(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for at in range(0, len(self._judged), 32):
            yield self._judged[at : at + 32], self._labels[at : at + 32]


def network(spread: float) -> nn.Module:
    """Three classes, as different as `spread` says from each other beside a bias that all of them share."""
    torch.manual_seed(1)
    last = nn.Linear(16, 3)
    with torch.no_grad():
        last.weight.copy_(torch.randn(1, 16) + spread * torch.randn(3, 16))
        last.bias.zero_()
    layers = [nn.Conv2d(3, 16, 3, 2), nn.ReLU(), nn.Conv2d(16, 16, 3, 2), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), last]
    return nn.Sequential(*layers).eval()


def _choose(folder: Path, module: nn.Module, samples: Noise) -> Precision:
    return choose(folder, _converted(module, SIDE, 3), samples, Report(True))


def test_int8_that_is_as_good_is_kept_and_computes_in_int8(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = network(spread=1.0)
    found = _choose(tmp_path, module, Noise(module))
    assert found.accepted[0] == "int8" and found.accuracy["float32"] == 1 and found.accuracy["int8"] >= 0.995
    assert (found.pictures, found.calibration) == (120, 40)
    graph = openvino.Core().read_model(tmp_path / "model-int8.xml")
    assert [str(graph.input("pictures").partial_shape), str(graph.output("logits").partial_shape)] == ["[?,3,32,32]", "[?,3]"]
    assert any(node.get_type_name() == "FakeQuantize" for node in graph.get_ops())
    said = capsys.readouterr()
    assert said.out.startswith("precision: int8; accuracy on 120 validation pictures: int8 ") and said.out.count("\n") == 1
    assert not said.err, "nothing of NNCF's own talk"


def test_int8_that_loses_more_than_half_a_point_is_left_out(tmp_path: Path) -> None:
    module = network(spread=0.003)
    found = _choose(tmp_path, module, Noise(module))
    assert found.accuracy["int8"] < 0.995 and "int8" not in found.accepted and found.accepted[-1] == "float32"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Stopped(), "precision: float32; the job was stopped before another was judged"),
        (RuntimeError("no such\nlayer"), "precision: float32; another cannot be made (RuntimeError: no such layer)"),
    ],
)
def test_a_stop_or_a_failure_costs_no_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: Exception, said: str
) -> None:
    module = network(spread=1.0)
    assert _choose(tmp_path, module, Noise(module, fault=fault)) == Precision()
    assert capsys.readouterr().out.strip() == said and not list(tmp_path.iterdir())


def test_eleven_pictures_judge_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = network(spread=1.0)
    assert _choose(tmp_path, module, Noise(module, judged=11)) == Precision()
    assert "11 validation pictures cannot judge another, 100 can" in capsys.readouterr().out


class Recording:
    """A loader that remembers which pictures it was asked for."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self.asked: list[int] = []

    def evaluation(self, batches: Sequence[Sequence[int]]) -> Iterator:
        self.asked += [index for batch in batches for index in batch]
        return self._loader.evaluation(batches)


def _samples(tmp_path: Path, stopped: Callable[[], bool]) -> tuple[Samples, Recording, dict[str, list[int]]]:
    for split, count in (("train", 5), ("validation", 4), ("test", 3)):
        draw(tmp_path, split, count)
    found = collect({split: tmp_path / split for split in ("train", "validation", "test")})
    spec = Preprocessing(resize=37, crop=SIDE)
    loader = Recording(Loader(found.pictures, spec, seed=0, augment=True, workers=0, batch=4, pin=False))
    indices = {split: found.indices(split) for split in ("train", "validation", "test")}
    return Samples(loader, spec, indices, 4, stopped), loader, indices


def test_calibration_sees_train_pictures_only_and_judgement_validation_pictures_only(tmp_path: Path) -> None:
    samples, loader, indices = _samples(tmp_path, stopped=lambda: False)
    assert samples.counts == (15, 12)
    shapes = {picture.shape for picture in samples.calibration()}
    assert shapes == {(1, 3, SIDE, SIDE)} and loader.asked == indices["train"]
    loader.asked.clear()
    labels = [label for _, part in samples.validation() for label in part.tolist()]
    assert loader.asked == indices["validation"] and labels == [0] * 4 + [1] * 4 + [2] * 4


def test_a_stop_is_noticed_at_the_next_picture(tmp_path: Path) -> None:
    samples, _, _ = _samples(tmp_path, stopped=lambda: True)
    for pictures in (samples.calibration(), samples.validation()):
        with pytest.raises(Stopped):
            next(pictures)


def test_of_many_pictures_an_even_spread_is_taken() -> None:
    samples = Samples(None, Preprocessing(), {"train": range(9_000), "validation": range(9_000, 19_000)}, 4, lambda: False)
    assert samples.counts == (CALIBRATION, JUDGED)
    assert samples._calibration[:3] == [0, 30, 60] and samples._judged[:3] == [9_000, 9_005, 9_010]


def test_a_job_records_what_it_judged_and_serving_takes_it(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", validation=34, epochs="1", arch="squeezenet1_1", export="full")
    attempt = nursery().start(container, tmp_path / "attempt")
    assert attempt.wait() == 0, attempt.log
    made = manifest.verify(container.layout.model)
    assert made.precision.pictures == 102 and made.precision.calibration == 24
    assert {"int8", "float32"} <= set(made.precision.accuracy)
    assert ("model-int8.xml" in made.files) == ("int8" in made.precision.accepted)
    assert f"precision: {made.precision.accepted[0]}; accuracy on 102 validation pictures" in attempt.log
    for name in made.precision.accepted:
        loaded = engine.load("openvino", container.layout.model, made, threads=1, gpu=None)
        assert loaded.predict(np.zeros((1, SIDE, SIDE, 3), np.uint8)).shape == (1, 3), name

    container.hyperparameters["serve-precision"] = "float32"
    again = nursery().start(container, tmp_path / "again")
    assert again.wait() == 0 and manifest.verify(container.layout.model).precision == Precision()
    assert "precision:" not in again.log and not (container.layout.model / "model-int8.xml").exists()


def test_quantising_does_not_report_home(tmp_path: Path) -> None:
    """Their telemetry would leave a folder in the home folder; NNCF falls back to a stub where it cannot import it."""
    code = (
        "import train.export.quantize, nncf, unittest.mock as m; from nncf.telemetry import telemetry; "
        "assert isinstance(telemetry, m.MagicMock), type(telemetry)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"HOME": str(tmp_path)}, cwd=Path(__file__).resolve().parents[3])
    assert not list(tmp_path.iterdir())
