"""A listening socket that lets no new connection begin, and keeps those that have."""

import socket
import time

import pytest

from serve.listener import refuse_newcomers


def test_who_has_connected_is_served_and_nobody_else_gets_in() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        before = socket.create_connection(listener.getsockname())
        refuse_newcomers(listener)
        with pytest.raises(TimeoutError):
            socket.create_connection(listener.getsockname(), timeout=0.3)
        before.sendall(b"a request")
        accepted, _ = listener.accept()
        assert accepted.recv(100) == b"a request"
        accepted.sendall(b"an answer")
        assert before.recv(100) == b"an answer"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
        address = listener.getsockname()
    started = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    assert time.monotonic() - started < 1
    before.close()
    accepted.close()
