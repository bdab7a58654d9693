"""Several processes: the same result as one with the same batches, one step to stop at, nobody left behind."""

import signal
import time
from pathlib import Path

import psutil
import pytest
from safetensors.numpy import load_file

from contract import manifest
from tests.support.train_jobs import Container, ended, nursery, wait_until

# The last block and the head: their BatchNorm spans the ranks. In the whole network rounding alone (another instruction set,
# another number of threads) changes the losses of so few flat pictures within two steps; in float64, below, it does not.
SETTINGS = {"arch": "resnet18", "picture_size": "64", "train_layers": "last", "epochs": "2", "eps": "1e-3"}
TOLERANCE = 1e-4


def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    jobs = {
        count: Container(tmp_path / count, train=7, validation=3, test=3, processes=count, **SETTINGS) for count in ("1", "2")
    }
    alone = nursery().start(jobs["1"], tmp_path / "alone")
    assert alone.wait() == 0, alone.log
    run = jobs["2"].run()
    assert run.code == 0, run.err
    one, two = (jobs[count].steps() for count in ("1", "2"))
    assert [row["pictures"] for row in one] == [row["pictures"] for row in two]
    worst = max(abs(float(a["loss"]) - float(b["loss"])) for a, b in zip(one, two, strict=True))
    first, second = (manifest.verify(jobs[count].layout.model).metrics for count in ("1", "2"))
    apart = max(abs(first[name] - second[name]) for name in ("validation:loss", "test:loss"))
    before, after = (load_file(jobs[count].layout.model / "model.safetensors") for count in ("1", "2"))
    weights = max(float(abs(before[name] - after[name]).max()) for name in before)
    print(f"{len(one)} steps of 7 pictures: losses differ by {worst:.1e}, evaluations by {apart:.1e}, weights by {weights:.1e}")
    assert len(one) == 6
    assert worst < TOLERANCE and apart < TOLERANCE and weights < TOLERANCE


def test_a_stop_signal_stops_all_ranks_at_one_step_and_leaves_nobody(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", processes="2", epochs="10000", loader_workers="1")
    process = container.start()
    wait_until(lambda: len(container.steps()) > 4, seconds=90)
    family = psutil.Process(process.pid).children(recursive=True)
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    run = ended(process)
    print(f"{len(family)} processes gone {time.monotonic() - started:.1f} s after SIGTERM")
    assert run.code == 0, run.err
    assert container.checkpoints()[-1] == len(container.steps()) == manifest.verify(container.layout.model).provenance["steps"]
    gone, left = psutil.wait_procs(family, timeout=6)
    assert not left and len(gone) == len(family) >= 5


def test_a_batch_smaller_than_the_processes_is_refused(tmp_path: Path) -> None:
    container = Container(tmp_path / "ml", processes="4", batch_size="3")
    assert container.run().code == 1
    assert container.failure == "ConfigError: batch-size: 3 is less than the 4 processes that share it"


@pytest.mark.parametrize("hosts", [("localhost", "no-such-host.invalid")])
def test_a_host_that_does_not_resolve_is_named(hosts: tuple[str, ...]) -> None:
    from train.errors import HostError
    from train.supervisor import wait_for_hosts

    wait_for_hosts(("localhost",), seconds=1)
    with pytest.raises(HostError, match=r"host 'no-such-host.invalid' of resourceconfig.json did not resolve within 1 s"):
        wait_for_hosts(hosts, seconds=1)
