"""Transform jobs for tests: their requests, waiting for their end, and what their containers and the platform said."""

import json
from typing import Any

from tests.support.local_server import ROLE, TRANSFORM_IMAGE, LocalServer, put_model, wait_until

GROUP = "/aws/sagemaker/TransformJobs"


def make_model(server: LocalServer, name: str, answer: str = "body", image: str = TRANSFORM_IMAGE, **environment: str) -> None:
    """A model whose container answers what the expression says; see transform_container.py."""
    variables = {"ANSWER": answer, **environment}
    container = {"Image": image, "ModelDataUrl": put_model(server, name), "Environment": variables}
    server.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)


def request_of(name: str, **change: Any) -> dict[str, Any]:
    """A CreateTransformJob request for the model and the objects below in/NAME/, with members changed or added.

    Members of TransformInput and TransformOutput are given by their own names.
    """
    source = {"S3DataType": change.pop("S3DataType", "S3Prefix"), "S3Uri": change.pop("S3Uri", f"s3://bucket/in/{name}/")}
    given = {member: change.pop(member) for member in ("ContentType", "CompressionType", "SplitType") if member in change}
    wanted = {member: change.pop(member) for member in ("Accept", "AssembleWith", "KmsKeyId") if member in change}
    return {
        "TransformJobName": name,
        "ModelName": name,
        "TransformInput": {"DataSource": {"S3DataSource": source}, **given},
        "TransformOutput": {"S3OutputPath": f"s3://bucket/out/{name}", **wanted},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": change.pop("InstanceCount", 1)},
        **change,
    }


def put_inputs(server: LocalServer, name: str, inputs: dict[str, bytes]) -> None:
    """Objects below in/NAME/, by the ends of their keys."""
    for key, body in inputs.items():
        server.s3.put_object(Bucket="bucket", Key=f"in/{name}/{key}", Body=body)


def wait_for_transform(server: LocalServer, name: str, seconds: float = 60.0) -> dict[str, Any]:
    """DescribeTransformJob once the job has ended."""
    describe = server.sagemaker.describe_transform_job
    wait_until(lambda: describe(TransformJobName=name)["TransformJobStatus"] not in ("InProgress", "Stopping"), seconds)
    return describe(TransformJobName=name)


def outputs(server: LocalServer, name: str) -> dict[str, bytes]:
    """What was stored below out/NAME/, by the ends of the keys."""
    prefix = f"out/{name}/"
    found = server.s3.list_objects_v2(Bucket="bucket", Prefix=prefix).get("Contents", [])
    keys = [one["Key"] for one in found]
    return {key[len(prefix) :]: server.s3.get_object(Bucket="bucket", Key=key)["Body"].read() for key in keys}


def said(server: LocalServer, name: str, *, data: bool) -> list[str]:
    """The lines of a job's log streams: those of its containers, or the platform's data logs, of all instances."""
    found = []
    try:
        streams = server.logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
    except server.logs.exceptions.ResourceNotFoundException:
        return []
    for stream in streams:
        if stream["logStreamName"].endswith("/data-log") == data:
            events = server.logs.get_log_events(
                logGroupName=GROUP, logStreamName=stream["logStreamName"], startFromHead=True, limit=10000
            )
            found += [event["message"] for event in events["events"]]
    return found


def requests(server: LocalServer, name: str) -> list[dict[str, Any]]:
    """What the containers of a job say that they were sent."""
    lines = [json.loads(line) for line in said(server, name, data=False) if line.startswith("{")]
    return [line for line in lines if "headers" in line]


def transform(
    server: LocalServer,
    name: str,
    inputs: dict[str, bytes],
    answer: str = "body",
    environment: dict[str, str] | None = None,
    **change: Any,
) -> dict[str, Any]:
    """Makes model, inputs and job, all of one name; returns what Describe says at its end."""
    make_model(server, name, answer, **(environment or {}))
    put_inputs(server, name, inputs)
    server.sagemaker.create_transform_job(**request_of(name, **change))
    return wait_for_transform(server, name)
