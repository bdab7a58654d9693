"""Programs that a verb runs in the foreground on a port of this machine: whether the port is free, and how they are ended."""

import signal
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
    """Ends a program with SIGTERM, and with SIGKILL after `patience` seconds; returns when it has ended.

    From the main thread. A Ctrl-C meanwhile is raised afterwards: the program is killed with this one, and is to put its things
    away first.
    """
    asked: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: asked.append(number))
    try:
        process.terminate()
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    if asked:
        raise KeyboardInterrupt
