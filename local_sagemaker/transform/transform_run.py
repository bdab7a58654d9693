"""One transform job being run, in a thread of its own: from its start to Completed, Failed or Stopped.

All that matters is in the job's record and in its folder (progress.py), so a server that is started after this one died takes
up the containers that still run, starts the others anew, and goes on with the objects that are not done.
"""

import contextlib
import logging
import time

from ..containers import execution_role
from ..containers.backend import CannotStart
from ..containers.backends import Backends
from ..containers.folder_removal import remove_tree
from ..containers.untrusted_folder import Refused, UntrustedFolder
from ..context import Context
from ..endpoints.endpoint_state import InstanceState, Variant
from ..endpoints.fleet import PING_PAUSE, STARTUP_TIMEOUT, container_of
from ..endpoints.instance import START_ERRORS, STOP_GRACE, Instance, Owner, new_id
from ..endpoints.invocation import Target
from ..endpoints.model_data import BadModelData
from ..errors import AwsError
from ..jobs.job_thread import ABANDON_GRACE, JobThread
from ..jobs.training_state import not_kept
from ..storage.full_disk import refused_by_disk
from . import settings, transform_state
from .input_objects import BadInputs, find_objects
from .progress import Progress
from .request_loop import Ended, RequestLoop
from .transform_state import KIND, TransformJob

PLACE = "transform"
"""The folder of the jobs below the root."""
GROUP = execution_role.TRANSFORM_LOGS

log = logging.getLogger(__name__)


def owner_of(job: str) -> Owner:
    """A transform job as the owner of its instances."""
    return Owner(f"{KIND}/{job}", GROUP, "DescribeTransformJob")


class TransformRun(JobThread[TransformJob]):
    """The life of one job from here to its end: instances below root/transform/<name>, and the loop that sends them requests."""

    def __init__(self, context: Context, backends: Backends, name: str) -> None:
        super().__init__(context, KIND, name)
        self._request = self._record()["request"]
        self._backends = backends
        self._folder = context.root / PLACE / name
        self._progress = Progress(UntrustedFolder(self._folder))
        self._instances: list[Instance] = []

    def _run(self, adopt: bool) -> None:
        try:
            if adopt:
                self._instances = [self._make(state) for state in self._record()["instances"]]
            elif left := remove_tree(self._folder):
                earlier = f"The folder {self._folder} of an earlier job cannot be removed"
                raise Ended("Failed", f"{earlier}, remove it first: {left[0]}.")
            self._patiently(self._plan)
            self._bring_up()
            self._wait_until_ready()
            self._end(*self._send_all())
        except Ended as ended:
            self._end(ended.status, ended.reason)
        except CannotStart as error:
            self._end("Failed", str(error))
        except Exception as error:
            if self._abandoned:
                self._end("Failed", f"InternalServerError: {self._abandoned[0]}")
                return
            log.exception("transform job %s", self._name)
            self._end("Failed", f"InternalServerError: {error}")

    def _plan(self) -> None:
        """Writes down which objects the job reads, unless a server before did."""
        if self._progress.is_planned():
            return
        try:
            self._progress.plan(find_objects(self._context.objects, self._request))
        except (BadInputs, AwsError) as error:
            if refused_by_disk(error):
                raise
            raise Ended("Failed", str(error) if isinstance(error, BadInputs) else f"ClientError: {error.message}") from None

    # The instances

    def _make(self, state: InstanceState) -> Instance:
        model = self._record()["model"]
        container = container_of(model)
        # What the request says of the environment goes before what SageMaker says, and that before the model's.
        environment = {
            **container.get("Environment", {}),
            **settings.environment(self._request),
            **self._request.get("Environment", {}),
        }
        variant: Variant = {
            "name": self._name,
            "weight": 1.0,
            "count": 1,
            "instance_type": self._request["TransformResources"]["InstanceType"],
            "timeout": STARTUP_TIMEOUT,
            "role": model.get("ExecutionRoleArn"),
            "container": {**container, "Environment": environment},
            "isolated": model.get("EnableNetworkIsolation", False),
            "instances": [],
        }
        folder = self._folder / state["id"]
        target = Target("", self._name)
        return Instance(self._context, self._backends, owner_of(self._name), folder, variant, state, target)

    def _bring_up(self) -> None:
        """Takes up the instances that run, and starts as many as are asked for, but no more than there are objects."""
        found = [instance for instance in self._instances if instance.find()]
        for instance in self._instances:
            if instance not in found:
                instance.stop(0.0)
        wanted = min(self._request["TransformResources"]["InstanceCount"], len(self._progress.objects()))
        new = [self._make(self._new_state()) for _ in range(wanted - len(found))]
        self._instances = [*found, *new]
        states = [instance.state for instance in self._instances]
        self._update(lambda record, now: transform_state.begin(record, now, states))
        for instance in new:
            self._raise_if_over()
            for sentence in not_kept(self._request, transform_state.UNPROTECTED):
                instance.say(sentence)
            try:
                self._patiently(instance.start)
            except START_ERRORS as error:
                reason = f"ClientError: {error}" if isinstance(error, BadModelData) else str(error)
                raise Ended("Failed", reason) from None

    def _new_state(self) -> InstanceState:
        name = new_id()
        return {"id": name, "stream": f"{self._name}/{name}", "offset": 0}

    def _wait_until_ready(self) -> None:
        """Pings until every instance is ready. Raises Ended when one dies or is late."""
        began = time.monotonic()
        while not all(instance.ready for instance in self._instances):
            self._raise_if_over()
            for instance in self._instances:
                instance.read_log()
                instance.ready = instance.ready or (instance.alive and instance.ping())
                late = time.monotonic() - began > STARTUP_TIMEOUT
                if not instance.ready and (late or not instance.alive):
                    raise Ended("Failed", f"AlgorithmError: Model container failed to respond to ping. {instance.last_words()}")
            self._wake.wait(PING_PAUSE)

    def _raise_if_over(self) -> None:
        """Raises Ended where the job was asked to stop, or the server is."""
        self._wake.clear()
        if self._abandoned:
            raise Ended("Failed", f"InternalServerError: {self._abandoned[0]}")
        if self._record()["status"] == "Stopping":
            raise Ended("Stopped", "")

    # The requests

    def _send_all(self) -> tuple[str, str]:
        """Sends every object that is not done; returns the status in which the job is to end, and the reason."""
        loop = RequestLoop(self._context, self._request, self._instances, self._progress)
        loop.run(self._record().get("told"), self._keep_told, self._look)
        failures = [failure for failure in self._progress.done().values() if failure]
        if not failures and not loop.dead:
            return "Completed", ""
        side = "ClientError" if failures and not loop.dead and failures[0].startswith("ClientError") else "AlgorithmError"
        reason = f"{side}: See job logs for more information."
        if failures:
            count = len(self._progress.objects())
            reason += f" {len(failures)} of {count} objects failed, first {failures[0].partition(': ')[2]}."
        return "Failed", " ".join([reason, *loop.dead])

    def _keep_told(self, told: dict[str, object]) -> None:
        self._update(lambda record, now: record.update({"told": told}))

    def _look(self) -> None:
        """Called all the while that requests are sent: raises Ended where the job is over, and keeps how far logs were read."""
        self._raise_if_over()
        states = [instance.state for instance in self._instances]
        if self._record()["instances"] != states:
            try:
                self._context.store.update(KIND, self._name, lambda record: record.update({"instances": states}))
            except AwsError as error:
                if not refused_by_disk(error):
                    raise

    # The end

    def _end(self, status: str, reason: str = "") -> None:
        """Stops the instances, and ends the job; nothing is left on disk, as nobody can delete a transform job."""
        for instance in self._instances:
            with contextlib.suppress(Refused, OSError):
                instance.terminate()
        until = time.monotonic() + (ABANDON_GRACE if self._abandoned else STOP_GRACE)
        for instance in self._instances:
            try:
                instance.stop(max(0.0, until - time.monotonic()))
            except Exception:  # the others are to be stopped, and the job ended, whatever it is
                log.exception("instance %s of transform job %s", instance.state["id"], self._name)
        self._update(lambda record, now: transform_state.finish(record, status, now, reason))
        remove_tree(self._folder)
