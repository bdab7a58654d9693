"""The containers of one attempt at a training job: laid out, started or found again, followed and kept in sync with S3.

When to start and to end them is training_run.py's to decide; it keeps the record too.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..containers import artifacts, config_files, execution_role
from ..containers.backend import Container, ContainerSpec, base_of, log_of
from ..containers.backends import Backends
from ..containers.channels import download_channel
from ..containers.container_log import LogFollower
from ..containers.folder_sync import FolderSync, push_all, synced_folders
from ..containers.system_metrics import SystemMetrics
from ..context import Context
from ..s3.uri import folder_prefix, split
from . import training_state
from .training_state import FAILURE_LIMIT, Record

GROUP = execution_role.TRAINING_LOGS
PROFILING_INTERVAL = 500
"""Milliseconds between two samples of system metrics, unless the request says otherwise."""


class TrainingContainers:
    """One container for each host of a job, below root/jobs/<name>/<host>."""

    def __init__(self, context: Context, backends: Backends, request: Record) -> None:
        self._context = context
        self._backends = backends
        self._backend = backends.of(request["AlgorithmSpecification"]["TrainingImage"])
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

    def base(self, host: str) -> Path:
        """The host's /opt/ml."""
        return base_of(self.folder / host)

    def launch(self, begin: Callable[[], Record]) -> None:
        """Lays every host out, then starts them. `begin` records the attempt, just before, and gives the record.

        Raises CannotDownload or CannotStart; nothing runs then.
        """
        self._backend.prepare(self._request["AlgorithmSpecification"]["TrainingImage"])
        shutil.rmtree(self.folder, ignore_errors=True)
        interface = self._backend.network_interface(len(self.hosts), isolated=self._isolated)
        for number, host in enumerate(self.hosts):
            seen_base = self._backend.seen_base(self.folder / host)
            config_files.write_config(self.base(host), self._request, host, seen_base=seen_base, network_interface=interface)
            for channel in self._request.get("InputDataConfig", []):
                data, link = self.base(host) / "input" / "data", self._backend.mounts_read_only
                download_channel(self._context.objects, channel, data, number, len(self.hosts), link=link)
        self._follow(begin())
        if "CheckpointConfig" in self._request:
            for sync in self._syncs[: len(self.hosts)]:
                sync.restore()
        cluster = self._backend.cluster_environment(len(self.hosts)) | self._credentials()
        self._running = {}
        try:
            for host in self.hosts:
                self._running[host] = self._backend.start(self._spec(host, cluster))
        except BaseException:
            self.kill()
            raise

    def _credentials(self) -> dict[str, str]:
        """The key that the hosts share, where they can call this server."""
        if self._isolated or not self._backend.reaches_us:
            return {}
        return self._context.credentials(self._holder, self._request["RoleArn"], execution_role.of_training_job(self._request))

    def find(self, record: Record) -> bool:
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

    def push(self, *, final: bool = False) -> str | None:
        """Uploads what is synced while the job runs; returns what went wrong."""
        return push_all(self._syncs, final=final)

    def mark_end(self, now: float) -> None:
        """Writes the platform's mark that a job's tensors and metrics are complete: readers wait for it."""
        paths = []
        if "DebugHookConfig" in self._request:
            paths.append(config_files.local_path(self._request, "DebugHookConfig"))
        if self._system:
            paths.append(f"{config_files.profiler_path(self._request)}/system")
        for path in paths:
            folder = config_files.on_host(self.base(self.hosts[0]), path)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "training_job_end.ts").write_text(str(now))

    def upload_artifacts(self, *, model: bool) -> None:
        """Uploads output/data, and the model where there is to be one."""
        bases = [self.base(host) for host in self.hosts]
        artifacts.upload(self._context.objects, self._request, bases, self.folder, model=model)

    def failure_file(self, host: str) -> str:
        """The beginning of output/failure; empty where there is none."""
        try:
            with (self.base(host) / "output" / "failure").open(encoding="utf-8", errors="replace") as file:
                return file.read(FAILURE_LIMIT)
        except OSError:
            return ""

    def remove(self) -> None:
        """Removes the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _spec(self, host: str, cluster: dict[str, str]) -> ContainerSpec:
        algorithm = self._request["AlgorithmSpecification"]
        name = self._request["TrainingJobName"]
        return ContainerSpec(
            folder=self.folder / host,
            image=algorithm["TrainingImage"],
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
            instance_type=self._instance_types[host],
        )

    def _follow(self, record: Record) -> None:
        """Sets the log followers and folder syncs up; those of the checkpoints come first."""
        streams, offsets = record["streams"], record["offsets"]
        self._followers = {
            host: LogFollower(self._context.events, GROUP, streams[host], log_of(self.folder / host), offsets[host])
            for host in self.hosts
        }
        self._system = []
        profiler = self._request.get("ProfilerConfig")
        if profiler and not profiler.get("DisableProfiler"):
            interval = profiler.get("ProfilingIntervalInMilliseconds", PROFILING_INTERVAL)
            path = config_files.profiler_path(self._request)
            folders = {host: config_files.on_host(self.base(host), path) for host in self.hosts}
            self._system = [SystemMetrics(folder, host, interval) for host, folder in folders.items()]
        self._syncs = []
        for path, uri, skip in synced_folders(self._request):
            bucket, key = split(uri, "S3Uri")
            for host in self.hosts:
                folder = config_files.on_host(self.base(host), path)
                self._syncs.append(FolderSync(self._context.objects, folder, bucket, folder_prefix(key), skip))
