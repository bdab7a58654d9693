"""The containers of one attempt at a training job: laid out, started or found again, followed and kept in sync with S3.

When to start and to end them is training_run.py's to decide; it keeps the record too.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from ..containers import artifacts, config_files, execution_role
from ..containers.backend import Backend, CannotStart, Container, ContainerSpec, base_of, log_of
from ..containers.backends import Backends
from ..containers.channels import download_channel
from ..containers.container_log import LogFollower
from ..containers.folder_removal import remove_tree
from ..containers.folder_sync import TOLD, FolderSync, push_all, synced_folders
from ..containers.interruptible import Interrupt, never
from ..containers.system_metrics import SystemMetrics
from ..containers.untrusted_folder import Refused, UntrustedFolder
from ..context import Context
from ..errors import AwsError
from ..s3.uri import folder_prefix, split
from . import training_state
from .training_state import FAILURE_LIMIT, TrainingJob

GROUP = execution_role.TRAINING_LOGS
END_MARK = "training_job_end.ts"
SUBMIT_DIRECTORY = "sagemaker_submit_directory"
"""The hyperparameter of SageMaker's script mode that says where the code is."""
PROFILING_INTERVAL = 500
"""Milliseconds between two samples of system metrics, unless the request says otherwise."""


class TrainingContainers:
    """One container for each host of a job, below root/jobs/<name>/<host>."""

    def __init__(self, context: Context, backends: Backends, request: Mapping[str, Any]) -> None:
        self._context = context
        self._backends = backends
        self._request = request
        groups = config_files.instance_groups(request["ResourceConfig"])
        self.hosts = config_files.host_names(groups)
        self._instance_types = {host: group["instance_type"] for group in groups for host in group["hosts"]}
        self._isolated = request.get("EnableNetworkIsolation", False)
        self.folder = context.root / "jobs" / request["TrainingJobName"]
        self._holder = f"{training_state.KIND}/{request['TrainingJobName']}"
        self._running: dict[str, Container] = {}
        self._followers: dict[str, LogFollower] = {}
        self._syncs: list[FolderSync] = []
        self._system: list[SystemMetrics] = []

    def base(self, host: str) -> UntrustedFolder:
        """The host's /opt/ml."""
        return base_of(self.folder / host)

    def launch(self, begin: Callable[[str], TrainingJob]) -> None:
        """Lays every host out, then starts them. `begin` records the attempt, just before, with the remark on an image that runs
        in the place of the job's own, and gives the record.

        Raises CannotDownload, CannotStart or Refused; nothing runs then.
        """
        chosen = self._backends.choose(self._request["AlgorithmSpecification"]["TrainingImage"])
        backend = chosen.backend
        if left := remove_tree(self.folder):
            raise CannotStart(f"The folder {self.folder} of an earlier job cannot be removed, remove it first: {left[0]}.")
        calls_us = self._has_to_call_us(backend)
        interface = "lo" if calls_us else backend.network_interface(len(self.hosts), isolated=self._isolated)
        for number, host in enumerate(self.hosts):
            seen_base = backend.seen_base(self.folder / host)
            config_files.write_config(self.base(host), self._request, host, seen_base=seen_base, network_interface=interface)
            for channel in self._request.get("InputDataConfig", []):
                data, link = self.base(host) / "input/data", backend.mounts_read_only
                download_channel(self._context.objects, channel, data, number, len(self.hosts), link=link)
        record = begin(chosen.remark)
        for stream in record["streams"].values():  # a job of this name may have had the same, in the same second
            self._context.events.follow_anew(GROUP, stream)
        self._follow(record)
        promises = training_state.UNPROTECTED | training_state.WITHOUT_EFFECT
        self._tell([*filter(None, [chosen.remark]), *training_state.not_kept(self._request, promises)])
        if "CheckpointConfig" in self._request:
            for sync in self._syncs[: len(self.hosts)]:
                sync.restore()
        cluster = backend.cluster_environment(len(self.hosts), calls_us=calls_us) | self._credentials(backend, calls_us)
        self._running = {}
        try:
            for host in self.hosts:
                self._running[host] = backend.start(self._spec(host, chosen.image, cluster, calls_us))
        except BaseException:
            self.kill()
            raise

    def _has_to_call_us(self, backend: Backend) -> bool:
        """Whether the job fetches something from this server that its backend does not let it reach: the code of a script, say.

        Such containers are on this machine's own network. Several hosts have one of their own, which they need more unless it is
        their script that they have to fetch: without it nothing runs.
        """
        if self._isolated or backend.reaches_us:
            return False
        if len(self.hosts) > 1:
            return "s3://" in self._request.get("HyperParameters", {}).get(SUBMIT_DIRECTORY, "")
        return bool(execution_role.of_training_job(self._request).objects)

    def _credentials(self, backend: Backend, calls_us: bool) -> dict[str, str]:
        """The key that the hosts share, where they can call this server."""
        if self._isolated or not (backend.reaches_us or calls_us):
            return {}
        return self._context.credentials(self._holder, self._request["RoleArn"], execution_role.of_training_job(self._request))

    def find(self, record: TrainingJob) -> bool:
        """Takes up the containers that the last server started; False, and none is left, when it had not started all."""
        found = {host: self._backends.find(self.folder / host) for host in self.hosts}
        self._running = {host: container for host, container in found.items() if container is not None}
        if record["attempt_started"] is None or len(self._running) < len(self.hosts):
            self.kill()
            return False
        self._follow(record)
        if len(self.hosts) == 1:
            for sync in self._syncs:
                sync.know_s3()
        return True

    def exit_codes(self) -> dict[str, int]:
        """The exit codes of those that have ended."""
        codes = {host: container.exit_code() for host, container in self._running.items()}
        return {host: code for host, code in codes.items() if code is not None}

    def terminate(self) -> None:
        """SIGTERM to every program."""
        for container in self._running.values():
            container.terminate()

    def kill(self) -> None:
        """Ends everything; returns when nothing is left."""
        for container in self._running.values():
            container.kill()

    def read_logs(self) -> list[str]:
        """The next lines printed, by all hosts; they are in the log streams by now."""
        return [line for follower in self._followers.values() for line in follower.poll()]

    def read_rest(self, until: float) -> list[str] | None:
        """The same of logs that grow no more, None when nothing is left; `until` is as in LogFollower.rest."""
        found = [follower.rest(until) for follower in self._followers.values()]
        return None if all(lines is None for lines in found) else [line for lines in found for line in lines or ()]

    def logs_behind(self) -> bool:
        """Whether there may be more to read at once."""
        return any(follower.behind for follower in self._followers.values())

    def say(self, text: str) -> None:
        """A line of the platform's own in the first host's log stream."""
        follower = self._followers[self.hosts[0]]
        self._context.events.append(follower.group, follower.stream, [f"[platform] {text}"])

    def offsets(self) -> dict[str, int]:
        """How far each log was read: what to give back to `find` in the record."""
        return {host: follower.offset for host, follower in self._followers.items()}

    def sample_system(self) -> None:
        """Takes the profiler's system metrics, where it is time."""
        for metrics in self._system:
            with suppress(OSError):  # a sample that a full disk refuses is missing, and that is all
                metrics.sample(self._context.clock())

    def close(self) -> None:
        """Nothing is sampled any more."""
        for metrics in self._system:
            metrics.close()

    def push(self, *, final: bool = False, interrupt: Interrupt = never) -> str | None:
        """Uploads what is synced while the job runs; returns what went wrong. Raises Interrupted and Refused."""
        problem = push_all(self._syncs, final=final, interrupt=interrupt)
        for sync in self._syncs:
            self._tell(sync.left_out())
        return problem

    def mark_end(self, now: float) -> None:
        """Writes the platform's mark that a job's tensors and metrics are complete: readers wait for it."""
        for path, _ in _end_marks(self._request):
            self.base(self.hosts[0]).write(config_files.below_ml(path), str(now))

    def mark_end_in_s3(self, now: float) -> None:
        """The same for a job that ends before its folders can be uploaded, or before it has any."""
        for _, uri in _end_marks(self._request):
            with suppress(AwsError, OSError):  # a bucket that is gone, a full disk: the job has ended all the same
                self._context.objects.put(*split(uri, "S3OutputPath"), str(now).encode())

    def upload_artifacts(self, *, model: bool, interrupt: Interrupt) -> None:
        """Uploads output/data, and the model where there is to be one. Raises Interrupted and Refused."""
        bases = [self.base(host) for host in self.hosts]
        self._tell(artifacts.upload(self._context.objects, self._request, bases, model=model, interrupt=interrupt))

    def failure_file(self, host: str) -> str:
        """The beginning of output/failure, or why it is not read; empty where there is none."""
        try:
            written = self.base(host).read("output/failure", 4 * FAILURE_LIMIT) or b""
        except Refused as refused:
            return str(refused).rstrip(".")
        except OSError:
            return ""
        return written.decode("utf-8", "replace")[:FAILURE_LIMIT]

    def remove(self) -> None:
        """Removes the folder."""
        remove_tree(self.folder)

    def _tell(self, sentences: list[str]) -> None:
        """Says in the log of the first host what the platform left out."""
        if sentences:
            lines = [f"[platform] {sentence}" for sentence in sentences[:TOLD]]
            with suppress(AwsError):  # a full disk: the job does not fail for a remark
                self._context.events.append(GROUP, self._followers[self.hosts[0]].stream, lines)

    def _spec(self, host: str, image: str, cluster: dict[str, str], calls_us: bool) -> ContainerSpec:
        algorithm = self._request["AlgorithmSpecification"]
        name = self._request["TrainingJobName"]
        return ContainerSpec(
            folder=self.folder / host,
            image=image,
            entrypoint=tuple(algorithm.get("ContainerEntrypoint", ())),
            arguments=tuple(algorithm.get("ContainerArguments", () if "ContainerEntrypoint" in algorithm else ("train",))),
            environment={
                **cluster,
                **self._request.get("Environment", {}),
                "TRAINING_JOB_NAME": name,
                "TRAINING_JOB_ARN": self._context.arn("sagemaker", f"training-job/{name}"),
                "SAGEMAKER_REGION": self._context.region,
                "AWS_REGION": self._context.region,
            },
            read_only=("input/data",),
            hosts=tuple(self.hosts),
            hostname=host,
            isolated=self._isolated,
            calls_us=calls_us,
            instance_type=self._instance_types[host],
        )

    def _follow(self, record: TrainingJob) -> None:
        """Sets the log followers and folder syncs up; those of the checkpoints come first."""
        streams, offsets = record["streams"], record["offsets"]
        self._followers = {
            host: LogFollower(self._context.events, GROUP, streams[host], log_of(self.folder / host), offsets[host])
            for host in self.hosts
        }
        self.close()
        self._system = []
        profiler = self._request.get("ProfilerConfig")
        if profiler and not profiler.get("DisableProfiler"):
            interval = profiler.get("ProfilingIntervalInMilliseconds", PROFILING_INTERVAL)
            path = config_files.profiler_path(self._request)
            folders = {host: self.base(host) / config_files.below_ml(path) for host in self.hosts}
            self._system = [SystemMetrics(folder, host, interval) for host, folder in folders.items()]
        self._syncs = []
        for path, uri, skip in synced_folders(self._request):
            bucket, key = split(uri, "S3Uri")
            for host in self.hosts:
                folder = self.base(host) / config_files.below_ml(path)
                self._syncs.append(FolderSync(self._context.objects, folder, bucket, folder_prefix(key), skip))


def _end_marks(request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(path in the container, S3 URI) of each mark that says that nothing more comes."""
    folders = {"debug-output": "", "profiler-output": "/system"}
    for path, uri, _ in synced_folders(request):
        below = folders.get(uri.rpartition("/")[2])
        if below is not None:
            yield f"{path}{below}/{END_MARK}", f"{uri}{below}/{END_MARK}"
