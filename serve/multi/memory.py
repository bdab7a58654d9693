"""How much memory the models take, and whether there is room for another. It loads and unloads nothing.

Counted is what every process of the program holds, a page that several share as one: what the kernel calls PSS.
"""

import os
import threading
from pathlib import Path

from contract.machine import cgroup
from contract.machine.process import children
from contract.pictures.picture_memory import MAX_DECODING_BYTES

_MIB = 1 << 20
_CLASSIFIER_BYTES, _CLASSIFIER_TIMES = 40 * _MIB, 1
_OWN_BYTES, _OWN_TIMES = 400 * _MIB, 2
"""A model that was never loaded here: its process, and how often the bytes of its files. A ResNet18 whose three networks have
105 MB took 77 MiB in int8 and 154 MiB in float32; a script has torch, 380 MiB, and its network twice while it reads that."""


def held(pid: int) -> int:
    """Bytes of a process and all that it has started."""
    return _pss(pid) + sum(held(child) for child in children(pid))


class Memory:
    """The room for models. `limit`: bytes of the whole program; None for what the machine has left."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._lock = threading.Lock()  # several models may be loaded at one time, each judged in a thread
        self._reserved: dict[str, int] = {}
        """What models are expected to take that are being loaded."""
        self._measured: dict[tuple[bool, int], int] = {}
        """What a model took, by its kind and the MiB of its files: many models of one endpoint are of one architecture."""

    def reserve(self, name: str, folder: Path, own_code: bool) -> int | None:
        """Keep room for a model until `release`. The bytes that are missing where there is none, else None."""
        with self._lock:
            expected = self._expected(folder, own_code)
            missing = expected - self._left()
            if missing > 0:
                return missing
            self._reserved[name] = expected
            return None

    def release(self, name: str) -> None:
        """The model is loaded, or will not be."""
        with self._lock:
            self._reserved.pop(name, None)

    def excess(self) -> int:
        """Bytes over the limit that are held already."""
        return 0 if self.limit is None else max(0, held(os.getpid()) - self.limit)

    def measure(self, folder: Path, own_code: bool, pids: list[int]) -> int:
        """Bytes of a loaded model's processes, kept for the next of its kind."""
        found = sum(held(pid) for pid in pids)
        self._measured[own_code, _size(folder) // _MIB] = found
        return found

    def _left(self) -> int:
        """Beside what requests may need at one time: one large picture, at most an eighth of the memory."""
        left = cgroup.memory_available() if self.limit is None else self.limit - held(os.getpid())
        return left - min(MAX_DECODING_BYTES, (self.limit or left) // 8) - sum(self._reserved.values())

    def _expected(self, folder: Path, own_code: bool) -> int:
        size = _size(folder)
        if (found := self._measured.get((own_code, size // _MIB))) is not None:
            return found
        return _OWN_BYTES + _OWN_TIMES * size if own_code else _CLASSIFIER_BYTES + _CLASSIFIER_TIMES * size


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _pss(pid: int) -> int:
    """0 for a process that is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
