"""What a soak has seen so far: how often each thing went well, how often a harm excused one that did not, and every fault."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fault:
    """`at`: seconds from the start of the soak. `what`: as in the counts. `detail`: what was wanted and what came."""

    at: float
    what: str
    detail: str

    def __str__(self) -> str:
        return f"{self.at:6.1f} s  {self.what}: {self.detail[:1500]}"


@dataclass(slots=True)
class Tally:
    """Counts of one half of a soak. Any thread may write to it."""

    half: str
    began: float = field(default_factory=time.monotonic)
    good: Counter[str] = field(default_factory=Counter)
    excused: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)
    """What was measured at the end, in words."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def well(self, what: str, times: int = 1) -> None:
        """It was as it had to be."""
        with self.lock:
            self.good[what] += times

    def excuse(self, what: str) -> None:
        """It went wrong, and something that the soak did explains that."""
        with self.lock:
            self.excused[what] += 1

    def fault(self, what: str, detail: str) -> None:
        """It went wrong, and nothing explains that. Printed at once."""
        found = Fault(time.monotonic() - self.began, what, detail)
        with self.lock:
            self.faults.append(found)
        print(f"FAULT {self.half} {found}", flush=True)

    def line(self) -> str:
        """All of it so far, short."""
        with self.lock:
            good, excused = self.good.copy(), self.excused.copy()
        parts = [f"{name} {count}" for name, count in sorted(good.items())]
        parts += [f"({name} {count})" for name, count in sorted(excused.items())]
        return f"{self.half}: {', '.join(parts) or 'nothing yet'}; {len(self.faults)} faults"
