"""What a program holds at a moment at which nobody asks anything of it, and what it holds more than before."""

import contextlib
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Resources:
    """`memory`: resident bytes. `descriptors`, `threads`: of the one process. `processes`: it and what it started. `ports`:
    on which any of them listens. `files`: in its folders."""

    memory: int
    descriptors: int
    threads: int
    processes: int
    ports: int
    files: int

    def __str__(self) -> str:
        rest = ", ".join(f"{count} {name}" for name, count in asdict(self).items() if name != "memory")
        return f"{self.memory / MIB:.1f} MiB, {rest}"


def resources(pid: int, others: list[psutil.Process], folders: list[Path]) -> Resources:
    """Of the process `pid`; `others`: what it started, however far that has gone from it."""
    program, ports = psutil.Process(pid), set()
    live = [program, *(process for process in others if process.pid != pid)]
    for process in live:
        with contextlib.suppress(psutil.NoSuchProcess):
            listening = [link for link in process.net_connections("tcp") if link.status == psutil.CONN_LISTEN]
            ports |= {link.laddr.port for link in listening}
    return Resources(
        memory=program.memory_info().rss,
        descriptors=program.num_fds(),
        threads=program.num_threads(),
        processes=len(live),
        ports=len(ports),
        files=sum(1 for folder in folders for path in folder.rglob("*") if path.is_file()),
    )


def leaks(before: Resources, after: Resources, allowed: dict[str, int]) -> list[str]:
    """What grew by more than is allowed, nothing where no allowance is named."""
    found = []
    for name, first in asdict(before).items():
        last = getattr(after, name)
        if name in allowed and last - first > allowed[name]:
            found.append(f"{name} grew from {first:,} to {last:,}, by more than {allowed[name]:,}")
    return found
