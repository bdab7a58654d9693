"""IAM roles, as far as launchers need them: made, looked up, given policies, removed. Policies are kept, not enforced."""

import json
import secrets
from collections.abc import Callable
from typing import Any, TypedDict
from urllib.parse import quote

from ..context import Context
from ..errors import AwsError, Exists, Missing
from ..protocol.operation import Operation
from ..storage.store import Kind


class Role(TypedDict):
    """The record of a role. `trust` and `policies` are documents, as they were sent; `attached` has names by ARNs."""

    name: str
    path: str
    id: str
    created: float
    trust: str
    description: str | None
    seconds: int
    tags: dict[str, str]
    policies: dict[str, str]
    attached: dict[str, str]


KIND: Kind[Role] = Kind("iam-role")


def create_role(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Makes a role."""
    name, path = request["RoleName"], request.get("Path", "/")
    _check_document(request["AssumeRolePolicyDocument"])
    record: Role = {
        "name": name,
        "path": path,
        "id": "AROA" + secrets.token_hex(8).upper(),
        "created": context.clock(),
        "trust": request["AssumeRolePolicyDocument"],
        "description": request.get("Description"),
        "seconds": request.get("MaxSessionDuration", 3600),
        "tags": {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])},
        "policies": {},
        "attached": {},
    }
    try:
        context.store.create(KIND, name, record)
    except Exists:
        raise AwsError("EntityAlreadyExists", f"Role with name {name} already exists.", 409) from None
    return {"Role": _role(context, record)}


def get_role(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """A role."""
    return {"Role": _role(context, _find(context, request["RoleName"]))}


def list_roles(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Roles under a path, by name, page by page."""
    prefix = request.get("PathPrefix", "/")
    roles = [_role(context, record) for record in context.store.list(KIND) if record["path"].startswith(prefix)]
    return _page(request, "Roles", roles, lambda role: role["RoleName"])


def delete_role(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Removes a role that has no policies."""
    with context.store.transaction():
        record = _find(context, request["RoleName"])
        if record["attached"]:
            raise AwsError("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409)
        if record["policies"]:
            raise AwsError("DeleteConflict", "Cannot delete entity, must delete policies first.", 409)
        context.store.delete(KIND, request["RoleName"])
    return {}


def update_assume_role_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Replaces who may take a role."""
    _check_document(request["PolicyDocument"])
    _change(context, request["RoleName"], lambda record: record.update({"trust": request["PolicyDocument"]}))
    return {}


def put_role_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Keeps an inline policy."""
    _check_document(request["PolicyDocument"])
    _change(
        context, request["RoleName"], lambda record: record["policies"].update({request["PolicyName"]: request["PolicyDocument"]})
    )
    return {}


def get_role_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """An inline policy; the document is percent-encoded, as on AWS."""
    document = _policy(_find(context, request["RoleName"]), request["PolicyName"])
    return {"RoleName": request["RoleName"], "PolicyName": request["PolicyName"], "PolicyDocument": quote(document, safe="")}


def list_role_policies(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The names of the inline policies."""
    return _page(request, "PolicyNames", sorted(_find(context, request["RoleName"])["policies"]), str)


def delete_role_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Removes an inline policy."""

    def change(record: Role) -> None:
        _policy(record, request["PolicyName"])
        del record["policies"][request["PolicyName"]]

    _change(context, request["RoleName"], change)
    return {}


def attach_role_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Notes a managed policy; this server has none of its own and takes any ARN."""
    name = request["PolicyArn"].rpartition("/")[2]
    _change(context, request["RoleName"], lambda record: record["attached"].update({request["PolicyArn"]: name}))
    return {}


def detach_role_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Forgets a managed policy."""

    def change(record: Role) -> None:
        if record["attached"].pop(request["PolicyArn"], None) is None:
            raise AwsError("NoSuchEntity", f"Policy {request['PolicyArn']} was not found.", 404)

    _change(context, request["RoleName"], change)
    return {}


def list_attached_role_policies(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The managed policies of a role."""
    attached = _find(context, request["RoleName"])["attached"]
    policies = [{"PolicyName": name, "PolicyArn": arn} for arn, name in sorted(attached.items())]
    return _page(request, "AttachedPolicies", policies, lambda policy: policy["PolicyArn"])


def simulate_principal_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Refused as to a caller who may not ask: policies are not evaluated here. The SageMaker SDK then goes on with a warning."""
    raise AwsError("AccessDenied", "The local SageMaker keeps policies and does not evaluate them.", 403)


def _find(context: Context, name: str) -> Role:
    record = context.store.get(KIND, name)
    if record is None:
        raise _missing(name)
    return record


def _change(context: Context, name: str, change: Callable[[Role], None]) -> None:
    try:
        context.store.update(KIND, name, change)
    except Missing:
        raise _missing(name) from None


def _missing(name: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The role with name {name} cannot be found.", 404)


def _policy(record: Role, name: str) -> str:
    if name not in record["policies"]:
        raise AwsError("NoSuchEntity", f"The role policy with name {name} cannot be found.", 404)
    return record["policies"][name]


def _check_document(text: str) -> None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or "Statement" not in document:
        raise AwsError("MalformedPolicyDocument", "This policy contains invalid Json, or has no Statement.")


def _role(context: Context, record: Role) -> dict[str, Any]:
    return {
        "Path": record["path"],
        "RoleName": record["name"],
        "RoleId": record["id"],
        "Arn": context.arn("iam", f"role{record['path']}{record['name']}"),
        "CreateDate": record["created"],
        "AssumeRolePolicyDocument": quote(record["trust"], safe=""),
        "Description": record["description"],
        "MaxSessionDuration": record["seconds"],
        "Tags": [{"Key": key, "Value": value} for key, value in record["tags"].items()],
    }


def _page(request: dict[str, Any], member: str, items: list[Any], name: Any) -> dict[str, Any]:
    rest = [item for item in items if name(item) > request.get("Marker", "")]
    limit = request.get("MaxItems", 100)
    page, more = rest[:limit], len(rest) > limit
    return {member: page, "IsTruncated": more, "Marker": name(page[-1]) if more else None}


OPERATIONS = {
    "CreateRole": Operation(create_role, "RoleName Path AssumeRolePolicyDocument Description MaxSessionDuration Tags"),
    "GetRole": Operation(get_role, "RoleName"),
    "ListRoles": Operation(list_roles, "PathPrefix Marker MaxItems"),
    "DeleteRole": Operation(delete_role, "RoleName"),
    "UpdateAssumeRolePolicy": Operation(update_assume_role_policy, "RoleName PolicyDocument"),
    "PutRolePolicy": Operation(put_role_policy, "RoleName PolicyName PolicyDocument"),
    "GetRolePolicy": Operation(get_role_policy, "RoleName PolicyName"),
    "ListRolePolicies": Operation(list_role_policies, "RoleName Marker MaxItems"),
    "DeleteRolePolicy": Operation(delete_role_policy, "RoleName PolicyName"),
    "AttachRolePolicy": Operation(attach_role_policy, "RoleName PolicyArn"),
    "DetachRolePolicy": Operation(detach_role_policy, "RoleName PolicyArn"),
    "ListAttachedRolePolicies": Operation(list_attached_role_policies, "RoleName Marker MaxItems"),
    "SimulatePrincipalPolicy": Operation(simulate_principal_policy, "PolicySourceArn ActionNames"),
}
