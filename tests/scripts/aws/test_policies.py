"""The IAM policies: as the golden file says, and nothing that a linter of ours finds. Also scripts.verbs.policies."""

import json
import os
from pathlib import Path

import pytest

from scripts.aws import policies
from scripts.aws.settings import Settings, read
from scripts.images.catalog import repositories
from tests.support.person import AWS, ROOT, Kennel

GOLDEN = Path(__file__).parent / "golden" / "policies-aws.json"


@pytest.fixture()
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "kennel.toml").write_text(AWS)
    return read("aws", tmp_path, {}, {}, tmp_path / "kennel.toml")


def test_the_policies_are_the_golden_ones(kennel: Kennel) -> None:
    kennel.settings(AWS)
    printed = json.loads(kennel.run("policies", "--target", "aws").stdout)
    if os.environ.get("KENNEL_GOLDEN") == "write":
        GOLDEN.write_text(json.dumps(printed, indent=2) + "\n")
    assert printed == json.loads(GOLDEN.read_text())


def test_the_linter_finds_nothing(settings: Settings) -> None:
    for policy in (
        policies.execution_role(settings, repositories()),
        policies.launcher(settings, repositories()),
        policies.trust(settings),
    ):
        assert not policies.lint(policy, settings.role_arn)


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Allow", "Action": ["s3:*"], "Resource": "arn:aws:s3:::b"},
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"},
        {"Effect": "Allow", "NotAction": ["iam:CreateUser"], "Resource": "arn:aws:s3:::b"},
        {"Effect": "Allow", "Action": ["iam:PassRole"], "Resource": "*"},
        {"Effect": "Allow", "Action": ["iam:PassRole"], "Resource": "arn:aws:iam::123456789012:role/kennel-execution"},
        {
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": "arn:aws:iam::123456789012:role/*",
            "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        },
    ],
)
def test_the_linter_finds_what_is_wrong(settings: Settings, statement: dict) -> None:
    assert policies.lint({"Statement": [statement | {"Sid": "Planted"}]}, settings.role_arn)


def test_every_request_we_send_is_allowed(settings: Settings) -> None:
    """Each operation named in the room's source is an action of the launcher."""
    allowed = {
        action.partition(":")[2] for row in policies.launcher(settings, repositories())["Statement"] for action in row["Action"]
    }
    sources = [path for path in (ROOT / "scripts").rglob("*.py") if path.name != "local_server.py"]
    source = "".join(path.read_text() for path in sources)
    called = {call for call in ALL_OPERATIONS if f'"{call}"' in source}
    assert called and not called - allowed - {"GetCallerIdentity"}


ALL_OPERATIONS = [
    f"{verb}{noun}"
    for verb in ("Create", "Describe", "Stop", "Delete", "Update", "Invoke")
    for noun in ("TrainingJob", "HyperParameterTuningJob", "Model", "EndpointConfig", "Endpoint", "ProcessingJob")
] + ["ListTrainingJobs", "ListEndpoints", "ListHyperParameterTuningJobs", "ListTrainingJobsForHyperParameterTuningJob",
     "DescribeLogStreams", "GetLogEvents", "GetRole", "GetCallerIdentity", "PutObject", "GetObject"]  # fmt: skip
