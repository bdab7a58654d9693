"""When the next instance may take the place of one that died: later and later while they keep dying."""

PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds from one replacement to the next that is allowed, for the first death, the second and so on; the last for all more."""
CALM = 60.0
"""Seconds without a death beyond the pause, after which deaths are counted from none again."""


class BackOff:
    """The deaths of one variant's instances."""

    def __init__(self) -> None:
        self._deaths = 0
        self._not_before: float | None = None

    def allows(self, now: float) -> bool:
        """Whether a dead instance may be replaced at `now`, seconds of a monotonic clock; if so, the replacement is counted."""
        if self._not_before is not None:
            if now < self._not_before:
                return False
            if now - self._not_before > CALM:
                self._deaths = 0
        self._deaths += 1
        self._not_before = now + PAUSES[min(self._deaths, len(PAUSES) - 1)]
        return True
