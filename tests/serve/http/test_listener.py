"""A listening socket that lets no new connection begin, and keeps those that have."""

import socket
import time

import pytest

from serve.http.listener import accept_remaining, refuse_new_connections


def test_who_has_connected_is_served_and_nobody_else_gets_in() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        before = socket.create_connection(listener.getsockname())
        refuse_new_connections(listener)
        with pytest.raises(TimeoutError):
            socket.create_connection(listener.getsockname(), timeout=0.3)
        before.sendall(b"a request")
        (accepted,) = accept_remaining(listener)
        accepted.setblocking(True)
        assert accepted.recv(100) == b"a request"
        accepted.sendall(b"an answer")
        assert before.recv(100) == b"an answer"
        assert list(accept_remaining(listener)) == []
        address = listener.getsockname()
    started = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    assert time.monotonic() - started < 5
    before.close()
    accepted.close()


def test_who_comes_in_at_the_last_moment_is_heard() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as late:
        listener.setblocking(False)
        refuse_new_connections(listener)
        late.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)  # gets in, and what it is given holds the listener's demand
        late.settimeout(5)
        late.connect(listener.getsockname())
        late.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 64)
        late.sendall(b"a request")
        time.sleep(0.05)
        (accepted,) = accept_remaining(listener)
        with accepted:
            with pytest.raises(BlockingIOError):
                accepted.recv(100)
            accepted.settimeout(5)
            assert accepted.recv(100) == b"a request"
