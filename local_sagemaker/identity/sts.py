"""STS: who am I. There is one account here, its owner, and containers with the roles of their jobs."""

from typing import Any

from ..context import Context
from ..protocol.operation import Operation


def get_caller_identity(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The holder of the key that signed the request."""
    return {"UserId": context.caller.user_id, "Account": context.account_id, "Arn": context.caller.arn}


OPERATIONS = {"GetCallerIdentity": Operation(get_caller_identity, "")}
