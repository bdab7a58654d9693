"""The jobs of one kind that run at the moment: taken up at the start, stopped, deleted. What a job does is its own file's.

A kind is a kind of record (training-job, processing-job) whose jobs have a folder each below root/<place>.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypedDict, TypeVar

from ..containers.folder_removal import remove_tree
from ..context import Context
from ..errors import Exists, Missing, in_use
from ..protocol import tags
from ..storage.store import Kind
from .job_thread import JobThread

LIVE = ("InProgress", "Stopping")
TAKEN = "Job name must be unique within an AWS account and region, and a job with this name"
STOPPED = "The local SageMaker was stopped while the job ran."


class Job(TypedDict):
    """What the records of all kinds of jobs have."""

    arn: str
    modified: float
    status: str


R = TypeVar("R", bound=Job)


class RunningJobs(Generic[R]):
    """Every live job of a kind. `what` is what a person calls one, `run` makes the thread of the one with a name."""

    def __init__(self, context: Context, kind: Kind[R], what: str, place: str, run: Callable[[str], JobThread[R]]) -> None:
        self._context = context
        self._kind = kind
        self._what = what
        self._place = place
        self._run = run
        self._runs: dict[str, JobThread[R]] = {}
        self._lock = threading.Lock()
        self._deleting = threading.Lock()
        self._closed = False

    def start(self) -> None:
        """Takes up what the last server left: jobs whose containers live or have ended meanwhile go on where they were."""
        for record in self._context.store.list(self._kind):
            if record["status"] in LIVE:
                self._begin(record["arn"].rpartition("/")[2], adopt=True)

    def stop(self) -> None:
        """Ends every container; their jobs end Failed and say why. Returns when that is done."""
        with self._lock:
            self._closed = True
            runs = list(self._runs.values())
        for run in runs:
            run.abandon(STOPPED)
        for run in runs:
            run.join(30.0)

    def request_stop(self, name: str) -> str:
        """Asks a job to stop; returns the status before. Raises Missing."""
        before = ""

        def change(record: R) -> None:
            nonlocal before
            before = record["status"]
            if before == "InProgress":
                self._mark_stopping(record)

        self._context.store.update(self._kind, name, change)
        if run := self._runs.get(name):
            run.ask_to_stop()
        return before

    def delete(self, name: str) -> None:
        """Removes an ended job and what it left on this disk. Raises Missing; ResourceInUse while it lives."""
        with self._deleting:  # of two that delete a name, the second must not find a third's new job of that name
            record = self._context.store.get(self._kind, name)
            if record is None:
                raise Missing(self._kind, name)
            if record["status"] in LIVE:
                raise in_use(f"{self._what} {name} is in status {record['status']} and cannot be deleted.")
            with self._lock:
                run = self._runs.pop(name, None)
            if run is not None:
                run.join()
            remove_tree(self._folder(name))
            with self._context.store.transaction():
                self._context.store.delete(self._kind, name)
                tags.forget(self._context.store, record["arn"])

    def _create(self, name: str, record: R, asked_tags: list[dict[str, str]], taken: str) -> str:
        """Keeps a new job's record and tags, both or neither, and starts the job; returns the ARN.

        Raises ResourceInUse, which says `taken`, when there is a job of this name.
        """
        arn = record["arn"]
        try:
            with self._context.store.transaction():
                self._context.store.create(self._kind, name, record)
                tags.keep(self._context.store, arn, asked_tags)
        except Exists:
            raise in_use(f"{taken} already exists ({arn})") from None
        self._begin(name)
        return arn

    def _mark_stopping(self, record: R) -> None:
        record["status"] = "Stopping"
        record["modified"] = self._context.clock()

    def _folder(self, name: str) -> Path:
        return self._context.root / self._place / name

    def _begin(self, name: str, *, adopt: bool = False) -> None:
        with self._lock:
            if self._closed:
                return
            self._runs = {other: run for other, run in self._runs.items() if run.is_alive()}
            run = self._runs[name] = self._run(name)
            run.start(adopt=adopt)
