"""Row 27: clients that disconnect in the middle of a request: slots, file descriptors and memory go back to where they were."""

import socket
import struct
import time

import psutil

from tests.support import artefact
from tests.support.server import Server

TIMES = 1000


def test_clients_that_leave_cost_nothing(dogs: list[bytes]) -> None:
    dog = dogs[0]
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(dog)
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        for _ in range(50):
            server.invoke(dog)
        program = psutil.Process(server.process.pid)
        files, memory = program.num_fds(), program.memory_info().rss
        for turn in range(TIMES):
            link = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            if turn % 2:  # a reset instead of a polite end
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            link.sendall(head + dog[: (len(dog), len(dog) // 2, 0)[turn % 3]])
            link.close()
        left = time.monotonic()
        while server.invoke(dog).status != 200 and time.monotonic() - left < 5:
            time.sleep(0.02)
        waited = time.monotonic() - left
        while program.num_fds() > files + 3 and time.monotonic() - left < 5:
            time.sleep(0.05)
        growth = program.memory_info().rss - memory
        print(
            f"{TIMES} clients left; next answer after {waited:.2f} s, {program.num_fds() - files:+d} fds, "
            f"{growth / 2**20:+.1f} MiB"
        )
        assert waited < 5 and program.num_fds() <= files + 3
        assert growth < 24 << 20
        assert not server.events("worker_gone")
