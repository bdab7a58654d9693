"""The files of a training container before it starts: folders, and every config file of the contract, in AWS's shapes.

It writes; it starts nothing and copies no data (channels.py does). A path in a config file is the path as the program in the
container sees it: /opt/ml/... in Docker, the private folder in the process backend.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ..errors import validation
from .untrusted_folder import UntrustedFolder

ML = "/opt/ml"
CHECKPOINTS = f"{ML}/checkpoints"
TENSORS = f"{ML}/output/tensors"
PROFILER = f"{ML}/output/profiler"
TENSORBOARD = f"{ML}/output/tensorboard"
LOCAL_PATHS = {
    "CheckpointConfig": CHECKPOINTS,
    "DebugHookConfig": TENSORS,
    "TensorBoardOutputConfig": TENSORBOARD,
}
"""The members of a request with a LocalPath, and its default."""

RESERVED, SERVING = ("SAGEMAKER_BASE_DIR",), ("SAGEMAKER_BIND_TO_PORT",)
"""Environment names that are the platform's."""

Group = Mapping[str, Any]


def instance_groups(resources: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The groups of a ResourceConfig, with the host names algo-1 to algo-N: one group where the request has none."""
    wanted = resources.get("InstanceGroups") or [
        {
            "InstanceGroupName": "homogeneousCluster",
            "InstanceType": resources["InstanceType"],
            "InstanceCount": resources.get("InstanceCount", 1),
        }
    ]
    groups, first = [], 1
    for group in wanted:
        hosts = [f"algo-{number}" for number in range(first, first + group["InstanceCount"])]
        groups.append({"instance_group_name": group["InstanceGroupName"], "instance_type": group["InstanceType"], "hosts": hosts})
        first += len(hosts)
    return groups


def host_names(groups: Sequence[Group]) -> list[str]:
    """Every host, algo-1 first."""
    return [host for group in groups for host in group["hosts"]]


def local_path(request: Mapping[str, Any], member: str) -> str:
    """LocalPath of a config in the request, or its default."""
    return (request.get(member) or {}).get("LocalPath") or LOCAL_PATHS[member]


def check_local_paths(request: Mapping[str, Any]) -> None:
    """Raises ValidationException where a LocalPath leaves /opt/ml: nothing else is shared with the container."""
    paths = {member: local_path(request, member) for member in LOCAL_PATHS}
    for member, given in {**paths, "ProfilerConfig.ProfilingParameters": profiler_path(request)}.items():
        path = PurePosixPath(given)
        if not path.is_relative_to(ML) or path == PurePosixPath(ML) or ".." in path.parts:
            raise validation(f"{member}.LocalPath {str(path)!r} is not supported. Give a folder below {ML}.")


def check_environment(environment: Mapping[str, str], *, serves: bool = False) -> None:
    """Raises ValidationException where a request sets what is the platform's. `serves`: of a container that serves."""
    for name in (*RESERVED, *(SERVING if serves else ())):
        if name in environment:
            raise validation(f"Environment variable {name} is set by SageMaker; leave it out.")


def below_ml(path: str) -> str:
    """A path below /opt/ml without that, as a name below the base."""
    return PurePosixPath(path).relative_to(ML).as_posix()


def seen(value: Any, seen_base: str) -> Any:
    """The same, with paths below /opt/ml as the program in the container sees them."""
    if isinstance(value, Mapping):
        return {key: seen(item, seen_base) for key, item in value.items()}
    if isinstance(value, list):
        return [seen(item, seen_base) for item in value]
    if isinstance(value, str) and (value == ML or value.startswith(f"{ML}/")):
        return seen_base + value[len(ML) :]
    return value


def profiler_path(request: Mapping[str, Any]) -> str:
    """Where the framework's profile goes."""
    return (request.get("ProfilerConfig") or {}).get("ProfilingParameters", {}).get("LocalPath") or PROFILER


def write_config(base: UntrustedFolder, request: Mapping[str, Any], host: str, *, seen_base: str, network_interface: str) -> None:
    """Makes the folders below `base` and writes input/config/*.json for one host."""
    for folder in ("input/config", "input/data", "model", "output/data"):
        base.make(folder)

    files = {
        "hyperparameters": request.get("HyperParameters", {}),
        "inputdataconfig": _input_data(request),
        "resourceconfig": _resources(request, host, network_interface),
        **{name: seen(content, seen_base) for name, content in _optional(request).items()},
    }
    for name, content in files.items():
        base.write(f"input/config/{name}.json", json.dumps(content, ensure_ascii=False))
    if "CheckpointConfig" in request:
        base.make(below_ml(local_path(request, "CheckpointConfig")))
    paths = [local_path(request, member) for member in LOCAL_PATHS if member in request]
    for path in [*paths, profiler_path(request)]:  # what lies directly below /opt/ml is what Docker shares with the program
        base.make(PurePosixPath(path).relative_to(ML).parts[0])


def _input_data(request: Mapping[str, Any]) -> dict[str, Any]:
    channels = {}
    for channel in request.get("InputDataConfig", []):
        source = channel["DataSource"]["S3DataSource"]
        about = {
            "TrainingInputMode": channel.get("InputMode") or request["AlgorithmSpecification"]["TrainingInputMode"],
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
        for member in ("ContentType", "CompressionType"):
            if member in channel:
                about[member] = channel[member]
        channels[channel["ChannelName"]] = about
    return channels


def _resources(request: Mapping[str, Any], host: str, network_interface: str) -> dict[str, Any]:
    groups = instance_groups(request["ResourceConfig"])
    own = next(group for group in groups if host in group["hosts"])
    return {
        "current_host": host,
        "current_instance_type": own["instance_type"],
        "current_group_name": own["instance_group_name"],
        "hosts": sorted(host_names(groups)),
        "instance_groups": groups,
        "network_interface_name": network_interface,
    }


def _optional(request: Mapping[str, Any]) -> dict[str, Any]:
    """The files that are there only when the request has the member."""
    files: dict[str, Any] = {}
    if config := request.get("CheckpointConfig"):
        files["checkpointconfig"] = {"S3Uri": config["S3Uri"], "LocalPath": local_path(request, "CheckpointConfig")}
    if config := request.get("DebugHookConfig"):
        defaults = {"LocalPath": TENSORS, "HookParameters": {}, "CollectionConfigurations": []}
        files["debughookconfig"] = {**defaults, **config}
    if config := request.get("TensorBoardOutputConfig"):
        files["tensorboardoutputconfig"] = {"LocalPath": TENSORBOARD, **config}
    if config := request.get("ProfilerConfig"):
        parameters = {"LocalPath": PROFILER, **config.get("ProfilingParameters", {})}
        files["profilerconfig"] = {"ProfilingIntervalInMilliseconds": 500, **config, "ProfilingParameters": parameters}
    return files
