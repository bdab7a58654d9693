"""Runs a Python program that may talk to this machine only: `python loopback.py RECORD PROGRAM ARGUMENT ...`.

Whatever it tries to reach elsewhere, a host name it looks up included, is refused and written to the file RECORD, a line each.
It sees what goes through Python's sockets, as all of boto3, requests and urllib3 do; not what a C library opens by itself.
"""

import ipaddress
import runpy
import sys
from pathlib import Path

record = Path(sys.argv[1]).open("a", buffering=1)  # noqa: SIM115


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """The interpreter calls this before it acts."""
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # a Unix socket has a path and leads nowhere
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if host is None:
        return
    text = host.decode() if isinstance(host, bytes) else str(host)
    if not _is_here(text):
        record.write(f"{text}\n")
        raise PermissionError(f"{event} {text}: this program may talk to this machine only")


def _is_here(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return text == "localhost"


sys.addaudithook(watch)
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
