"""What the kernel does for a child process, whichever program started it. Linux only."""

import ctypes
import signal

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Has the kernel kill this process when the thread that started it ends, however that ends. Not inherited by children."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def children(pid: int) -> list[int]:
    """The processes that a process has started itself; empty where it has none, is gone, or the kernel does not tell."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
            return [int(number) for number in file.read().split()]
    except OSError:
        return []


def signal_name(number: int) -> str:
    """SIGKILL for 9; `signal 40` for one of the real-time signals, most of which have no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
