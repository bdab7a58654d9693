"""A listening socket's end without a loss. Between taking what is in its queue and closing it, another handshake may complete;
that client has a connection, sends its request, and is reset. So the kernel is told first to let no new one begin.
"""

import contextlib
import socket
from collections.abc import Iterator

_IP_MINTTL = 21
"""From Linux's in.h; Python has no name for it."""


def refuse_new_connections(listener: socket.socket) -> None:
    """Drop every SYN from now on: handshakes that have begun are completed, no other begins. A client that is dropped tries again
    by itself, a second later, and is refused once the socket is closed.

    The socket asks for packets with the greatest time to live, meant for neighbours that send such (RFC 5082). Clients start at
    64 or 128, and packets of a handshake that has begun are not asked for it. A packet filter would say what is meant, but there
    are kernels that keep it for CAP_NET_ADMIN, which a container has not. For IPv4; without effect where it is unknown.
    """
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.IPPROTO_IP, _IP_MINTTL, 255)


def accept_remaining(listener: socket.socket) -> Iterator[socket.socket]:
    """Take whom the queue of a non-blocking listener holds. Each had been given the listener's demand; what its client sent in
    the meantime was dropped, and comes again a fifth of a second later."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # nobody is left, or no descriptor for them
            return
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_IP, _IP_MINTTL, 0)
        connection.setblocking(False)
        yield connection
