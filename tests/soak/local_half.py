"""One half of a soak: the local SageMaker at work in every way it has, and killed while it is."""

import os
import socket
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from contract.changing_folder import current_files
from tests.soak.actors import Actor, random_of, work
from tests.soak.endpoint_actors import Asker, EndpointOwner
from tests.soak.job_actors import Processor, Trainer, Tuner
from tests.soak.killed_server import KilledServer, Killer, containers
from tests.soak.request_actors import Storer, Stranger
from tests.soak.resources import MIB, Resources, leaks, resources
from tests.soak.tally import Tally
from tests.support.processes import words

STEADY = {"memory": 32 * MIB, "descriptors": 8, "threads": 4}
"""What one server may hold more at the end than at its first rest."""
LASTING = {"processes": 0, "ports": 0, "files": 12}
"""What a root may hold more at the end than after the warm-up, whatever became of its servers. Files: journals of databases."""


def soak(minutes: float, seed: int, tally: Tally) -> None:
    """Runs this half; what it finds is in `tally`."""
    seconds = minutes * 60
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        killed = KilledServer(Path(folder) / "root")
        killed.server.s3.create_bucket(Bucket="bucket")
        standing = Asker(killed, random_of(seed, "standing"))
        standing.make()
        killer = Killer(killed, random_of(seed, "killer"))
        actors: list[Actor] = [
            standing,
            *(Trainer(killed, random_of(seed, name), name) for name in ("trainer one", "trainer two")),
            Processor(killed, random_of(seed, "processing")),
            Tuner(killed, random_of(seed, "tuning")),
            *(EndpointOwner(killed, random_of(seed, name), name) for name in ("owner one", "owner two")),
            Storer(killed, random_of(seed, "objects")),
            Stranger(killed, random_of(seed, "stranger")),
        ]
        try:
            work(actors, seconds * 0.1, tally)
            first = _at_rest(killed, tally, "warm-up")
            work([*actors, killer], seconds * 0.5, tally)
            killed.kill(0.0)
            work(actors, seconds * 0.1, tally)
            steady = _at_rest(killed, tally, "kills")
            work(actors, seconds * 0.3, tally)
            last = _at_rest(killed, tally, "end")
            for found in leaks(steady, last, STEADY) + leaks(first, last, LASTING):
                tally.fault("leak", found)
            tally.figures |= {
                "after the warm-up": str(first),
                "after the kills": str(steady),
                "at the end": str(last),
                "slowest start after a kill": f"{killer.slowest:.2f} s",
                "files": _folders(killed.root),
            }
        finally:
            killed.server.stop()
        _after(killed, tally)


def _at_rest(killed: KilledServer, tally: Tally, when: str) -> Resources:
    """What is held when nobody asks anything: by the server, and by the containers of the endpoint that stays."""
    try:
        killed.until(lambda: len(_initial(killed.root)) == 2, 60)
    except TimeoutError:
        left = [" ".join(words(process)[-3:]) + f" for {_base(process)}" for process in containers(killed.root)]
        tally.fault("leak", f"at {when}, {len(left)} processes: {left}")
    for operation, member in (
        ("list_training_jobs", "TrainingJobSummaries"),
        ("list_processing_jobs", "ProcessingJobSummaries"),
        ("list_hyper_parameter_tuning_jobs", "HyperParameterTuningJobSummaries"),
        ("list_endpoints", "Endpoints"),
        ("list_models", "Models"),
    ):
        left = killed.sagemaker(operation)[member]
        if len(left) != (member in ("Endpoints", "Models")):
            tally.fault("leak", f"at {when}, {operation} lists {left}")
    held = resources(killed.server.process.pid, containers(killed.root), [killed.root])
    return replace(held, processes=len(containers(killed.root)))


def _initial(root: Path) -> list[object]:
    return [process for process in containers(root) if "container_init.py" in " ".join(words(process))]


def _base(process: object) -> str:
    return process.environ().get("SAGEMAKER_BASE_DIR", "")


def _folders(root: Path) -> str:
    """How many files are in each of its folders."""
    found = Counter(path.relative_to(root).parts[0] for path, _ in current_files(root))
    return ", ".join(f"{name} {count}" for name, count in sorted(found.items()))


def _after(killed: KilledServer, tally: Tally) -> None:
    """A server that was stopped leaves no process, no port and no traceback."""
    if left := containers(killed.root):
        tally.fault("leak", f"{len(left)} processes outlive the server: {left}")
    port = int(killed.server.url.rpartition(":")[2])
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            tally.fault("leak", f"port {port} is open after the server's end")
    log = (killed.root / "server.log").read_text(errors="replace")
    if "Traceback" in log:
        place = log.index("Traceback")
        tally.fault("log", f"{log.count('Traceback')} tracebacks in {os.path.basename(killed.root)}: {log[place:][:1500]}")
