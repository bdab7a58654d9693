"""One processing job being run, in a thread of its own: from its start to Completed, Failed or Stopped.

All that matters is in the job's record, so a server that is started after this one died goes on where it was. It answers no
requests (processing.py does).
"""

import contextlib
import logging
import time

from ..containers import execution_role, processing_files
from ..containers.backend import NOT_ISOLATED, CannotStart, Container, ContainerSpec, base_of, log_of
from ..containers.backends import Backends
from ..containers.channels import CannotDownload
from ..containers.config_files import below_ml, seen
from ..containers.container_log import END_PATIENCE, STOP_PATIENCE, LogFollower
from ..containers.disk_space import drop_files, full_disk
from ..containers.folder_feed import FolderFeed
from ..containers.folder_removal import remove_tree
from ..containers.folder_sync import FolderSync, push_all
from ..containers.interruptible import Interrupt, Interrupted
from ..containers.untrusted_folder import Refused
from ..context import Context
from ..errors import AwsError
from ..s3.uri import folder_prefix, split
from . import processing_state, rule_state, training_state
from .job_thread import ABANDON_GRACE, JobThread
from .processing_state import KIND, MESSAGE_LIMIT, ProcessingJob

GROUP = execution_role.PROCESSING_LOGS
STOP_GRACE = 120.0
"""Seconds between SIGTERM and SIGKILL."""
TICK = 0.2
SYNC_EVERY = 1.0
TOO_LONG = "Processing job runtime exceeded MaxRuntimeInSeconds provided"
OVERDUE = f"The training job ended more than {rule_state.GRACE:.0f} seconds ago, and the evaluation did not."

Ending = tuple[str, str]
"""A status, and the sentence for FailureReason; empty where there is none."""

log = logging.getLogger(__name__)


class ProcessingRun(JobThread[ProcessingJob]):
    """The life of one job from here to its end: one container, below root/processing/<name>/algo-1."""

    def __init__(self, context: Context, backends: Backends, name: str) -> None:
        super().__init__(context, KIND, name)
        record = self._record()
        self._request = record["request"]
        self._training = (record["training_job_arn"] or "").rpartition("/")[2]
        self._backends = backends
        self._folder = context.root / "processing" / name / processing_files.HOST
        self._base = base_of(self._folder)
        self._continuous = self._syncs("Continuous")
        self._disk = ""
        self._feeds = self._make_feeds() if self._training else []

    def _run(self, adopt: bool) -> None:
        try:
            container = self._find() if adopt else None
            if container is None:
                container = self._patiently(self._launch)
            else:
                for sync in self._continuous:
                    sync.know_s3()
            self._finish(*self._watch(container))
        except (CannotStart, CannotDownload) as error:
            self._end("Failed", str(error))
        except Refused as refused:
            self._kill()
            self._end("Failed", f"ClientError: {refused}")
        except Interrupted:
            self._end(*(("Failed", f"InternalServerError: {self._abandoned[0]}") if self._abandoned else ("Stopped", "")))
        except Exception as error:
            log.exception("processing job %s", self._name)
            self._kill()
            self._end("Failed", f"InternalServerError: {error}")

    def _kill(self) -> None:
        with contextlib.suppress(CannotStart):
            if container := self._backends.find(self._folder):
                container.kill()

    def _find(self) -> Container | None:
        """The container that the last server started; None, and none is left, where it had not started it."""
        container = self._backends.find(self._folder)
        if container is not None and "started" not in self._record():
            container.kill()
            return None
        return container

    def _launch(self) -> Container:
        """Lays the container out and starts it. Raises CannotDownload or CannotStart."""
        image = self._request["AppSpecification"]["ImageUri"]
        chosen = self._backends.choose(image)
        backend = chosen.backend
        if left := remove_tree(self._folder):
            raise CannotStart(f"The folder {self._folder} of an earlier job cannot be removed, remove it first: {left[0]}.")
        isolated = self._request.get("NetworkConfig", {}).get("EnableNetworkIsolation", False)
        seen_base = backend.seen_base(self._folder)
        interface = backend.network_interface(1, isolated=isolated)
        processing_files.prepare_files(
            self._context.objects,
            self._base,
            self._request,
            self._record()["arn"],
            live=bool(self._training),
            seen_base=seen_base,
            network_interface=interface,
            link=backend.mounts_read_only,
        )
        started = self._update(processing_state.begin)
        self._context.events.follow_anew(GROUP, started["stream"])  # a job of this name may have had it, in the same second
        remarks = [chosen.remark, NOT_ISOLATED if isolated and not backend.isolates_network else ""]
        if lines := [f"[platform] {remark}" for remark in remarks if remark]:
            self._context.events.append(GROUP, started["stream"], lines)
        return backend.start(self._spec(chosen.image, seen_base, isolated))

    def _spec(self, image: str, seen_base: str, isolated: bool) -> ContainerSpec:
        application = self._request["AppSpecification"]
        inputs = processing_files.inputs(self._request)
        return ContainerSpec(
            folder=self._folder,
            image=image,
            entrypoint=tuple(seen(application.get("ContainerEntrypoint", []), seen_base)),
            arguments=tuple(seen(application.get("ContainerArguments", []), seen_base)),
            environment={
                "AWS_REGION": self._context.region,
                "AWS_DEFAULT_REGION": self._context.region,
                **({} if isolated else self._credentials()),
                **seen(self._request.get("Environment", {}), seen_base),
            },
            read_only=tuple(below_ml(one["LocalPath"]) for one in inputs),
            hosts=(processing_files.HOST,),
            hostname=processing_files.HOST,
            isolated=isolated,
            instance_type=self._request["ProcessingResources"]["ClusterConfig"]["InstanceType"],
            calls_us=not isolated,
            yields=bool(self._training),
        )

    def _credentials(self) -> dict[str, str]:
        permissions = execution_role.of_processing_job(self._request, self._training)
        return self._context.credentials(self._holder, self._request["RoleArn"], permissions)

    def _watch(self, container: Container) -> tuple[int, Ending | None]:
        """Follows the container to its end; returns its exit code, and how the job is to end where we ended it."""
        record = self._record()
        follower = LogFollower(self._context.events, GROUP, record["stream"], log_of(self._folder), record["offset"])
        # Decided by a server that was killed since: by now the container may have ended by our signal.
        ending: Ending | None = (record["ending"][0], record["ending"][1]) if "ending" in record else None
        kill_at, looked = time.monotonic() + STOP_GRACE, 0.0
        while (code := container.exit_code()) is None:
            self._patiently(lambda: self._collect(follower), between=lambda: self._look_at_disk(container))
            now = time.monotonic()
            if now - looked >= SYNC_EVERY or self._wake.is_set():
                self._wake.clear()
                looked = now
                for feed in self._feeds:
                    self._patiently(feed.pull)
                self._push(self._due(record["started"]) if ending is None else kill_at)
                if ending is None and (ending := self._reason_to_end()) is not None:
                    self._decide(ending)
                    container.terminate()
                    kill_at = now + STOP_GRACE
            if self._abandoned:
                kill_at = min(kill_at, self._abandoned[1] + ABANDON_GRACE)
            if ending is not None and now >= kill_at:
                container.kill()
            self._wake.wait(0 if follower.behind else TICK)
        self._look_at_disk(container)
        self._stop_asked.clear()  # what was asked for until now has ended the container
        until = time.monotonic() + (END_PATIENCE if ending is None else STOP_PATIENCE)
        while self._patiently(lambda: follower.rest(until)) is not None:
            self._update(lambda record, now: record.update({"offset": follower.offset}))
        return code, ending

    def _look_at_disk(self, container: Container) -> None:
        """Where the program has failed and the disk is full, keeps that for the reason, and drops what no failed job uploads:
        without room the job could not be ended."""
        if not self._disk and container.exit_code():
            self._disk = full_disk(self._folder)
            if self._disk:
                drop_files(sync.folder for sync in self._syncs("EndOfJob"))

    def _decide(self, ending: Ending) -> None:
        """Keeps why the container is being ended, which its exit code does not say."""
        self._update(lambda record, now: record.update({"ending": ending}))

    def _push(self, due: float) -> None:
        """Uploads what is continuous; gives up when something is to be done about the container, at `due` at the latest."""
        try:
            problem = self._upload(self._continuous, interrupt=lambda: self._wake.is_set() or time.monotonic() >= due)
        except Interrupted:
            return
        if problem:
            log.warning("processing job %s: %s", self._name, problem)

    def _upload(self, syncs: list[FolderSync], *, final: bool = False, interrupt: Interrupt) -> str | None:
        """Pushes, and says in the job's log what was left out; returns what went wrong. Raises Interrupted and Refused."""
        problem = push_all(syncs, final=final, interrupt=interrupt)
        if left_out := [f"[platform] {sentence}" for sync in syncs for sentence in sync.left_out()]:
            with contextlib.suppress(AwsError):  # a full disk: the job does not fail for a remark
                self._context.events.append(GROUP, self._record()["stream"], left_out)
        return problem

    def _due(self, started: float) -> float:
        """When, by the monotonic clock, the job's time is over."""
        return time.monotonic() + started + self._limit() - self._context.clock()

    def _limit(self) -> float:
        return self._request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", processing_state.DEFAULT_MAX_RUNTIME)

    def _collect(self, follower: LogFollower) -> None:
        """Takes new log lines in; writes the record only when there are some."""
        if follower.poll():
            self._update(lambda record, now: record.update({"offset": follower.offset}))

    def _reason_to_end(self) -> Ending | None:
        record, now = self._record(), self._context.clock()
        if self._abandoned:
            return "Failed", f"InternalServerError: {self._abandoned[0]}"
        if record["status"] == "Stopping":
            return "Stopped", ""
        if now - record["started"] >= self._limit():
            return "Stopped", TOO_LONG
        if self._training and rule_state.overdue(self._context.store.get(training_state.KIND, self._training), now):
            return "Stopped", OVERDUE
        return None

    def _finish(self, code: int, ending: Ending | None) -> None:
        """Uploads what is to be kept, and ends the job."""
        problem = self._patiently(lambda: self._upload(self._continuous, final=True, interrupt=self._upload_given_up))
        if code == 0 and ending is None and not problem:
            syncs = self._syncs("EndOfJob")
            problem = self._patiently(lambda: self._upload(syncs, final=True, interrupt=self._upload_given_up))
        if ending is not None:
            self._end(*ending)
        elif problem:
            self._end("Failed", f"ClientError: Output upload failed: {problem}")
        elif code:
            self._end("Failed", training_state.algorithm_error("", code, self._disk))
        else:
            self._end("Completed")

    def _end(self, status: str, reason: str = "") -> None:
        """Ends the job. The folder of one that failed stays until it is deleted; an evaluator's does not, whatever it found."""
        self._context.keys.withdraw(self._holder)
        message = ""
        try:
            message = processing_files.read_message(self._base, MESSAGE_LIMIT)
        except Refused as refused:
            status, reason = "Failed", reason or f"ClientError: {refused}"
        self._update(lambda record, now: processing_state.finish(record, status, now, reason=reason, message=message))
        if status != "Failed" or self._training:
            remove_tree(self._folder.parent)

    def _make_feeds(self) -> list[FolderFeed]:
        """The inputs that grow while the job runs."""
        found = []
        for one in processing_files.inputs(self._request):
            bucket, key = split(one["S3Uri"], "S3Uri")
            found.append(FolderFeed(self._context.objects, bucket, folder_prefix(key), self._base / below_ml(one["LocalPath"])))
        return found

    def _syncs(self, mode: str) -> list[FolderSync]:
        """The outputs with this S3UploadMode."""
        found = []
        for one in processing_files.outputs(self._request):
            if one["S3UploadMode"] == mode:
                bucket, key = split(one["S3Uri"], "S3Uri")
                folder = self._base / below_ml(one["LocalPath"])
                found.append(FolderSync(self._context.objects, folder, bucket, folder_prefix(key)))
        return found
