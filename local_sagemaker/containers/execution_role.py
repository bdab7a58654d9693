"""What a container may do with the key that it gets: what its job's request says that it reads and writes, and no more.

On AWS the policies of the execution role say so. Here policies are kept and not enforced (identity/iam.py), and the request
decides: the data it is given, the places its outputs go to, and the objects that its hyperparameters, environment and
arguments name, such as a script's code. Its own log, and the description of its own job."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..caller import Permissions
from ..s3.uri import folder_prefix, join, split
from . import processing_files
from .folder_sync import synced_folders

TRAINING_LOGS = "/aws/sagemaker/TrainingJobs"
PROCESSING_LOGS = "/aws/sagemaker/ProcessingJobs"
TRANSFORM_LOGS = "/aws/sagemaker/TransformJobs"
ENDPOINT_LOGS = "/aws/sagemaker/Endpoints"
_NAMED = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([^\s\"'<>|,;\[\]{}()]+)")


def of_training_job(request: Mapping[str, Any]) -> Permissions:
    """Reads its channels; writes its outputs, checkpoints, tensors and profile."""
    name, algorithm = request["TrainingJobName"], request["AlgorithmSpecification"]
    channels = [channel["DataSource"]["S3DataSource"]["S3Uri"] for channel in request.get("InputDataConfig", [])]
    outputs = [join(request["OutputDataConfig"]["S3OutputPath"], name), *(uri for _, uri, _ in synced_folders(request))]
    texts = [*request.get("HyperParameters", {}).values(), *request.get("Environment", {}).values()]
    texts += [*algorithm.get("ContainerEntrypoint", []), *algorithm.get("ContainerArguments", [])]
    objects, folders = _named(texts)
    return Permissions(
        reads=(*map(_beginning, channels), *folders),
        objects=objects,
        writes=tuple(map(_folder, outputs)),
        log_group=TRAINING_LOGS,
        log_streams=f"{name}/",
        calls={"DescribeTrainingJob": name},
    )


def of_processing_job(request: Mapping[str, Any], training_job: str) -> Permissions:
    """Reads its inputs; writes its outputs. The evaluator of a rule of `training_job` may look at that job, and stop it."""
    name, application = request["ProcessingJobName"], request["AppSpecification"]
    texts = [*request.get("Environment", {}).values()]
    texts += [*application.get("ContainerEntrypoint", []), *application.get("ContainerArguments", [])]
    objects, folders = _named(texts)
    calls = {"DescribeProcessingJob": name}
    if training_job:  # smdebug's action looks for the job in the list, by the beginning of its name
        calls |= {"DescribeTrainingJob": training_job, "StopTrainingJob": training_job, "ListTrainingJobs": ""}
    return Permissions(
        reads=(*(_beginning(one["S3Uri"]) for one in processing_files.inputs(request)), *folders),
        objects=objects,
        writes=tuple(_folder(one["S3Uri"]) for one in processing_files.outputs(request)),
        log_group=PROCESSING_LOGS,
        log_streams=f"{name}/",
        calls=calls,
    )


def of_instance(
    log_group: str, stream: str, calls: Mapping[str, str], container: Mapping[str, Any], model: tuple[str, str, bool] | None
) -> Permissions:
    """A container that serves, of an endpoint or a transform job: reads its model, (bucket, key or prefix, whether it is one
    object); writes nothing but its log."""
    objects, folders = _named(container.get("Environment", {}).values())
    data = (f"{model[0]}/{model[1]}",) if model else ()
    archive = model is not None and model[2]
    return Permissions(
        reads=folders if archive else (*data, *folders),
        objects=(*data, *objects) if archive else objects,
        log_group=log_group,
        log_streams=stream,
        calls=calls,
    )


def _beginning(uri: str) -> str:
    """How `bucket/key` begins of what an S3Prefix gives a container."""
    return "/".join(split(uri, "S3Uri"))


def _folder(uri: str) -> str:
    """How `bucket/key` begins of all in the folder that a request names for an output."""
    bucket, key = split(uri, "S3Uri")
    return f"{bucket}/{folder_prefix(key)}"


def _named(texts: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The objects that texts name by s3:// and a key, and the folders of the same names. A bucket alone is not enough."""
    places = sorted({place for text in texts for place in _places(text)})
    return tuple(places), tuple(f"{place.rstrip('/')}/" for place in places)


def _places(text: str) -> Iterator[str]:
    yield from (f"{bucket}/{key}" for bucket, key in _NAMED.findall(text) if key.strip("/"))
