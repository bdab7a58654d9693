"""Amazon ECR's repositories on the wire: made, described, changed, removed, and the login for docker. storage/image_index.py
keeps them.

Lifecycle and repository policies are checked, kept and given back, not acted on; there is no scanner. Images are
ecr_images.py's.
"""

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, Literal

from ..context import Context
from ..errors import AwsError, Exists, unsupported
from ..protocol.operation import Operation, Reply, Request
from ..storage.image_index import Repository
from .repositories import USERNAME, new_password, repository_uri

TAGS = 50
PAGE = 100


def create_repository(context: Context, request: Request) -> Reply:
    """Makes a repository."""
    name = request["repositoryName"]
    own_registry(context, request)
    encryption = request.get("encryptionConfiguration", {}).get("encryptionType", "AES256")
    if encryption != "AES256":
        raise unsupported("CreateRepository", f"encryptionConfiguration.encryptionType {encryption}")
    mutability, exclusions = _asked_mutability(request)
    record: Repository = {
        "created": context.clock(),
        "scan": request.get("imageScanningConfiguration", {}).get("scanOnPush", False),
        "tags": {},
        "lifecycle": None,
        "policy": None,
        "mutability": mutability,
        "exclusions": exclusions,
    }
    _add_tags(record, request.get("tags", []))
    try:
        context.registry.create(name, record)
    except Exists:
        message = f"The repository with name '{name}' already exists in the registry with id '{context.account_id}'"
        raise AwsError("RepositoryAlreadyExistsException", message) from None
    return {"repository": _repository(context, name, record)}


def describe_repositories(context: Context, request: Request) -> Reply:
    """All repositories page by page, or those that are named."""
    own_registry(context, request)
    named = request.get("repositoryNames")
    if named and ("nextToken" in request or "maxResults" in request):
        raise _invalid("nextToken and maxResults cannot be given together with repositoryNames.")
    names, token = page(named or context.registry.names(), request, str, PAGE)
    records = [(name, context.registry.find(name)) for name in names]
    if named and (missing := [name for name, record in records if record is None]):
        raise not_found(context, missing[0])
    return {"repositories": [_repository(context, name, one) for name, one in records if one is not None], "nextToken": token}


def delete_repository(context: Context, request: Request) -> Reply:
    """Removes a repository; with force, its images too."""
    name = request["repositoryName"]
    record_of(context, request)
    try:
        record = context.registry.delete(name, request.get("force", False))
    except AwsError as error:
        if error.code != "NOT_EMPTY":
            raise ecr_error(context, name, error) from None
        message = f"The repository with name '{name}' in registry with id '{context.account_id}' cannot be deleted because it "
        raise AwsError("RepositoryNotEmptyException", message + "still contains images") from None
    return {"repository": _repository(context, name, record)}


def get_authorization_token(context: Context, request: Request) -> Reply:
    """The login of the one registry here."""
    if others := set(request.get("registryIds", [])) - {context.account_id}:
        raise _invalid(f"registryIds: {sorted(others)[0]} is not the account of this server, {context.account_id}.")
    password, expires = new_password(context)
    token = base64.b64encode(f"{USERNAME}:{password}".encode()).decode()
    return {"authorizationData": [{"authorizationToken": token, "expiresAt": expires, "proxyEndpoint": context.endpoint_url}]}


def put_image_scanning_configuration(context: Context, request: Request) -> Reply:
    """Notes whether pushes are to be scanned; nothing is."""
    scan = request["imageScanningConfiguration"].get("scanOnPush", False)
    _change(context, request, lambda record: record.update({"scan": scan}))
    return _about(context, request) | {"imageScanningConfiguration": {"scanOnPush": scan}}


def put_image_tag_mutability(context: Context, request: Request) -> Reply:
    """Sets whether a tag can be given to another image."""

    def change(record: Repository) -> None:
        record["mutability"], record["exclusions"] = _asked_mutability(request)

    return _about(context, request) | _mutability(_change(context, request, change))


def put_lifecycle_policy(context: Context, request: Request) -> Reply:
    """Keeps a lifecycle policy; nothing expires by it."""
    text = request["lifecyclePolicyText"]
    _check_lifecycle(text)
    _change(context, request, lambda record: record.update({"lifecycle": text}))
    return _about(context, request) | {"lifecyclePolicyText": text}


def get_lifecycle_policy(context: Context, request: Request) -> Reply:
    """The lifecycle policy."""
    return _about(context, request) | {"lifecyclePolicyText": _policy(context, request, record_of(context, request), "lifecycle")}


def delete_lifecycle_policy(context: Context, request: Request) -> Reply:
    """Forgets the lifecycle policy."""
    text = get_lifecycle_policy(context, request)
    _change(context, request, lambda record: record.update({"lifecycle": None}))
    return text


def set_repository_policy(context: Context, request: Request) -> Reply:
    """Keeps a policy of who may use the repository; it is not enforced."""
    text = request["policyText"]
    document = _json(text)
    if not isinstance(document, dict) or "Statement" not in document:
        raise _invalid("Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'")
    _change(context, request, lambda record: record.update({"policy": text}))
    return _about(context, request) | {"policyText": text}


def get_repository_policy(context: Context, request: Request) -> Reply:
    """The repository policy."""
    return _about(context, request) | {"policyText": _policy(context, request, record_of(context, request), "policy")}


def delete_repository_policy(context: Context, request: Request) -> Reply:
    """Forgets the repository policy."""
    text = get_repository_policy(context, request)
    _change(context, request, lambda record: record.update({"policy": None}))
    return text


def list_tags_for_resource(context: Context, request: Request) -> Reply:
    """The tags of a repository."""
    tags = record_of(context, _of_arn(context, request))["tags"]
    return {"tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def tag_resource(context: Context, request: Request) -> Reply:
    """Adds tags to a repository, replacing the values of keys it has."""
    _change(context, _of_arn(context, request), lambda record: _add_tags(record, request["tags"]))
    return {}


def untag_resource(context: Context, request: Request) -> Reply:
    """Takes tags off; keys that are not there are no error."""

    def remove(record: Repository) -> None:
        record["tags"] = {key: value for key, value in record["tags"].items() if key not in request["tagKeys"]}

    _change(context, _of_arn(context, request), remove)
    return {}


def record_of(context: Context, request: Request) -> Repository:
    """The record of the repository that a request names. Raises RepositoryNotFoundException."""
    own_registry(context, request)
    record = context.registry.find(request["repositoryName"])
    if record is None:
        raise not_found(context, request["repositoryName"])
    return record


def own_registry(context: Context, request: Request) -> None:
    """Raises unless the registry asked for is this account's."""
    registry = request.get("registryId", context.account_id)
    if registry != context.account_id:
        raise _invalid(f"registryId: {registry} is not the account of this server, {context.account_id}.")


def not_found(context: Context, name: str) -> AwsError:
    """The repository is not there."""
    message = f"The repository with name '{name}' does not exist in the registry with id '{context.account_id}'"
    return AwsError("RepositoryNotFoundException", message)


def ecr_error(context: Context, name: str, error: AwsError) -> AwsError:
    """An error of storage/image_index.py under ECR's name, where a repository went away meanwhile; else as it is."""
    return not_found(context, name) if error.code == "NAME_UNKNOWN" else error


def page(items: Sequence[Any], request: Request, key: Callable[[Any], str], size: int) -> tuple[list[Any], str | None]:
    """One page of items that are in the order of their keys, and the token for the next, which is the last key."""
    rest = [item for item in items if key(item) > request.get("nextToken", "")]
    found = rest[: request.get("maxResults", size)]
    return found, key(found[-1]) if len(rest) > len(found) else None


def _change(context: Context, request: Request, change: Callable[[Repository], None]) -> Repository:
    own_registry(context, request)
    try:
        return context.registry.change(request["repositoryName"], change)
    except AwsError as error:
        raise ecr_error(context, request["repositoryName"], error) from None


def _of_arn(context: Context, request: Request) -> Request:
    prefix = context.arn("ecr", "repository/")
    arn = request["resourceArn"]
    if not arn.startswith(prefix):
        raise _invalid(f"Invalid parameter at 'resourceArn': {arn[:200]!r} is not {prefix}NAME.")
    return {"repositoryName": arn.removeprefix(prefix)}


def _about(context: Context, request: Request) -> Reply:
    return {"registryId": context.account_id, "repositoryName": request["repositoryName"]}


def _repository(context: Context, name: str, record: Repository) -> Reply:
    return {
        "repositoryArn": context.arn("ecr", f"repository/{name}"),
        "registryId": context.account_id,
        "repositoryName": name,
        "repositoryUri": repository_uri(context, name),
        "createdAt": record["created"],
        **_mutability(record),
        "imageScanningConfiguration": {"scanOnPush": record["scan"]},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    }


def _mutability(record: Repository) -> Reply:
    filters = [{"filterType": "WILDCARD", "filter": one} for one in record["exclusions"]]
    return {"imageTagMutability": record["mutability"], "imageTagMutabilityExclusionFilters": filters or None}


def _asked_mutability(request: Request) -> tuple[str, list[str]]:
    """The mode, and the patterns of tags that are excluded. Raises InvalidParameterException where they do not match."""
    mutability = request.get("imageTagMutability", "MUTABLE")
    exclusions = [one["filter"] for one in request.get("imageTagMutabilityExclusionFilters", [])]
    if bool(exclusions) != mutability.endswith("_WITH_EXCLUSION"):
        raise _invalid("imageTagMutabilityExclusionFilters are for the two modes WITH_EXCLUSION, and needed there.")
    return mutability, exclusions


def _add_tags(record: Repository, tags: Sequence[dict[str, str]]) -> None:
    record["tags"] |= {tag["Key"]: tag["Value"] for tag in tags}
    if len(record["tags"]) > TAGS:
        raise AwsError("TooManyTagsException", f"A repository can have {TAGS} tags at most.")


def _policy(context: Context, request: Request, record: Repository, kind: Literal["lifecycle", "policy"]) -> str:
    text = record[kind]
    if text is None:
        code = {"lifecycle": "LifecyclePolicyNotFoundException", "policy": "RepositoryPolicyNotFoundException"}[kind]
        noun = {"lifecycle": "Lifecycle policy", "policy": "Repository policy"}[kind]
        message = f"{noun} does not exist for the repository with name '{request['repositoryName']}' in the registry with id "
        raise AwsError(code, f"{message}'{context.account_id}'")
    return text


def _check_lifecycle(text: str) -> None:
    """Raises InvalidParameterException unless the text is a list of rules, each with what ECR needs of one."""
    document = _json(text)
    rules = document.get("rules") if isinstance(document, dict) else None
    problem = None if isinstance(rules, list) and rules else "rules is not a list of rules"
    priorities: set[int] = set()
    for rule in rules if isinstance(rules, list) else ():
        selection, action = (rule.get(name) if isinstance(rule, dict) else None for name in ("selection", "action"))
        if not isinstance(selection, dict) or not {"tagStatus", "countType", "countNumber"} <= selection.keys():
            problem = "a rule's selection needs tagStatus, countType and countNumber"
        elif not isinstance(action, dict) or action.get("type") not in ("expire", "transition"):
            problem = "a rule's action.type is not expire or transition"
        elif type(rule.get("rulePriority")) is not int or rule["rulePriority"] < 1 or rule["rulePriority"] in priorities:
            problem = "a rule's rulePriority is not a number of its own from 1 up"
        else:
            priorities.add(rule["rulePriority"])
            continue
        break
    if problem:
        raise _invalid(
            "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: "
            f"'Lifecycle policy validation failure: {problem}'"
        )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


_NAME = "registryId repositoryName"
_MUTABILITY = "imageTagMutability imageTagMutabilityExclusionFilters"

OPERATIONS = {
    "CreateRepository": Operation(
        create_repository,
        f"{_NAME} tags {_MUTABILITY} imageScanningConfiguration encryptionConfiguration.encryptionType",
    ),
    "DescribeRepositories": Operation(describe_repositories, "registryId repositoryNames nextToken maxResults"),
    "DeleteRepository": Operation(delete_repository, f"{_NAME} force"),
    "GetAuthorizationToken": Operation(get_authorization_token, "registryIds"),
    "PutImageScanningConfiguration": Operation(put_image_scanning_configuration, f"{_NAME} imageScanningConfiguration"),
    "PutImageTagMutability": Operation(put_image_tag_mutability, f"{_NAME} {_MUTABILITY}"),
    "PutLifecyclePolicy": Operation(put_lifecycle_policy, f"{_NAME} lifecyclePolicyText"),
    "GetLifecyclePolicy": Operation(get_lifecycle_policy, _NAME),
    "DeleteLifecyclePolicy": Operation(delete_lifecycle_policy, _NAME),
    "SetRepositoryPolicy": Operation(set_repository_policy, f"{_NAME} policyText"),
    "GetRepositoryPolicy": Operation(get_repository_policy, _NAME),
    "DeleteRepositoryPolicy": Operation(delete_repository_policy, _NAME),
    "ListTagsForResource": Operation(list_tags_for_resource, "resourceArn"),
    "TagResource": Operation(tag_resource, "resourceArn tags"),
    "UntagResource": Operation(untag_resource, "resourceArn tagKeys"),
}
