"""Row 44: drift. With a key, a VPC and isolation configured, every request of every verb carries all of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.aws import policies
from scripts.aws.settings import read
from scripts.images.catalog import repositories
from tests.support.person import AWS, Kennel

CREATE = {
    "train": ["train", "--data-name", "dogs"],
    "tune": ["tune", "--data-name", "dogs"],
    "deploy": ["deploy", "--job", "kennel-x"],
    "demo": ["demo"],
    "rules": ["rules", "kennel-x"],
}
KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"


def found(body: Any, name: str) -> list[Any]:
    """Every value of a member, at any depth."""
    if isinstance(body, dict):
        return [value for key, value in body.items() if key == name] + [
            hit for value in body.values() for hit in found(value, name)
        ]
    return [hit for item in body for hit in found(item, name)] if isinstance(body, list) else []


@pytest.mark.parametrize("verb", CREATE)
def test_every_creating_request_is_protected(tmp_path: Path, verb: str) -> None:
    kennel = Kennel(tmp_path)
    kennel.settings(AWS)
    for call in kennel.plan(*CREATE[verb], "--target", "aws"):
        operation, request = call["operation"], call["request"]
        if operation in ("CreateTrainingJob", "CreateHyperParameterTuningJob", "CreateModel", "CreateProcessingJob"):
            assert found(request, "EnableNetworkIsolation") == [True], operation
            assert found(request, "VpcConfig")[0]["SecurityGroupIds"] == ["sg-0123abcd"], operation
        if operation in ("CreateTrainingJob", "CreateHyperParameterTuningJob"):
            assert found(request, "OutputDataConfig")[0]["KmsKeyId"] == KEY and found(request, "VolumeKmsKeyId") == [KEY]
            assert found(request, "RoleArn") == ["arn:aws:iam::123456789012:role/kennel-execution"]
            assert all(
                uri.startswith("s3://my-kennel/kennel/") for uri in found(request, "S3Uri") + found(request, "S3OutputPath")
            )
        if operation == "CreateProcessingJob":
            assert found(request, "KmsKeyId") == found(request, "VolumeKmsKeyId") == [KEY]
            assert all(uri.startswith("s3://my-kennel/kennel/") for uri in found(request, "S3Uri"))
        if operation == "CreateEndpointConfig":
            assert request["KmsKeyId"] == KEY


def test_traffic_between_instances_is_encrypted(tmp_path: Path) -> None:
    kennel = Kennel(tmp_path)
    kennel.settings(AWS)
    request = kennel.plan("train", "--data-name", "dogs", "--instances", "2", "--target", "aws")[0]["request"]
    assert request["EnableInterContainerTrafficEncryption"] is True


def test_no_wildcard_in_any_policy(tmp_path: Path) -> None:
    (tmp_path / "kennel.toml").write_text(AWS)
    settings = read("aws", tmp_path, {}, {}, tmp_path / "kennel.toml")
    all_of_them = [
        policies.execution_role(settings, repositories()),
        policies.launcher(settings, repositories()),
        policies.trust(settings),
    ]
    actions = [action for action in found(all_of_them, "Action") for action in ([action] if isinstance(action, str) else action)]
    print(f"{len(actions)} actions, none with a wildcard")
    assert actions and not [action for action in actions if "*" in action]
    passing = [row for row in policies.launcher(settings, repositories())["Statement"] if "iam:PassRole" in row["Action"]]
    assert len(passing) == 1 and passing[0]["Resource"] == settings.role_arn
    assert passing[0]["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    assert all(not policies.lint(policy, settings.role_arn) for policy in all_of_them)
    assert "AdministratorAccess" not in json.dumps(all_of_them)
