"""A job's tensors are seen as smdebug sees them, step by step while it runs, and never half."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from smdebug.trials import create_trial

from rules.errors import SourceError
from rules.reading.saved_tensors import SavedTensors
from rules.reading.source import Folder
from tests.rules.conftest import Trained
from tests.support import diseases
from tests.support.saved_tensors import end, write, write_collections, write_step


def test_it_sees_what_smdebug_sees(trained: Trained) -> None:
    folder = trained("again")
    theirs, ours = create_trial(str(folder)), SavedTensors(Folder(folder))
    steps = ours.poll()
    assert ours.ended and [step.number for step in steps] == theirs.steps()
    assert {(step.mode, step.mode_step) for step in steps} == {("TRAIN", number) for number in range(5)}
    for step in steps:
        for name in ("weights", "losses"):
            assert [tensor.name for tensor in ours.select(step, [name])] == sorted(theirs.tensor_names(collection=name))
        for tensor in step.tensors:
            assert np.array_equal(tensor.value(), theirs.tensor(tensor.name).value(step.number))


def test_a_folder_that_grows(tmp_path: Path) -> None:
    saved = SavedTensors(Folder(tmp_path / "not yet"))
    folder = tmp_path / "not yet"
    assert saved.poll() == [] and not saved.ended
    write_collections(folder)
    write_step(folder, 0, {"a": 1.0})
    assert [step.number for step in saved.poll()] == [0]
    assert saved.poll() == []
    write_step(folder, 500, {"a": 1.0})
    write_step(folder, 1500, {"a": 1.0})
    (folder / "index" / "000000002").mkdir()
    (folder / "index" / "000000002" / "000000002000_worker_0.json.tmp").write_text("half")
    assert [step.number for step in saved.poll()] == [500, 1500] and not saved.ended
    end(folder)
    assert saved.poll() == [] and saved.ended


def test_a_step_waits_for_every_worker(tmp_path: Path) -> None:
    saved = SavedTensors(Folder(tmp_path))
    write_collections(tmp_path, workers=2)
    write_step(tmp_path, 0, {"a": 1.0})
    assert saved.poll() == []
    write_step(tmp_path, 1, {"a": 2.0}, worker="worker_1")
    [first] = saved.poll()
    assert [tensor.key for tensor in first.tensors] == ["a"], "worker 1 is past step 0: it saved nothing there"
    write_step(tmp_path, 1, {"a": 1.0})
    [second] = saved.poll()
    assert sorted(tensor.key for tensor in second.tensors) == ["a", "a (worker_1)"]
    write_step(tmp_path, 2, {"a": 1.0})
    end(tmp_path)
    assert [step.number for step in saved.poll()] == [2], "the job has ended: no one else will write"


def test_tensors_are_chosen_by_collection_and_by_name(tmp_path: Path) -> None:
    saved = SavedTensors(Folder(write(tmp_path, {0: {"fc.weight": 1.0, "fc.bias": 1.0, "my_loss": 1.0}}, weights="weight$")))
    [step] = saved.poll()
    assert [tensor.name for tensor in saved.select(step, ["weights", "no such"])] == ["fc.weight"]
    assert [tensor.name for tensor in saved.select(step, ["losses"], "bias")] == ["fc.bias", "my_loss"]


@pytest.mark.parametrize(
    ("when", "each"),
    [
        ({"save_interval": 1}, True),
        ({"save_interval": 2}, False),
        ({"save_interval": 1, "end_step": 10}, True),
        ({"save_interval": 1, "end_step": 9}, False),
        ({"save_interval": 1, "start_step": 1}, False),
        ({"save_interval": 1, "save_steps": [0, 4]}, False),
        ({}, False),
    ],
)
def test_whether_each_of_the_first_ten_steps_is_saved(tmp_path: Path, when: dict[str, object], each: bool) -> None:
    folder = write(tmp_path, {0: {"loss": 1.0, "a": 1.0}})
    file = next((folder / "collections").rglob("*.json"))
    body = json.loads(file.read_text())
    body["collections"]["losses"]["save_config"] = {"TRAIN": when, "EVAL": None}
    file.write_text(json.dumps({**body, "collections": {"losses": body["collections"]["losses"]}}))
    saved = SavedTensors(Folder(folder))
    saved.poll()
    assert saved.saves_each_step("loss", "TRAIN", 10) == each
    assert not any(saved.saves_each_step(*other, 10) for other in (("loss", "EVAL"), ("loss", "GLOBAL"), ("a", "TRAIN")))


def test_reductions_stand_for_a_tensor_that_was_not_saved(tmp_path: Path) -> None:
    network = torch.nn.Linear(3, 2)
    weight = network.weight.detach().numpy().copy()
    diseases.train(
        tmp_path / "reduced",
        network,
        lambda step: (torch.ones(4, 3), torch.ones(4, 2)),
        steps=1,
        loss=torch.nn.MSELoss(),
        collections=("weights",),
        reductions="mean,variance,abs_mean",
    )
    saved = SavedTensors(Folder(tmp_path / "reduced"))
    [tensor] = saved.select(saved.poll()[0], ["weights"])
    assert tensor.name == "Linear_weight" and tensor.value() is None and tensor.statistic("max") is None
    for name, expected in (("mean", weight.mean()), ("abs_mean", np.abs(weight).mean()), ("variance", weight.var(ddof=1))):
        assert tensor.statistic(name) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("index/000000000/000000000000_worker_0.json", "{"),
        ("index/000000000/000000000000_worker_0.json", '{"meta": {}}'),
        ("index/000000000/nonsense.json", "{}"),
        ("collections/000000000/worker_0_collections.json", "[]"),
        ("collections/000000000/worker_0_collections.json", '{"collections": {}}'),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, file: str, text: str) -> None:
    write(tmp_path, {0: {"a": 1.0}})
    (tmp_path / file).write_text(text)
    with pytest.raises(SourceError, match=file.rsplit("/", 1)[1]):
        SavedTensors(Folder(tmp_path)).poll()


def test_an_event_file_that_is_gone_is_named(tmp_path: Path) -> None:
    write(tmp_path, {0: {"a": 1.0}})
    next((tmp_path / "events").rglob("*.tfevents")).unlink()
    [step] = SavedTensors(Folder(tmp_path)).poll()
    with pytest.raises(SourceError, match="is missing, though the index names it"):
        step.tensors[0].value()


def test_reading_needs_neither_torch_nor_smdebug() -> None:
    probe = (
        "import sys; from rules import __main__; print([name for name in sys.modules if name in ('torch', 'smdebug', 'pandas')])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
