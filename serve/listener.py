"""A listening socket's end without a loss. Between taking what is in its queue and closing it, another handshake may complete;
that client has a connection, sends its request, and is reset. So the kernel is told first to let no new one begin.
"""

import contextlib
import ctypes
import socket
import struct

_SO_ATTACH_FILTER = 26
_INSTRUCTION = struct.Struct("HBBI")
_NO_SYN = b"".join(
    _INSTRUCTION.pack(*line)
    for line in (
        (0x30, 0, 0, 13),  # load the TCP header's byte of flags
        (0x45, 0, 1, 0x02),  # SYN set: the next line; else the one after
        (0x06, 0, 0, 0),  # drop
        (0x06, 0, 0, 0xFFFFFFFF),  # keep
    )
)
"""A classic BPF program; the kernel runs it on each packet that a listening socket gets."""


def refuse_newcomers(listener: socket.socket) -> None:
    """Drop every SYN from now on: handshakes that have begun are completed, no other begins. A client that is dropped tries again
    by itself, a second later, and is refused once the socket is closed. Without effect where the kernel has no such filters.
    """
    program = ctypes.create_string_buffer(_NO_SYN, len(_NO_SYN))
    described = struct.pack("HP", len(_NO_SYN) // _INSTRUCTION.size, ctypes.addressof(program))
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
