"""Tags of SageMaker resources: AddTags, ListTags, DeleteTags, and the tags a create request brings along.

One tag is a control of this server: adding `local-sagemaker:interrupt` (any value) to a managed spot training job takes its
capacity back once, as AWS would. It is kept and listed like any tag.
"""

import contextlib
from typing import TypedDict

from ..context import Context, Platform
from ..errors import Missing, validation
from ..storage.store import Kind, Store
from .operation import Operation, Reply, Request


class Tags(TypedDict):
    """The tags of one resource, which is called by its ARN: values by keys."""

    tags: dict[str, str]


class Resource(TypedDict):
    """What the records of all resources have that take tags."""

    arn: str


KIND: Kind[Tags] = Kind("tags")
LIMIT = 50
INTERRUPT = "local-sagemaker:interrupt"
RESOURCES: dict[str, Kind[Resource]] = {
    "training-job": Kind("training-job"),
    "hyper-parameter-tuning-job": Kind("tuning-job"),
    "processing-job": Kind("processing-job"),
    "transform-job": Kind("transform-job"),
    "model": Kind("model"),
    "endpoint-config": Kind("endpoint-config"),
    "endpoint": Kind("endpoint"),
}
"""The resource part of an ARN, and the kind of its record."""


def keep(store: Store, arn: str, tags: list[dict[str, str]]) -> None:
    """Adds tags to a resource, replacing the values of keys it has. Raises ValidationException above 50."""
    if not tags:
        return

    def add(record: Tags) -> None:
        record["tags"] |= {tag["Key"]: tag["Value"] for tag in tags}
        if len(record["tags"]) > LIMIT:
            raise validation(f"Number of tags on {arn} would exceed the limit of {LIMIT}.")

    with store.transaction():
        if store.get(KIND, arn) is None:
            store.put(KIND, arn, Tags(tags={}))
        store.update(KIND, arn, add)


def forget(store: Store, arn: str) -> None:
    """The resource is gone."""
    store.delete(KIND, arn)


def tags_of(store: Store, arn: str) -> list[dict[str, str]]:
    """In the order in which they were added."""
    record = store.get(KIND, arn) or {"tags": {}}
    return [{"Key": key, "Value": value} for key, value in record["tags"].items()]


def add_tags(platform: Platform, request: Request) -> Reply:
    """AddTags."""
    kind, name = _resource(platform, request["ResourceArn"])
    if kind == "training-job" and any(tag["Key"] == INTERRUPT for tag in request["Tags"]):
        platform.training_jobs.interrupt(name)  # before the tag is kept: a refusal leaves nothing
    keep(platform.store, request["ResourceArn"], request["Tags"])
    return {"Tags": tags_of(platform.store, request["ResourceArn"])}


def list_tags(context: Context, request: Request) -> Reply:
    """ListTags: all of them fit on one page."""
    _resource(context, request["ResourceArn"])
    return {"Tags": tags_of(context.store, request["ResourceArn"])}


def delete_tags(context: Context, request: Request) -> Reply:
    """DeleteTags: keys that are not there are no error."""
    _resource(context, request["ResourceArn"])

    def remove(record: Tags) -> None:
        record["tags"] = {key: value for key, value in record["tags"].items() if key not in request["TagKeys"]}

    with contextlib.suppress(Missing):
        context.store.update(KIND, request["ResourceArn"], remove)
    return {}


def _resource(context: Context, arn: str) -> tuple[str, str]:
    """(kind, name) of the record with this ARN. Raises ValidationException."""
    resource, _, name = arn.rpartition(":")[2].partition("/")
    record = context.store.get(RESOURCES[resource], name) if resource in RESOURCES else None
    if record is None or record["arn"] != arn:
        raise validation(f"Could not find a resource with ARN {arn!r} that takes tags.")
    return RESOURCES[resource], name


OPERATIONS = {
    "AddTags": Operation(add_tags, "ResourceArn Tags"),
    "ListTags": Operation(list_tags, "ResourceArn MaxResults NextToken"),
    "DeleteTags": Operation(delete_tags, "ResourceArn TagKeys"),
}
