"""GET /ping of a serving container, with one deadline for the whole answer: a container may dribble its bytes for ever."""

import re
import socket
import time

_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,9})[ \t]*\r?$")
_CHUNKED = re.compile(rb"(?im)^transfer-encoding:[ \t]*chunked[ \t]*\r?$")
_OK = re.compile(rb"HTTP/1\.[01] 200[ \r]")
ANSWER_BYTES = 1 << 16
"""An answer that is longer is none."""


def is_healthy(address: str, seconds: float) -> bool:
    """Whether `host:port` answers /ping with 200, all of the answer being there within `seconds`."""
    deadline, (host, _, port) = time.monotonic() + seconds, address.rpartition(":")
    answer = bytearray()
    try:
        with socket.create_connection((host, int(port)), seconds) as connection:
            connection.sendall(f"GET /ping HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
            while len(answer) <= ANSWER_BYTES and (left := deadline - time.monotonic()) > 0:
                connection.settimeout(left)
                piece = connection.recv(ANSWER_BYTES)
                answer += piece
                if _is_whole(bytes(answer), ended=not piece):
                    return _OK.match(answer) is not None
                if not piece:
                    return False
    except (OSError, ValueError):
        pass
    return False


def _is_whole(answer: bytes, *, ended: bool) -> bool:
    """Whether an answer is complete; `ended`: the container has closed the connection."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return False
    if found := _LENGTH.search(head):
        return len(body) >= int(found[1])
    if _CHUNKED.search(head):
        return body.endswith(b"0\r\n\r\n")
    return ended
