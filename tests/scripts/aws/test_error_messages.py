"""Errors of botocore and the system in one line, with what to do and without a key."""

import pytest
from botocore import exceptions

from scripts.aws.error_messages import explain
from scripts.errors import LaunchError


def refused(code: str, message: str) -> exceptions.ClientError:
    return exceptions.ClientError({"Error": {"Code": code, "Message": message}}, "CreateTrainingJob")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (refused("AccessDeniedException", "not authorized"), "kennel policies prints what is needed"),
        (refused("ValidationException", "Could not assume role arn:aws:iam::1:role/x"), "check role-arn"),
        (refused("ValidationException", "something else"), "--dry-run shows the request"),
        (refused("ExpiredToken", "The token AKIAIOSFODNN7EXAMPLE\nhas expired."), "sign in again"),
        (exceptions.NoCredentialsError(), "sign in (aws sso login) or set AWS_PROFILE"),
        (exceptions.ProfileNotFound(profile="dogs"), "AWS_PROFILE: The config profile (dogs) could not be found"),
        (exceptions.NoRegionError(), "region: not given"),
        (exceptions.EndpointConnectionError(endpoint_url="https://x"), "check the network and the region"),
        (PermissionError(13, "Permission denied", ".kennel"), ".kennel: Permission denied"),
    ],
)
def test_one_line_with_the_next_step(error: Exception, said: str) -> None:
    found = explain(error)
    assert isinstance(found, LaunchError) and found.status == 2
    assert said in str(found) and "\n" not in str(found) and "AKIA" not in str(found) and len(str(found)) < 600


def test_a_fault_of_ours_is_not_explained_away() -> None:
    assert explain(KeyError("x")) is None
