"""One half of a soak: the real serving program with a small model, its workers killed and frozen under mixed traffic."""

import json
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.soak.actors import Actor, random_of, work
from tests.soak.known_answers import known_pictures
from tests.soak.resources import MIB, Resources, leaks, resources
from tests.soak.serve_clients import Excuses, GoodClient, HostileClient, OddClient, Pinger
from tests.soak.tally import Tally
from tests.support import artefact
from tests.support.bombs import decompression_bombs
from tests.support.processes import alive, state
from tests.support.server import Server

WORKERS = 2
TIMEOUT = 20
"""Seconds after which a worker that does not answer is killed."""
ALLOWED = {"memory": 16 * MIB, "descriptors": 4, "threads": 0, "processes": 0, "ports": 0, "files": 0}
"""What the front may hold more at the end than after the warm-up."""
WORKER_GROWTH = 64 * MIB
EXPECTED_EVENTS = {"worker_gone", "worker_killed", "invocation_failed"}
"""Log lines of level error that harm explains."""


@dataclass(slots=True)
class Log:
    """The program's log, read on from where it was."""

    path: Path
    place: int = 0
    ready: set[int] = field(default_factory=set)
    errors: Counter[str] = field(default_factory=Counter)
    """Events of level error, by name."""
    worst: list[str] = field(default_factory=list)
    """Lines that nothing explains."""

    def read(self) -> None:
        with self.path.open("rb") as file:
            file.seek(self.place)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self.place += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            if not line.startswith('{"time"'):
                continue
            event = json.loads(line)
            if event["event"] == "worker_ready":
                self.ready.add(event["pid"])
            if event["level"] == "error":
                self.errors[event["event"]] += 1
                if event["event"] not in EXPECTED_EVENTS:
                    self.worst.append(line)


@dataclass(slots=True)
class Harm:
    """Kills a worker, or freezes one for a while, then waits until all of them are ready again: one at a time."""

    server: Server
    log: Log
    excuses: Excuses
    random: random.Random
    name: str = "harm"

    def workers(self) -> list[psutil.Process]:
        """Those that are ready."""
        self.log.read()
        live = psutil.Process(self.server.process.pid).children()
        return alive(process for process in live if process.pid in self.log.ready)

    def turn(self, tally: Tally) -> None:
        time.sleep(self.random.uniform(0.5, 4.0))
        self.wait(tally)
        victim = self.random.choice(sorted(self.workers(), key=lambda process: process.pid))
        kind = self.random.choice(["kill", "freeze", "freeze for good", "freeze the front"])
        if kind == "kill":
            self.excuses.give()
            victim.kill()
        elif kind == "freeze the front":
            self.server.process.send_signal(signal.SIGSTOP)
            time.sleep(self.random.uniform(0.1, 1.5))
            self.server.process.send_signal(signal.SIGCONT)
        else:
            self.excuses.give()
            victim.suspend()
            if kind == "freeze":
                time.sleep(self.random.uniform(0.1, TIMEOUT / 3))
                if victim.is_running():
                    victim.resume()
        tally.well(kind)

    def wait(self, tally: Tally) -> None:
        """Until every worker is ready, and none of them is frozen."""
        until = time.monotonic() + 60
        while True:
            ready = self.workers()
            if len(ready) == WORKERS and all(state(process) != psutil.STATUS_STOPPED for process in ready):
                return
            if time.monotonic() > until:
                tally.fault(self.name, f"{len(ready)} of {WORKERS} workers are back after 60 s")
                raise RuntimeError("workers do not come back")
            time.sleep(0.1)


def soak(minutes: float, seed: int, tally: Tally) -> None:
    """Runs this half; what it finds is in `tally`."""
    base = artefact.small()
    pictures = known_pictures(base)
    with Server(
        base, SAGEMAKER_MODEL_SERVER_WORKERS=WORKERS, SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS=TIMEOUT, KENNEL_QUEUE_LIMIT=100
    ) as server:
        log, excuses = Log(server.log_path), Excuses()
        harm = Harm(server, log, excuses, random_of(seed, "harm"))
        clients: list[Actor] = [GoodClient(server, pictures, excuses, random_of(seed, f"good {place}")) for place in range(3)]
        clients += [
            OddClient(server, pictures, decompression_bombs(), excuses, random_of(seed, "odd")),
            HostileClient(server, pictures, random_of(seed, "hostile")),
            Pinger(server),
        ]
        warm_up = min(60.0, minutes * 60 * 0.2)
        work([*clients, harm], warm_up, tally)
        before, workers_before = _at_rest(server, harm, clients, tally)
        work([*clients, harm], minutes * 60 - warm_up, tally)
        after, workers_after = _at_rest(server, harm, clients, tally)
        for found in leaks(before, after, ALLOWED):
            tally.fault("leak", found)
        if workers_after - workers_before > WORKER_GROWTH:
            tally.fault("leak", f"the largest worker grew from {workers_before:,} to {workers_after:,} bytes")
        for line in log.worst:
            tally.fault("log", line)
        if server.errors():
            tally.fault("log", server.errors()[-1500:])
        tally.figures |= {
            "front after the warm-up": str(before),
            "front at the end": str(after),
            "largest worker": f"{workers_before / MIB:.0f} MiB, then {workers_after / MIB:.0f} MiB",
            "errors in its log": json.dumps(log.errors),
        }


def _at_rest(server: Server, harm: Harm, clients: list[Actor], tally: Tally) -> tuple[Resources, int]:
    """(what the front holds, bytes of the largest worker) when every client has gone and every worker is back.

    A frozen worker is noticed by the request that it does not answer; without traffic nobody asks it, so it is woken.
    """
    for process in harm.workers():
        process.resume()
    harm.wait(tally)
    for client in clients:
        if isinstance(client, GoodClient):
            client.close()
    time.sleep(2.0)  # what was half closed is closed
    largest = max(process.memory_info().rss for process in harm.workers())
    tree = server.tree()
    return resources(server.process.pid, tree, [Path(server.folder.name)]), largest
