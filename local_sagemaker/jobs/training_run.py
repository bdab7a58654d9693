"""One training job being run, in a thread of its own: from Starting to Completed, Failed or Stopped.

All that matters is in the job's record, so a server that is started after this one died goes on where it was
(`adopt=True`). It answers no requests (training.py) and touches no container itself (training_containers.py).
"""

import logging
import threading
import time
from enum import StrEnum
from functools import partial

from ..containers.backend import CannotStart
from ..containers.backends import Backends
from ..containers.channels import CannotDownload
from ..containers.container_log import END_PATIENCE, STOP_PATIENCE
from ..containers.disk_space import drop_files, full_disk
from ..containers.interruptible import Interrupted
from ..containers.untrusted_folder import Refused
from ..context import Context
from ..errors import AwsError
from . import training_state
from .job_thread import ABANDON_GRACE, JobThread
from .metric_scan import MetricScan, compile_definitions
from .rule_evaluations import RuleEvaluations
from .training_containers import TrainingContainers
from .training_state import KIND, TrainingJob

STOP_GRACE = 120.0
"""Seconds between SIGTERM and SIGKILL."""
RESTART_WAIT = 1.0
"""Seconds until capacity is back after an interruption."""
TICK = 0.1
SYNC_EVERY = 1.0

log = logging.getLogger(__name__)


class JobFailed(Exception):
    """The job cannot go on: the sentence for FailureReason."""


class End(StrEnum):
    """Why the containers of an attempt ended."""

    EXITED = "exited"
    FAILED = "failed"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    MAX_RUNTIME = "max runtime"
    MAX_WAIT = "max wait"


OUTCOMES = {
    End.EXITED: ("Completed", "Completed"),
    End.STOPPED: ("Stopped", "Stopped"),
    End.MAX_RUNTIME: ("Stopped", "MaxRuntimeExceeded"),
    End.MAX_WAIT: ("Stopped", "MaxWaitTimeExceeded"),
}
"""The last status and secondary status; those of FAILED need a reason."""


class TrainingRun(JobThread[TrainingJob]):
    """The life of one job from here to its end."""

    def __init__(self, context: Context, backends: Backends, evaluations: RuleEvaluations, name: str) -> None:
        super().__init__(context, KIND, name)
        record = self._record()
        self._request = record["request"]
        self._evaluations = evaluations
        self._containers = TrainingContainers(context, backends, self._request)
        self._metrics = MetricScan(
            compile_definitions(self._request["AlgorithmSpecification"]),
            training_state.tuned_metric(self._request),
            record["metrics"],
            record["history"],
            record.get("given_up", []),
        )
        self._said = 0
        self._disk: str | None = None
        self._interrupt = threading.Event()
        self._new_rules = threading.Event()

    def look_for_rules(self) -> None:
        """The job has new ones."""
        self._new_rules.set()
        self._wake.set()

    def interrupt(self) -> None:
        """Takes the spot capacity back."""
        self._interrupt.set()
        self._wake.set()

    def _run(self, adopt: bool) -> None:
        try:
            running = adopt and self._containers.find(self._record())
            while True:
                if not running:
                    self._update(lambda record, now: training_state.enter(record, "Downloading", now))
                    self._patiently(lambda: self._containers.launch(self._begin_attempt))
                self._patiently(lambda: self._evaluations.begin(self._record()))
                end, codes = self._watch()
                if end is not End.INTERRUPTED:
                    break
                self._update(self._interrupted)
                if waited := self._wait_for_capacity():
                    end = waited
                    self._containers.mark_end_in_s3(self._context.clock())
                    break
                running = False
            self._finish(end, codes)
        except (CannotStart, CannotDownload, JobFailed) as error:
            self._fail(str(error))
        except Refused as refused:
            self._containers.kill()
            self._fail(f"ClientError: {refused}")
        except Interrupted:
            self._end_without_upload()
        except Exception as error:
            log.exception("training job %s", self._name)
            self._containers.kill()
            self._fail(f"InternalServerError: {error}")
        finally:
            self._containers.close()

    def _begin_attempt(self, remark: str) -> TrainingJob:
        return self._update(partial(self._begin, remark))

    def _begin(self, remark: str, record: TrainingJob, now: float) -> None:
        training_state.end_attempt(record, now)
        training_state.enter(record, "Training", now)
        if remark:
            training_state.note(record, remark)
        training_state.begin_attempt(record, now)
        hosts = self._containers.hosts
        record["streams"] = {host: f"{self._name}/{host}-{int(now)}" for host in hosts}
        record["offsets"] = dict.fromkeys(hosts, 0)

    def _watch(self) -> tuple[End, dict[str, int]]:
        """Follows the containers to their end; returns why they ended, and their exit codes."""
        decided = self._record().get("ending")
        end = End(decided) if decided else None
        kill_at, pushed = time.monotonic() + STOP_GRACE, 0.0
        while True:
            codes = self._containers.exit_codes()
            self._look_at_disk()
            self._patiently(self._collect, between=self._look_at_disk)
            if len(codes) == len(self._containers.hosts):
                break
            self._containers.sample_system()
            if self._new_rules.is_set():
                self._new_rules.clear()
                self._patiently(lambda: self._evaluations.begin(self._record()))
            now = time.monotonic()
            if now - pushed >= SYNC_EVERY:
                self._push(self._due() if end is None else kill_at)
                pushed = now
            if end is None and (end := self._reason_to_end(codes)):
                self._decide(end, next((host for host, code in codes.items() if code), None))
                self._containers.terminate()
                kill_at = now + STOP_GRACE
            if self._abandoned:
                kill_at = min(kill_at, self._abandoned[1] + ABANDON_GRACE)
            if end is not None and now >= kill_at:
                self._containers.kill()
            self._wake.wait(0 if self._containers.logs_behind() else TICK)
            self._wake.clear()
        self._stop_asked.clear()  # what was asked for until now has ended the containers
        until = time.monotonic() + (END_PATIENCE if end is None else STOP_PATIENCE)
        while (lines := self._patiently(lambda: self._containers.read_rest(until))) is not None:
            self._take(lines)
        if end is not End.INTERRUPTED:
            self._patiently(lambda: self._containers.mark_end(self._context.clock()))
        if problem := self._patiently(lambda: self._containers.push(final=True, interrupt=self._upload_given_up)):
            raise JobFailed(f"ClientError: Artifact upload failed:{problem}")
        return end or (End.FAILED if any(codes.values()) else End.EXITED), codes

    def _look_at_disk(self) -> None:
        """Where a program has failed and the disk is full, keeps that for the reason, and drops the model, which no failed job
        uploads: without room the job could not be ended."""
        if self._disk is None and any(self._containers.exit_codes().values()):
            self._disk = full_disk(self._containers.folder)
            if self._disk:
                drop_files(self._containers.base(host) / "model" for host in self._containers.hosts)

    def _push(self, due: float) -> None:
        """Uploads what is synced; gives up when something is to be done about the containers, at `due` at the latest."""
        try:
            problem = self._containers.push(interrupt=lambda: self._wake.is_set() or time.monotonic() >= due)
        except Interrupted:
            return
        if problem:
            log.warning("training job %s: %s", self._name, problem)

    def _due(self) -> float:
        """When, by the monotonic clock, the job's time is over."""
        record, now = self._record(), self._context.clock()
        limits = self._request.get("StoppingCondition", {})
        left = limits.get("MaxRuntimeInSeconds", training_state.DEFAULT_MAX_RUNTIME) - training_state.seconds_run(record, now)
        if "MaxWaitTimeInSeconds" in limits:
            left = min(left, limits["MaxWaitTimeInSeconds"] - (now - record["created"]))
        return time.monotonic() + left

    def _decide(self, end: End, failed_host: str | None) -> None:
        """Keeps why the containers are being ended, and whose failure it was: the others end by our signal."""
        self._update(lambda record, now: record.update({"ending": end, "failed_host": failed_host}))

    def _reason_to_end(self, codes: dict[str, int]) -> End | None:
        record, now = self._record(), self._context.clock()
        limit = self._request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", training_state.DEFAULT_MAX_RUNTIME)
        if any(codes.values()):
            return End.FAILED
        if self._abandoned or record["status"] == "Stopping":
            return End.STOPPED
        if training_state.seconds_run(record, now) >= limit:
            return End.MAX_RUNTIME
        if self._over_wait(record, now):
            return End.MAX_WAIT
        if self._interrupt.is_set():
            self._interrupt.clear()
            return End.INTERRUPTED
        return None

    def _over_wait(self, record: TrainingJob, now: float) -> bool:
        limit = self._request.get("StoppingCondition", {}).get("MaxWaitTimeInSeconds")
        return limit is not None and now - record["created"] >= limit

    def _interrupted(self, record: TrainingJob, now: float) -> None:
        record.pop("ending", None)
        training_state.end_attempt(record, now)
        training_state.enter(record, "Interrupted", now)

    def _wait_for_capacity(self) -> End | None:
        """After an interruption; returns why not to start again, if there is a reason."""
        until = time.monotonic() + RESTART_WAIT
        while time.monotonic() < until:
            record = self._record()
            if self._abandoned or record["status"] == "Stopping":
                return End.STOPPED
            if self._over_wait(record, self._context.clock()):
                return End.MAX_WAIT
            self._wake.wait(TICK)
            self._wake.clear()
        self._update(lambda record, now: training_state.enter(record, "Starting", now))
        return None

    def _collect(self) -> None:
        """Takes new log lines in; writes the record only when there are some."""
        if lines := self._containers.read_logs():
            self._take(lines)

    def _take(self, lines: list[str]) -> None:
        self._metrics.feed(lines, self._context.clock())
        self._update(self._progress)
        for notice in self._metrics.notices[self._said :]:
            self._patiently(partial(self._containers.say, notice))
            self._said += 1

    def _progress(self, record: TrainingJob, now: float) -> None:
        record["offsets"] = self._containers.offsets()
        record["metrics"] = self._metrics.last
        record["history"] = self._metrics.history
        record["given_up"] = self._metrics.given_up
        for notice in self._metrics.notices:
            training_state.note(record, notice)

    def _finish(self, end: End, codes: dict[str, int]) -> None:
        """Uploads what is to be kept, and ends the job."""
        self._context.keys.withdraw(self._holder)
        if self._abandoned:
            return self._fail(f"InternalServerError: {self._abandoned[0]}")
        self._update(lambda record, now: training_state.enter(record, "Uploading", now))
        try:
            given_up = self._upload_given_up
            self._patiently(lambda: self._containers.upload_artifacts(model=end is not End.FAILED, interrupt=given_up))
        except (AwsError, OSError, ValueError, Refused) as error:
            return self._fail(f"ClientError: Artifact upload failed:{error}")
        if end is End.FAILED:
            host = self._record().get("failed_host") or next(host for host, code in codes.items() if code)
            return self._fail(training_state.algorithm_error(self._containers.failure_file(host), codes[host], self._disk or ""))
        status, secondary = OUTCOMES[end]
        self._update(lambda record, now: training_state.finish(record, status, now, secondary=secondary))
        self._containers.remove()

    def _end_without_upload(self) -> None:
        """A stop was asked for while something was uploaded: what is not there yet stays away."""
        self._context.keys.withdraw(self._holder)
        if self._abandoned:
            return self._fail(f"InternalServerError: {self._abandoned[0]}")
        self._containers.mark_end_in_s3(self._context.clock())
        self._update(lambda record, now: training_state.finish(record, "Stopped", now))
        self._containers.remove()

    def _fail(self, reason: str) -> None:
        """Ends the job Failed. Its folder stays, to look into, until the job is deleted."""
        self._context.keys.withdraw(self._holder)
        self._containers.mark_end_in_s3(self._context.clock())
        self._update(lambda record, now: training_state.finish(record, "Failed", now, reason=reason))
