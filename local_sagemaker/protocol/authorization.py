"""What the key of a container may do: nothing but what its permissions name. The owner of the root may do everything.

The words are AWS's. Policies that a role has in IAM are kept there and not looked at. Objects are s3/permissions.py's.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ..caller import Permissions
from ..context import Context
from ..errors import AwsError
from . import service_models

_NOUN = re.compile(r"^[A-Z][a-z]+(?=[A-Z])")
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_STREAM_OPERATIONS = ("CreateLogStream", "PutLogEvents", "GetLogEvents")


def check(context: Context, service: str, name: str, members: Mapping[str, Any]) -> None:
    """Raises AccessDenied unless the caller may do a checked request of a service other than S3."""
    permissions = context.caller.permissions
    if permissions is not None and not _ALLOWED.get(service, _nothing)(permissions, name, members):
        raise denied(context, f"{service_models.signing_name(service)}:{name}", _resource(context, service, name, members))


def denied(context: Context, action: str, resource: str) -> AwsError:
    """AWS's words for what no policy allows."""
    message = f"User: {context.caller.arn} is not authorized to perform: {action} on resource: {resource}"
    return AwsError("AccessDenied", f"{message} because no identity-based policy allows the {action} action", 403)


def _resource(context: Context, service: str, name: str, members: Mapping[str, Any]) -> str:
    """The ARN that a request is about, where it names one."""
    noun = _NOUN.sub("", name)
    if service == "logs" and "logGroupName" in members:
        stream = f":log-stream:{members['logStreamName']}" if "logStreamName" in members else ""
        return context.arn("logs", f"log-group:{members['logGroupName']}{stream}")
    about = members.get(f"{noun}Name")
    if service in ("sagemaker", "sagemaker-runtime") and isinstance(about, str):
        return context.arn("sagemaker", f"{_CAPITAL.sub('-', noun).lower()}/{about}")
    return "*"


def _sagemaker(permissions: Permissions, name: str, members: Mapping[str, Any]) -> bool:
    if name not in permissions.calls:
        return False
    about = permissions.calls[name]
    return not about or members.get(f"{_NOUN.sub('', name)}Name") == about


def _logs(permissions: Permissions, name: str, members: Mapping[str, Any]) -> bool:
    if members.get("logGroupName") != permissions.log_group or "logGroupIdentifier" in members:
        return False
    if name in _STREAM_OPERATIONS:
        return bool(members["logStreamName"].startswith(permissions.log_streams))
    return name == "DescribeLogStreams" and members.get("logStreamNamePrefix", "").startswith(permissions.log_streams)


def _sts(permissions: Permissions, name: str, members: Mapping[str, Any]) -> bool:
    return name == "GetCallerIdentity"  # which AWS lets everybody call


def _nothing(permissions: Permissions, name: str, members: Mapping[str, Any]) -> bool:
    return False


_ALLOWED: Mapping[str, Callable[[Permissions, str, Mapping[str, Any]], bool]] = {
    "sagemaker": _sagemaker,
    "logs": _logs,
    "sts": _sts,
}
