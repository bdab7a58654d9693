"""What a target knows without being told: the local one everything, AWS its usual instance types."""

from collections.abc import Mapping
from typing import Any

import boto3

NAMES = ("local", "aws")
_LOCAL = {
    "region": "us-east-1",
    "bucket": "kennel-local",
    "train_image": "kennel-train",
    "serve_image": "kennel-serve",
    "rules_image": "kennel-rules",
    "train_instance": "ml.m5.large",
    "serve_instance": "ml.m5.large",
    "rules_instance": "ml.t3.medium",
}
_AWS = {"train_instance": "ml.g5.xlarge", "serve_instance": "ml.c5.large", "rules_instance": "ml.t3.medium"}
ROLE = "kennel-execution"
"""The execution role of the local target. Its owner has taken it on, as a notebook of SageMaker does."""


def defaults(name: str, region: str | None, account: str) -> Mapping[str, Any]:
    """What a target knows without being told. `region`: the environment's; `account`: that of the local SageMaker."""
    if name == "local":
        return _LOCAL | {"role_arn": f"arn:aws:iam::{account}:role/{ROLE}"}
    return _AWS | {"region": region or boto3.Session().region_name or ""}


def programs() -> Mapping[str, str]:
    """The settings that name images, with the names that stand for our programs where the local target runs them as processes."""
    return {name: value for name, value in _LOCAL.items() if name.endswith("_image")}
