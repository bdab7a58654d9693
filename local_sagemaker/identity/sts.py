"""STS: who am I. There is one account and one identity here."""

from typing import Any

from ..context import Context
from ..protocol.operation import Operation


def get_caller_identity(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The owner of this root's access key."""
    return {"UserId": context.access_key, "Account": context.account_id, "Arn": context.arn("iam", "user/local")}


OPERATIONS = {"GetCallerIdentity": Operation(get_caller_identity, "")}
