"""What a request is told whose worker has ended: whether the kernel killed it for lack of memory. It watches no process."""

from contract.machine import cgroup
from serve.errors import RequestError

OUT_OF_MEMORY = RequestError(507, "OutOfMemory", "not enough memory for this request")


class WorkerDeaths:
    """Tells each death by what the kernel has done since the one before."""

    def __init__(self) -> None:
        self._memory_kills = cgroup.memory_kills()

    def error(self) -> RequestError:
        """Out of memory where the kernel has killed a process of this container for that since it was last asked."""
        before, self._memory_kills = self._memory_kills, cgroup.memory_kills()
        if self._memory_kills > before:
            return OUT_OF_MEMORY
        return RequestError(500, "WorkerDied", "the worker process ended while it worked on this request")
