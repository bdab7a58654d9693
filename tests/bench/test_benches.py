"""Every benchmark that needs no engine runs to its end on a few real dogs, and what it found can be drawn.

What they find here means nothing; that they still fit the programs that they measure is the point. `make test-bench`.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench import plots
from bench.__main__ import BENCHES
from contract.machine import gpus
from train.model.precision import cpu_computes_bfloat16

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.slow
CLASSES, PICTURES = 3, 8
SMALL = {
    "serving": "--seconds 0.3 --rounds 1 --pictures {dogs} "
    "--without multi-model-server --without multi-model-server-as-it-comes --without torchserve --without litserve",
    "own_code": "--seconds 0.3 --rounds 1 --pictures {dogs} --without multi-model-server --without torchserve",
    "multi_model": "--models 3 --limit 400 --seconds 0.3 --asked 4 --without-peer --pictures {dogs}",
    "decoding": "--rounds 1 --pictures {dogs}/test",
    "tuning": "--rounds 1 --epochs 2 --measured 1 --picture-size 64 --data {dogs}",
    "training": "--rounds 1 --picture-size 64 --data {dogs}",
    "growth": "--rounds 1 --photographs {dogs}/train --pictures 40 --classes 2",
    "fine_tuning": "--seeds 1 --data {dogs}",
    "profile": "--rounds 1 --every 4",
    "script": "--rounds 1",
    "local_server": "--rounds 1 --calls 5",
    "gpu": "--cpu --seconds 0.3 --rounds 1 --data {dogs} --without multi-model-server --without litserve",
}


@pytest.fixture(scope="module")
def dogs(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few pictures of a few breeds, in the folders of the whole set."""
    folder = tmp_path_factory.mktemp("dogs")
    for split in ("train", "valid", "test"):
        for breed in sorted((shared_data / "dogs" / split).iterdir())[:CLASSES]:
            (folder / split / breed.name).mkdir(parents=True)
            for picture in sorted(breed.iterdir())[:PICTURES]:
                shutil.copy(picture, folder / split / breed.name)
    return folder


@pytest.mark.timeout(600)  # minutes on a machine with other work
@pytest.mark.parametrize("name", SMALL)
def test_a_benchmark_runs_to_its_end(name: str, dogs: Path, tmp_path: Path) -> None:
    if name == "gpu" and not torch.cuda.is_available() and not cpu_computes_bfloat16():
        pytest.skip("no GPU here, and a CPU that does not compute in bfloat16 takes many minutes for a batch of sixteen")
    command = [sys.executable, "-m", f"bench.{name}", *SMALL[name].format(dogs=dogs).split()]
    environ = os.environ | {"KENNEL_BENCH_RESULTS": str(tmp_path / "results")}
    run = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=500)
    # Beside other work bench.profile may find hooks dearer than they may be, and says so with 1.
    assert run.returncode == 0 or (name == "profile" and run.returncode == 1 and "Traceback" not in run.stderr), run.stderr
    found = json.loads((tmp_path / "results" / f"{name}.json").read_text())
    assert found["machine"]["cpus"] >= 1 and "\n" in run.stdout
    drawn = list(plots.draw({name: found}, tmp_path))
    assert len(drawn) == (name in ("serving", "tuning", "profile", "local_server"))


def test_no_benchmark_is_left_out_but_that_of_the_images() -> None:
    assert set(SMALL) == set(BENCHES) - {"images"}


@pytest.mark.parametrize("name", ["serving", "decoding", "tuning", "fine_tuning"])
def test_without_photographs_it_says_so(name: str, tmp_path: Path) -> None:
    option = "--pictures" if name in ("serving", "decoding") else "--data"
    command = [sys.executable, "-m", f"bench.{name}", option, str(tmp_path / "none")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 2 and f"{tmp_path / 'none'} is not there; photographs" in run.stderr


@pytest.mark.skipif(gpus.count(os.environ) > 0, reason="a GPU is here")
def test_without_a_gpu_that_of_the_gpu_says_so(shared_data: Path) -> None:
    run = subprocess.run([sys.executable, "-m", "bench.gpu"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 2 and run.stderr.endswith("no NVIDIA GPU here; --cpu shows that it runs\n")


def test_a_name_that_is_none_is_refused() -> None:
    run = subprocess.run([sys.executable, "-m", "bench", "severing"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 2 and run.stderr == f"bench: severing: no such benchmark; there are {', '.join(BENCHES)}\n"
