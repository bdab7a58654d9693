"""Programs that a verb runs in the foreground on a port of this machine: whether the port is free, and how they are ended."""

import socket
import subprocess

from scripts.errors import LaunchError


def check_port(port: int) -> None:
    """Raises LaunchError unless a program may listen on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LaunchError(f"--port {port}: {error.strerror}; give another port") from None


def end(process: "subprocess.Popen[bytes]", patience: float) -> None:
    """Ends a program with SIGTERM, and with SIGKILL after `patience` seconds; returns when it has ended."""
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
