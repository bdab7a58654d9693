"""Roles through boto3, and who STS says is calling.

Covers local_sagemaker.identity.iam, local_sagemaker.identity.sts.
"""

import pytest
from botocore.exceptions import ClientError

from tests.support.local_server import LocalServer

TRUST = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}'


def test_a_role_lives_with_its_policies_and_goes_without(server: LocalServer) -> None:
    iam = server.client("iam")
    role = iam.create_role(RoleName="life", Path="/service/", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "a", "Value": "é"}])[
        "Role"
    ]
    assert role["Arn"] == "arn:aws:iam::000000000000:role/service/life"
    assert role["AssumeRolePolicyDocument"]["Version"] == "2012-10-17"
    iam.put_role_policy(RoleName="life", PolicyName="inline", PolicyDocument=TRUST)
    iam.attach_role_policy(RoleName="life", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")
    assert iam.list_attached_role_policies(RoleName="life")["AttachedPolicies"][0]["PolicyName"] == "AmazonSageMakerFullAccess"
    for code in ("DeleteConflict", "DeleteConflict", None):
        if code is None:
            iam.delete_role(RoleName="life")
            break
        with pytest.raises(ClientError, match=code):
            iam.delete_role(RoleName="life")
        if iam.list_attached_role_policies(RoleName="life")["AttachedPolicies"]:
            iam.detach_role_policy(RoleName="life", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")
        else:
            iam.delete_role_policy(RoleName="life", PolicyName="inline")
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName="life")


def test_roles_come_page_by_page(server: LocalServer) -> None:
    iam = server.client("iam")
    names = [f"page-{number}" for number in range(5)]
    for name in names:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    pages = iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 2})
    assert [role["RoleName"] for page in pages for role in page["Roles"]] == names
    assert iam.list_roles(PathPrefix="/other/")["Roles"] == []


@pytest.mark.parametrize("document", ["", "no", "[]", "{}", "[" * 50_000])
def test_a_policy_that_is_none_is_refused(server: LocalServer, document: str) -> None:
    with pytest.raises(ClientError) as caught:
        server.client("iam").create_role(RoleName="bad", AssumeRolePolicyDocument=document or " ")
    assert caught.value.response["Error"]["Code"] == "MalformedPolicyDocument"


def test_a_path_in_a_role_name_is_refused(server: LocalServer) -> None:
    with pytest.raises(ClientError, match="roleName"):
        server.client("iam").create_role(RoleName="../x", AssumeRolePolicyDocument=TRUST)


def test_the_caller_is_the_owner_of_the_key(server: LocalServer) -> None:
    caller = server.client("sts").get_caller_identity()
    assert (caller["Account"], caller["UserId"]) == ("000000000000", server._keys[0])


def test_nobody_is_told_that_a_policy_would_allow_something(server: LocalServer) -> None:
    with pytest.raises(ClientError, match=r"AccessDenied.*does not evaluate them"):
        server.client("iam").simulate_principal_policy(
            PolicySourceArn="arn:aws:iam::000000000000:role/r", ActionNames=["s3:Get*"]
        )
