"""The whole program, started as SageMaker starts it: from channels to an artefact that verifies, stopped, resumed, refused."""

import csv
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from contract import manifest, metrics
from contract.pictures.picture import open_picture
from contract.pictures.preprocess import prepare
from tests.support.processes import alive
from tests.support.train_jobs import WHOLE, Container, Ended, ended, nursery, wait_until


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Container, Ended]]:
    container = Container(tmp_path_factory.mktemp("job") / "ml", test=3, epochs="3", **WHOLE)
    container.layout.failure.parent.mkdir(parents=True)
    container.layout.failure.write_text("of an earlier attempt")
    yield container, container.run(TRAINING_JOB_NAME="small-1")


def test_a_job_ends_well_and_says_what_it_did(trained: tuple[Container, Ended]) -> None:
    container, run = trained
    assert run.code == 0, run.err
    assert not container.failure
    assert not container.layout.debug_hook_config.exists() and not container.layout.tensors.exists()
    found = metrics.scan(run.out)
    assert [len(found[name]) for name in ("train:loss", "validation:loss", "validation:accuracy", "test:accuracy")] == [
        3,
        3,
        3,
        1,
    ]
    assert all(found[row.name] for row in metrics.METRICS)
    assert sum(line.startswith("epoch ") for line in run.out.splitlines()) == 3
    assert "\r" not in run.out
    print(f"{run.seconds:.1f} s for a whole small job")


def test_the_artefact_verifies_and_says_where_it_comes_from(trained: tuple[Container, Ended]) -> None:
    container, run = trained
    made = manifest.verify(container.layout.model)
    assert made.classes == ("a", "b", "c")
    assert made.architecture == "shufflenet_v2_x0_5"
    assert (made.preprocessing.resize, made.preprocessing.crop) == (37, 32)
    assert set(made.files) == {"model.safetensors", "model.xml", "model.bin"}
    assert made.provenance["job"] == "small-1"
    assert made.provenance["hyperparameters"]["train-layers"] == "all"
    assert made.provenance["pictures"] == {"train": 24, "validation": 12, "test": 9}
    assert made.provenance["finished"] is True
    assert made.metrics["test:accuracy"] == pytest.approx(metrics.scan(run.out)["test:accuracy"][0], abs=1e-5)
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in container.layout.model.iterdir()), "readable to any user"


def test_the_artefact_answers_as_training_said_for_the_same_pictures(trained: tuple[Container, Ended]) -> None:
    container, _ = trained
    import openvino

    made = manifest.verify(container.layout.model)
    model = openvino.Core().compile_model(container.layout.model / "model.xml", "CPU")
    rows = list(csv.DictReader((container.layout.output_data / "predictions-test.csv").open()))
    assert len(rows) == 9
    spec = made.preprocessing
    for row in rows:
        picture = open_picture(container.base / "input" / "data" / row["picture"], shorter_side=spec.resize)
        logits = model({"pictures": prepare(picture, spec)[None]})["logits"]
        assert made.classes[int(np.argmax(logits))] == row["predicted"]
        assert row["picture"].split("/")[1] == row["class"]
        sure = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        assert float(row["probability"]) == pytest.approx(float(sure.max()), abs=2e-3)


def test_every_step_and_epoch_is_recorded(trained: tuple[Container, Ended]) -> None:
    container, _ = trained
    assert [int(row["step"]) for row in container.steps()] == list(range(1, 10))
    history = json.loads((container.layout.output_data / "history.json").read_text())
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert container.checkpoints() == [6, 9]


def test_a_finished_job_that_is_started_again_exports_without_training(trained: tuple[Container, Ended], tmp_path: Path) -> None:
    container, first = trained
    before = manifest.verify(container.layout.model).files["model.safetensors"]
    again = nursery().start(container, tmp_path / "again")
    assert again.wait() == 0, again.log
    assert "resumed from the checkpoint of step 9" in again.log
    assert manifest.verify(container.layout.model).files["model.safetensors"] == before
    assert metrics.scan(again.log)["test:loss"] == metrics.scan(first.out)["test:loss"]
    assert not metrics.scan(again.log)["train:seconds_per_step"], "no step was taken"


def test_sigterm_ends_it_with_a_model_and_sigkill_leaves_no_orphan(tmp_path: Path) -> None:
    import psutil

    container = Container(tmp_path / "ml", epochs="10000")
    process = container.start()
    wait_until(lambda: len(container.steps()) > 3)
    family = psutil.Process(process.pid).children(recursive=True)
    assert family
    process.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    run = ended(process)
    print(f"{time.monotonic() - asked:.2f} s from SIGTERM to the end")
    assert run.code == 0, run.err
    assert manifest.verify(container.layout.model).provenance["finished"] is False
    psutil.wait_procs(family, timeout=6)
    assert not alive(family)

    process = container.start()
    wait_until(lambda: len(container.steps()) > len(container.checkpoints()) + 6)
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    psutil.wait_procs(family, timeout=8)
    assert not alive(family)


def test_a_missing_channel_is_named_before_anything_is_imported(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", validation=0)
    run = container.run(PYTHONPROFILEIMPORTTIME="1")
    assert run.code == 1
    assert container.failure.startswith("ConfigError: channel 'validation' is missing; the job has train;")
    imported = {line.rpartition("|")[2].strip() for line in run.err.splitlines() if line.startswith("import time:")}
    assert "train.config" in imported and not imported & {"torch", "torchvision", "smdebug", "openvino"}


def test_without_platform_files_it_says_how_to_start_it(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml")
    container.layout.resource_config.unlink()
    assert container.run().code == 1
    assert "resourceconfig.json: missing" in container.failure


def test_another_jobs_checkpoint_is_refused_by_the_field_that_differs(trained: tuple[Container, Ended], tmp_path: Path) -> None:
    container, _ = trained
    before = container.hyperparameters
    try:
        container.hyperparameters = before | {"lr": "0.5"}
        other = nursery().start(container, tmp_path / "other")
        assert other.wait() == 1, other.log
        assert other.reason.startswith("CheckpointError: lr: the checkpoint was made with 0.001, this job has 0.5")
    finally:
        container.hyperparameters = before
