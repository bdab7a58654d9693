"""The train image in real containers, as root and hardened: real and broken pictures, its reason, spot, two hosts."""

import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract import manifest
from scripts.images.docker_engine import ask
from tests.support import containers
from tests.support.containers import WAYS, ServeContainer, TrainContainer, take_dogs
from tests.support.script_jobs import pack
from tests.support.train_jobs import wait_until

REAL = {"picture_size": "64", "batch_size": "16", "loader_workers": "1"}
"""Real pictures at a size and with a network that a second is enough for."""
EPOCHS = 8


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return request.param


def test_it_trains_on_real_pictures_and_its_model_serves(
    way: str, built_images: dict[str, str], shared_data: Path, tmp_path: Path
) -> None:
    """With pictures among them that few programs can read, and some that none can."""
    base = tmp_path / "ml"
    take_dogs(shared_data, base / "input" / "data", train=12, validation=4, test=4)
    odd = _mix_in(shared_data / "odd", base / "input" / "data" / "train" / "016.Beagle")
    job = TrainContainer(built_images["train"], base, way=way, epochs="2", max_bad_images="40", **REAL)
    run = job.run()
    assert run.code == 0, run.err
    assert job.failure == ""
    made = manifest.verify(job.layout.model)
    assert made.classes == ("016.Beagle", "040.Bulldog", "069.French_bulldog")
    lines = [line for line in run.out.splitlines() if line.startswith("metric validation:loss=")]
    assert len(lines) == 2 and all(line.endswith(";") for line in lines)
    print(f"{way}: trained in {run.seconds:.1f} s, {odd} odd pictures among them")
    with (job.layout.output_data / "predictions-test.csv").open() as file:
        expected = {row["picture"]: row["predicted"] for row in csv.DictReader(file)}
    assert len(expected) == 12
    with ServeContainer(built_images["serve-cpu"], base, way=way, SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        for picture, predicted in expected.items():
            answer = server.invoke((base / "input" / "data" / picture).read_bytes())
            assert answer.json()["predictions"][0]["class"] == predicted


def _mix_in(odd: Path, folder: Path) -> int:
    """Copies the odd and broken pictures that have a picture's name and are small files into a class; returns how many."""
    count = 0
    for name, facts in json.loads((odd / "manifest.json").read_text())["files"].items():
        if Path(name).suffix.lower() in (".jpg", ".jpeg", ".png", ".webp") and facts["bytes"] < 300_000:
            (folder / name.replace("/", "-")).write_bytes((odd / name).read_bytes())
            count += 1
    return count


def test_broken_pictures_over_the_limit_are_the_reason(
    way: str, built_images: dict[str, str], shared_data: Path, tmp_path: Path
) -> None:
    base = tmp_path / "ml"
    take_dogs(shared_data, base / "input" / "data", breeds=2, train=4, validation=2)
    _mix_in(shared_data / "odd", base / "input" / "data" / "train" / "016.Beagle")
    job = TrainContainer(built_images["train"], base, way=way, max_bad_images="3", **REAL)
    run = job.run()
    assert run.code == 1
    assert job.failure.startswith("DataError: ") and "016.Beagle/broken-" in job.failure
    assert len(job.failure.encode()) <= 1024
    assert not list(job.layout.model.iterdir())


def test_wrong_hyperparameters_are_told_in_the_failure_file(way: str, built_images: dict[str, str], tmp_path: Path) -> None:
    job = TrainContainer(built_images["train"], tmp_path / "ml", way=way, lr="fast", learning_rate="1")
    run = job.run()
    assert run.code == 1
    assert job.failure.startswith("ConfigError: 2 wrong hyperparameters: lr: 'fast' is not a number")


def test_a_spot_interruption_costs_nothing(way: str, built_images: dict[str, str], shared_data: Path, tmp_path: Path) -> None:
    """docker stop, as SageMaker takes an instance back; then a second container that finds the checkpoints and nothing else."""
    first, second = (_spot(built_images["train"], shared_data, tmp_path / name, way) for name in ("first", "second"))
    process = first.start()
    wait_until(lambda: len(first.steps()) >= 5, interval=0.05)
    seconds = containers.stop(first.name, 120)
    run = first.finish(process)
    steps = len(first.steps())
    print(f"{way}: docker stop took {seconds:.1f} of 120 s, after {steps} steps")
    assert run.code == 0, run.err
    assert seconds < 100
    assert "SIGTERM: stopping at the next step" in run.out
    assert first.checkpoints()[-1] == steps == manifest.verify(first.layout.model).provenance["steps"]
    containers.usable(second.layout.checkpoints)
    for file in first.layout.checkpoints.iterdir():
        (second.layout.checkpoints / file.name).write_bytes(file.read_bytes())
        (second.layout.checkpoints / file.name).chmod(0o666)
    again = second.run()
    assert again.code == 0, again.err
    assert [int(row["step"]) for row in second.steps()] == list(range(steps + 1, 3 * EPOCHS + 1))


def _spot(image: str, shared: Path, base: Path, way: str) -> TrainContainer:
    """A job of three steps an epoch."""
    take_dogs(shared, base / "input" / "data", train=16, validation=2)
    return TrainContainer(image, base, way=way, epochs=str(EPOCHS), checkpoint_interval="4", **REAL | {"picture_size": "32"})


SCRIPT = """
import json, os, sys, torch, torchvision
with open("/opt/ml/model/model.json", "w") as file:
    json.dump([sys.argv[1:], os.environ["SM_CHANNEL_TRAIN"], torch.__version__], file)
print("loss: 0.5")
"""


def test_it_runs_a_persons_script(way: str, built_images: dict[str, str], tmp_path: Path) -> None:
    """With its code in a channel, as the SDK sends it to a container without a network; and with one that fails."""
    for script, code in ((SCRIPT, 0), (SCRIPT + "raise ValueError('too late')", 1)):
        job = TrainContainer(built_images["train"], tmp_path / str(code) / "ml", way=way)
        archive = job.base / "input/data/code/sourcedir.tar.gz"
        archive.parent.mkdir()
        pack(archive, tmp_path / str(code) / "source", {"train.py": script})
        where = "/opt/ml/input/data/code/sourcedir.tar.gz"
        job.configure({"sagemaker_program": '"train.py"', "sagemaker_submit_directory": f'"{where}"', "lr": "0.1"})
        run = job.run()
        assert run.code == code, run.err
        assert "loss: 0.5" in run.out
        seen = json.loads((job.layout.model / "model.json").read_text())
        assert seen[:2] == [["--lr", "0.1"], "/opt/ml/input/data/train"]
        assert ("ValueError: too late (train.py:" in job.failure) == bool(code), job.failure


@pytest.fixture()
def network() -> Iterator[str]:
    """A private network with no way out."""
    name = containers.new_name("network")
    ask("network", "create", "--internal", "--label", containers.LABEL, name)
    yield name
    ask("network", "rm", name)


def test_two_hosts_train_as_one(way: str, built_images: dict[str, str], shared_data: Path, tmp_path: Path, network: str) -> None:
    """algo-1 and algo-2 over gloo, each with its own /opt/ml: half of each batch on each, and one model."""
    hosts = ("algo-1", "algo-2")
    jobs = []
    for host in hosts:
        base = tmp_path / host
        take_dogs(shared_data, base / "input" / "data", breeds=2, train=16, validation=4)
        placed = {"hosts": hosts, "host": host, "network": network}
        jobs.append(TrainContainer(built_images["train"], base, way=way, epochs="2", **placed, **REAL))
    began = time.monotonic()
    processes = [job.start() for job in jobs]
    ends = [job.finish(process) for job, process in zip(jobs, processes, strict=True)]
    print(f"{way}: two hosts took {time.monotonic() - began:.1f} s")
    assert [end.code for end in ends] == [0, 0], ends[0].err + ends[1].err
    first, second = (job.layout for job in jobs)
    assert len(jobs[0].steps()) == 4
    assert manifest.verify(first.model).provenance["steps"] == 4
    assert not list(second.model.iterdir()), "the hosts' folders are merged: names must not clash"
