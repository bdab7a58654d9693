"""STS: who am I. There is one account and one identity here."""

from typing import Any

from .dispatch import Operation
from .world import World


def get_caller_identity(world: World, request: dict[str, Any]) -> dict[str, Any]:
    """The owner of this root's access key."""
    return {"UserId": world.access_key, "Account": world.account_id, "Arn": world.arn("iam", "user/local")}


OPERATIONS = {"GetCallerIdentity": Operation(get_caller_identity, "")}
