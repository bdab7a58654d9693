"""What a benchmark needs of the machine: a port, and its name for the record."""

import contextlib
import os
import platform
import random
import socket

from contract.machine import cgroup


def free_port() -> int:
    """A loopback port below those that the kernel chooses: multi-model-server takes none from 32,767 up."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def processor() -> str:
    """The processor's name."""
    with open("/proc/cpuinfo") as text:
        return next((line.split(":", 1)[1].strip() for line in text if line.startswith("model name")), "unknown")


def described() -> dict[str, str | int | float]:
    """What figures belong to. `load`: what else it was doing when this was asked; far from 0, they mean little."""
    return {
        "cpus": cgroup.cpus(),
        "processor": processor(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }
