"""The supervisor starts the training processes of a job on this host, tells them to stop, reaps them and judges their end.

One training process is started as it is; several go through torchrun. A stop travels as a file in a private folder that
every process looks for at every step: torchrun would kill its ranks on a signal before they could save, so it gets none.
Never imports torch.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from contract.machine import cgroup, process
from train.config import Job
from train.errors import HostError
from train.failure import Failure
from train.profiling.profile_settings import ProfileSettings

STOP_LIMIT = 100
"""Seconds from a stop signal to the end, of the 120 that the platform gives."""
MASTER_PORT = 7777
TORCHRUN_ALONE = {"PET_RDZV_BACKEND": "c10d", "PET_RDZV_ENDPOINT": "127.0.0.1:0", "PET_LOCAL_ADDR": "127.0.0.1"}
"""torchrun's own variables, for one host: a free port for each job, as two may run on one machine. Loopback only, whatever the
host's name resolves to. An option that a person gives goes first."""
HOST_WAIT = 300
"""Seconds to wait for the other hosts' names to resolve."""
_TAIL = 16_384
_WORDS = 600
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def command(job: Job, folder: Path) -> list[str]:
    """The command that trains: one process, or torchrun for several."""
    worker = ["-m", "train.worker", str(folder)]
    if job.world_size == 1:
        return [sys.executable, *worker]
    several = torchrun(job.processes, job.hosts, job.current_host, (job.hosts[0], str(MASTER_PORT)))
    return [sys.executable, *several, "--no-python", sys.executable, *worker]


def torchrun(processes: int, hosts: tuple[str, ...], current_host: str, master: tuple[str, str]) -> list[str]:
    """What Python is told to start so many processes on this host, of one job on all hosts. `master`: address and port."""
    run = ["-m", "torch.distributed.run", f"--nproc-per-node={processes}", f"--nnodes={len(hosts)}"]
    if len(hosts) == 1:
        return [*run, *(f"--{name[4:].lower().replace('_', '-')}={value}" for name, value in TORCHRUN_ALONE.items())]
    address, port = master
    return [*run, f"--node-rank={hosts.index(current_host)}", f"--master-addr={address}", f"--master-port={port}"]


def environment(job: Job, environ: Mapping[str, str]) -> dict[str, str]:
    """The training processes' environment; a variable that the job's own environment sets stays as it is.

    Each process gets as many threads as its share of the CPUs, and the network interface that the ranks talk over; torch's
    profiler prints no remarks. The steps of a head on features are so small that threads only wait for each other: it gets one.
    """
    threads = 1 if job.on_features else max(1, cgroup.cpus() // job.processes)
    added = {"OMP_NUM_THREADS": str(threads), "KINETO_LOG_LEVEL": "99"}
    if job.world_size == 1:
        added |= {"TORCH_CPP_LOG_LEVEL": "ERROR"}
    else:
        interface = "lo" if len(job.hosts) == 1 else job.network_interface
        added |= {"GLOO_SOCKET_IFNAME": interface, "NCCL_SOCKET_IFNAME": interface}
    return added | dict(environ)


def wait_for_hosts(hosts: tuple[str, ...], seconds: float = HOST_WAIT) -> None:
    """Returns once every host's name resolves. Raises HostError naming the one that does not."""
    deadline = time.monotonic() + seconds
    for host in hosts:
        waited = False
        while not _resolves(host):
            if time.monotonic() > deadline:
                raise HostError(f"host {host!r} of resourceconfig.json did not resolve within {seconds:g} s; is it running?")
            if not waited:
                print(f"waiting for the name of host {host} to resolve", flush=True)
                waited = True
            time.sleep(1)


def _resolves(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    return True


class Stop:
    """Catches the platform's stop signal from the moment it is made, and passes it on as the file `folder/stop`.

    A training process that has not ended 100 s later is killed.
    """

    def __init__(self, folder: Path) -> None:
        self.marker = folder / "stop"
        self.asked, self.overdue = False, False
        self.child: int | None = None
        self.signals = False
        """Whether the running processes get the platform's stop signal themselves: a person's script knows of no file."""
        self.is_launcher = False
        """Whether it goes to the processes that the running one has started, and not to itself."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGALRM, self._kill)

    def close(self) -> None:
        """The job is over: a signal from here on changes nothing, neither its exit status nor what it left."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        # A handler may run between any two instructions, in the middle of a print too: nothing here can raise or be re-entered.
        if not self.asked:
            self.asked = True
            signal.alarm(STOP_LIMIT)
            with contextlib.suppress(OSError):
                self.marker.touch()
            with contextlib.suppress(OSError):
                told = "passed on to the script" if self.signals else "stopping at the next step"
                os.write(1, f"{signal.Signals(number).name}: {told}\n".encode("ascii"))
            self.pass_on()

    def pass_on(self) -> None:
        """Sends the stop signal to the running processes that are to have it."""
        if not self.signals or self.child is None:
            return
        if not self.is_launcher:
            _signal_group(self.child, signal.SIGTERM)
            return
        for started in process.children(self.child):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(started, signal.SIGTERM)

    def _kill(self, number: int, frame: FrameType | None) -> None:
        self.overdue = True
        if self.child is not None:
            _signal_group(self.child, signal.SIGKILL)


@contextlib.contextmanager
def sampling(settings: ProfileSettings, host: str) -> Iterator[None]:
    """Runs the sampler for as long as the context lasts. A machine that cannot start it trains without."""
    command = [sys.executable, "-m", "train.profiling.system_sampler", str(settings.samples), host, str(settings.interval)]
    try:
        sampler = subprocess.Popen(command, preexec_fn=process.end_with_parent)
    except OSError as error:
        print(f"the sampler of system metrics cannot be started: {error.strerror}; training goes on without", flush=True)
        yield
        return
    try:
        yield
    finally:
        sampler.terminate()
        sampler.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended. `status`: as of subprocess; `tail`: the last 16 KiB of its standard error."""

    status: int
    tail: bytes
    memory_kills: int
    """Processes of this container that the kernel killed for memory meanwhile."""
    overdue: bool
    """It had not ended in time after the stop signal, and was killed."""


def run(arguments: list[str], environ: Mapping[str, str], folder: Path, stop: Stop) -> Failure | None:
    """Runs the training command until it ends; None when it ended well, why it failed otherwise."""
    ended = follow(arguments, environ, stop)
    if ended.status == 0:
        return None
    if ended.overdue:
        return Failure("StopTimeout", f"training did not stop within {STOP_LIMIT} s of the stop signal and was killed")
    return _judge(ended.status, folder, ended.tail, ended.memory_kills)


def follow(
    arguments: list[str],
    environ: Mapping[str, str],
    stop: Stop,
    *,
    cwd: Path | None = None,
    signals: bool = False,
    is_launcher: bool = False,
    merged: bool = False,
) -> Ended:
    """Runs a command, and ends all that it leaves in its process group. `signals`: a stop signal is passed on to the group.

    `is_launcher`: it goes to the processes that the command has started instead: mpirun would kill them before they could save.
    `merged`: its standard output is looked at as its standard error is, and both come out as one. Raises OSError where it cannot
    be started.
    """
    kills = cgroup.memory_kills()
    child = subprocess.Popen(
        arguments,
        env=environ,
        cwd=cwd,
        stdout=subprocess.PIPE if merged else None,
        stderr=subprocess.STDOUT if merged else subprocess.PIPE,
        start_new_session=True,
        preexec_fn=process.end_with_parent,
    )
    stop.signals, stop.is_launcher, stop.child = signals, is_launcher, child.pid
    if stop.asked:
        stop.pass_on()
    tail = bytearray()
    source, to = (child.stdout, 1) if merged else (child.stderr, 2)
    assert source is not None
    pump = threading.Thread(target=_pump, args=(source.fileno(), to, tail), daemon=True)
    pump.start()
    status = child.returncode = _reap(child.pid)
    if status == -signal.SIGTERM and stop.asked and signals:
        _wait_for_group(child.pid, stop)
    stop.child = None
    signal.alarm(0)
    _signal_group(child.pid, signal.SIGKILL)
    pump.join(timeout=2)
    return Ended(status=status, tail=bytes(tail), memory_kills=cgroup.memory_kills() - kills, overdue=stop.overdue)


def _reap(pid: int) -> int:
    """Waits for `pid` and, as PID 1 must, for every orphan that ends before it; returns its exit code."""
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def _wait_for_group(pid: int, stop: Stop) -> None:
    """Returns when a group is empty whose leader a stop signal ended: a shell dies at once, what it started saves its work."""
    while not stop.overdue:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        try:
            os.killpg(pid, 0)
        except OSError:
            return
        time.sleep(0.1)


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _pump(source: int, to: int, tail: bytearray) -> None:
    """Passes on what comes from one descriptor to another, keeping the last of it."""
    while piece := os.read(source, 65_536):
        tail += piece
        del tail[:-_TAIL]
        with contextlib.suppress(OSError):
            os.write(to, piece)


def _judge(status: int, folder: Path, tail: bytes, memory_kills: int) -> Failure:
    """The first failure that a training process wrote down; without one, a failure made of its exit status and last words."""
    text = tail.decode("utf-8", "replace")
    codes = [int(code) for code in re.findall(r"exitcode\s*:\s*(-?\d+)", text)]
    status = next((code for code in codes if code < 0 and code != -signal.SIGTERM), status)
    if status == -signal.SIGKILL and memory_kills:
        limit = cgroup.memory_limit()
        size = f" of {limit >> 20:,} MiB" if limit else ""
        return Failure("OutOfMemory", f"the kernel killed training at the memory limit{size}; lower batch-size or loader-workers")
    records = sorted(folder.glob("failure-*.json"), key=lambda path: path.stat().st_mtime_ns)
    if records:
        return Failure.load(records[0])
    last = text.replace("\ufffd", "?").strip()[-_WORDS:]
    words = f"; its last words: {last}" if last else ""
    if status >= 0:
        return Failure("Crashed", f"training ended with status {status}{words}")
    name = process.signal_name(-status)
    if -status in _FROM_OUTSIDE:
        return Failure("Killed", f"training was killed by {name} from outside the program; memory was not the cause")
    return Failure("Crashed", f"training crashed with {name}{words}")
