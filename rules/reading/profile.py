"""A job's profile is read while it is being written: the machine's metrics and the program's timeline together."""

from rules.reading.source import Source
from rules.reading.system_metrics import SystemMetrics
from rules.reading.timeline import Timeline

ENDS = ("training_job_end.ts", "system/training_job_end.ts", "framework/training_job_end.ts")


class Profile:
    """What a job's profiler wrote: the machine's metrics, and the program's timeline."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.system = SystemMetrics(source)
        self.timeline = Timeline(source)
        self.ended = False

    def poll(self, *, final: bool = False) -> None:
        """Reads what is new. `ended`, after it, says whether there will be more. Raises SourceError."""
        ended = final or any(self._source.has(name) for name in ENDS)
        self.system.poll()
        self.timeline.poll()
        self.ended = ended
