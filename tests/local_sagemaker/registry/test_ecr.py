"""Amazon ECR through boto3: repositories, images, policies, tags and the login.

Covers local_sagemaker.registry.ecr, local_sagemaker.registry.ecr_images, local_sagemaker.registry.repositories.
"""

import base64
import datetime
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_sagemaker.errors import AwsError
from local_sagemaker.registry.repositories import check_password, new_password, pull_reference
from local_sagemaker.storage.image_index import Registry
from tests.support.local_server import LocalServer
from tests.support.registry_client import RegistryClient, code_of, digest_of, manifest

LIFECYCLE = json.dumps(
    {
        "rules": [
            {
                "rulePriority": 1,
                "description": "keep the last ten images",
                "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 10},
                "action": {"type": "expire"},
            }
        ]
    }
)


@pytest.fixture(scope="module")
def client(server: LocalServer) -> RegistryClient:
    return RegistryClient(server)


def make(server: LocalServer, name: str, **options: object) -> str:
    return server.ecr.create_repository(repositoryName=name, **options)["repository"]["repositoryName"]


def refused(code: str) -> "pytest.RaisesContext":
    return pytest.raises(ClientError, match=code)


def test_a_repository_is_made_described_and_removed(server: LocalServer) -> None:
    made = server.ecr.create_repository(repositoryName="team/app", tags=[{"Key": "a", "Value": "b"}])["repository"]
    assert made["repositoryUri"] == f"{server.url.removeprefix('http://')}/team/app"
    assert made["repositoryArn"] == "arn:aws:ecr:us-east-1:000000000000:repository/team/app"
    assert made["imageTagMutability"] == "MUTABLE" and made["encryptionConfiguration"] == {"encryptionType": "AES256"}
    assert server.ecr.describe_repositories(repositoryNames=["team/app"])["repositories"] == [made]
    with refused("RepositoryAlreadyExistsException"):
        make(server, "team/app")
    server.ecr.delete_repository(repositoryName="team/app")
    for call in (server.ecr.delete_repository, server.ecr.describe_images, server.ecr.list_images):
        with refused("RepositoryNotFoundException"):
            call(repositoryName="team/app")
    with refused("RepositoryNotFoundException"):
        server.ecr.describe_repositories(repositoryNames=["team/app"])


def test_the_address_is_the_one_of_today(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "root")
    make(server, "app")
    server.stop()
    server.start()
    found = server.ecr.describe_repositories()["repositories"][0]
    assert found["repositoryUri"] == f"{server.url.removeprefix('http://')}/app"
    server.stop()


def test_a_repository_with_images_goes_only_by_force(server: LocalServer, client: RegistryClient) -> None:
    make(server, "full")
    layer = os.urandom(1000)
    client.push("full", "v1", layer)
    with refused("RepositoryNotEmptyException"):
        server.ecr.delete_repository(repositoryName="full")
    begun = client.start("full")
    server.ecr.delete_repository(repositoryName="full", force=True)
    assert code_of(client.ask("PATCH", begun, b"x")) == "NAME_UNKNOWN"
    assert not list((server.root / "registry").rglob(digest_of(layer).removeprefix("sha256:")))
    make(server, "full")
    assert server.ecr.list_images(repositoryName="full")["imageIds"] == []
    assert client.ask("HEAD", f"/v2/full/blobs/{digest_of(layer)}").status_code == 404


def test_repositories_and_images_are_listed_page_by_page(server: LocalServer, client: RegistryClient) -> None:
    names = [make(server, f"paged/{number}") for number in range(5)]
    pages = list(server.ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 2}))
    found = [one["repositoryName"] for page in pages for one in page["repositories"]]
    assert [name for name in found if name in names] == names and len(pages) > 2
    digests = sorted(client.push(names[0], f"v{number}", os.urandom(10)) for number in range(5))
    for operation, member in (("list_images", "imageIds"), ("describe_images", "imageDetails")):
        pages = list(server.ecr.get_paginator(operation).paginate(repositoryName=names[0], PaginationConfig={"PageSize": 2}))
        assert [len(page[member]) for page in pages] == [2, 2, 1]
        assert [one["imageDigest"] for page in pages for one in page[member]] == digests


def test_an_immutable_tag_stays(server: LocalServer, client: RegistryClient) -> None:
    make(server, "fixed", imageTagMutability="IMMUTABLE")
    first = client.push("fixed", "v1", b"one")
    client.push_blob("fixed", b"{}")
    other = manifest(b"{}")
    answer = client.put_manifest("fixed", "v1", other)
    assert (answer.status_code, code_of(answer)) == (400, "TAG_INVALID") and "immutable" in answer.text
    assert client.put_manifest("fixed", "v2", other).status_code == 201
    assert client.ask("HEAD", "/v2/fixed/manifests/v1").headers["Docker-Content-Digest"] == first
    server.ecr.put_image_tag_mutability(
        repositoryName="fixed",
        imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": "dev-*"}],
    )
    for tag, status in (("dev-1", 201), ("v1", 400)):
        client.put_manifest("fixed", tag, other)
        assert client.put_manifest("fixed", tag, other).status_code == status
    server.ecr.put_image_tag_mutability(repositoryName="fixed", imageTagMutability="MUTABLE")
    assert client.put_manifest("fixed", "v1", other).status_code == 201
    untagged = server.ecr.list_images(repositoryName="fixed", filter={"tagStatus": "UNTAGGED"})["imageIds"]
    assert untagged == [{"imageDigest": first}]
    with refused("InvalidParameterException"):
        server.ecr.put_image_tag_mutability(repositoryName="fixed", imageTagMutability="IMMUTABLE_WITH_EXCLUSION")


def test_images_are_described_read_and_removed(server: LocalServer, client: RegistryClient) -> None:
    make(server, "images")
    one, two = client.push("images", "one", b"1" * 100), client.push("images", "two", b"2" * 200)
    body = client.ask("GET", f"/v2/images/manifests/{one}").content
    assert client.put_manifest("images", "uno", body).status_code == 201
    detail = server.ecr.describe_images(repositoryName="images", imageIds=[{"imageTag": "uno"}])["imageDetails"][0]
    assert (detail["imageDigest"], detail["imageTags"]) == (one, ["one", "uno"]) and 100 < detail["imageSizeInBytes"] < 400
    got = server.ecr.batch_get_image(
        repositoryName="images",
        imageIds=[{"imageTag": "one"}, {"imageTag": "no"}, {"imageDigest": "x"}, {}, {"imageTag": "one", "imageDigest": two}],
    )
    assert [image["imageManifest"].encode() for image in got["images"]] == [body]
    codes = [failure["failureCode"] for failure in got["failures"]]
    assert codes == ["ImageNotFound", "InvalidImageDigest", "MissingDigestAndTag", "ImageTagDoesNotMatchDigest"]
    gone = server.ecr.batch_delete_image(repositoryName="images", imageIds=[{"imageTag": "uno"}, {"imageDigest": two}])
    assert gone["imageIds"] == [{"imageDigest": one, "imageTag": "uno"}, {"imageDigest": two, "imageTag": "two"}]
    assert server.ecr.list_images(repositoryName="images")["imageIds"] == [{"imageDigest": one, "imageTag": "one"}]
    server.ecr.batch_delete_image(repositoryName="images", imageIds=[{"imageTag": "one"}, {"imageTag": one}])
    assert server.ecr.describe_images(repositoryName="images")["imageDetails"] == []
    with refused("ImageNotFoundException"):
        server.ecr.describe_images(repositoryName="images", imageIds=[{"imageTag": "one"}])


def test_layers_are_known_or_not(server: LocalServer, client: RegistryClient) -> None:
    make(server, "layers")
    here = client.push_blob("layers", b"here")
    answer = server.ecr.batch_check_layer_availability(repositoryName="layers", layerDigests=[here, digest_of(b"no"), "x"])
    assert [(one["layerAvailability"], one.get("layerSize")) for one in answer["layers"]] == [
        ("AVAILABLE", 4),
        ("UNAVAILABLE", None),
    ]
    assert answer["failures"][0]["failureCode"] == "InvalidLayerDigest"


def test_policies_are_kept_and_given_back(server: LocalServer) -> None:
    make(server, "policed")
    where, ecr = {"repositoryName": "policed"}, server.ecr
    with refused("LifecyclePolicyNotFoundException"):
        ecr.get_lifecycle_policy(**where)
    ecr.put_lifecycle_policy(**where, lifecyclePolicyText=LIFECYCLE)
    assert ecr.get_lifecycle_policy(**where)["lifecyclePolicyText"] == LIFECYCLE
    assert ecr.delete_lifecycle_policy(**where)["lifecyclePolicyText"] == LIFECYCLE
    for broken in ("x" * 100, '{"rules": []}'.ljust(100), LIFECYCLE.replace("expire", "burn"), LIFECYCLE.replace(": 1,", ": 0,")):
        with refused("InvalidParameterException"):
            ecr.put_lifecycle_policy(**where, lifecyclePolicyText=broken)
    with refused("RepositoryPolicyNotFoundException"):
        ecr.get_repository_policy(**where)
    text = '{"Version": "2012-10-17", "Statement": []}'
    ecr.set_repository_policy(**where, policyText=text)
    assert ecr.get_repository_policy(**where)["policyText"] == text
    assert ecr.delete_repository_policy(**where)["policyText"] == text
    assert ecr.put_image_scanning_configuration(**where, imageScanningConfiguration={"scanOnPush": True})
    assert ecr.describe_repositories(repositoryNames=["policed"])["repositories"][0]["imageScanningConfiguration"]["scanOnPush"]


def test_tags_of_a_repository(server: LocalServer) -> None:
    arn = server.ecr.create_repository(repositoryName="labelled")["repository"]["repositoryArn"]
    server.ecr.tag_resource(resourceArn=arn, tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    server.ecr.untag_resource(resourceArn=arn, tagKeys=["a", "none"])
    assert server.ecr.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "b", "Value": "2"}]
    with refused("TooManyTagsException"):
        server.ecr.tag_resource(resourceArn=arn, tags=[{"Key": str(number), "Value": ""} for number in range(50)])
    with refused("InvalidParameterException"):
        server.ecr.list_tags_for_resource(resourceArn="arn:aws:ecr:eu-west-1:000000000000:repository/labelled")


def test_what_is_not_here_is_refused_by_name(server: LocalServer) -> None:
    make(server, "plain")
    with pytest.raises(ClientError, match="StartImageScan"):
        server.ecr.start_image_scan(repositoryName="plain", imageId={"imageTag": "v1"})
    with pytest.raises(ClientError, match="DescribeImageScanFindings"):
        server.ecr.describe_image_scan_findings(repositoryName="plain", imageId={"imageTag": "v1"})
    with pytest.raises(ClientError, match="encryptionType KMS"):
        make(server, "sealed", encryptionConfiguration={"encryptionType": "KMS"})
    with pytest.raises(ClientError, match="registryId"):
        server.ecr.list_images(repositoryName="plain", registryId="1" * 12)


@given(st.text(alphabet="ab/._-A%é", min_size=2, max_size=10))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_name_that_the_registry_would_not_serve_is_never_made(server: LocalServer, client: RegistryClient, name: str) -> None:
    try:
        made = server.ecr.create_repository(repositoryName=name)
    except ClientError as error:
        assert error.response["Error"]["Code"] in ("ValidationException", "RepositoryAlreadyExistsException"), error
    else:
        assert client.ask("GET", f"/v2/{name}/tags/list").status_code == 200, made


def test_a_login_lasts_twelve_hours_and_is_nobody_elses(server: LocalServer, client: RegistryClient) -> None:
    data = server.ecr.get_authorization_token()["authorizationData"][0]
    assert data["proxyEndpoint"] == server.url
    left = data["expiresAt"] - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(hours=11.9) < left <= datetime.timedelta(hours=12)
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    expires, _, proof = password.partition(".")
    for login in (
        (user, f"{int(expires) + 9}.{proof}"),
        ("root", password),
        (user, ""),
        (user, "é"),
        (user, f"{expires}.{'0' * 64}"),
    ):
        client.session.auth = tuple(part.encode() for part in login)
        assert client.ask("GET", "/v2/").status_code == 401, login
    client.session.auth = (user, password)
    assert client.ask("GET", "/v2/").status_code == 200


def world_at(root: Path, clock: float, port: int) -> SimpleNamespace:
    """What repositories.py looks at of a context."""
    registry = Registry(root)
    return SimpleNamespace(registry=registry, clock=lambda: clock, secret_key="s", endpoint_url=f"http://127.0.0.1:{port}")


def test_an_expired_login_is_told_so(tmp_path: Path) -> None:
    now = 1_800_000_000.0
    password, expires = new_password(world_at(tmp_path, now, 1))
    check_password(world_at(tmp_path, expires - 1, 1), "AWS", password)
    with pytest.raises(AwsError, match="expired"):
        check_password(world_at(tmp_path, expires, 1), "AWS", password)


@pytest.mark.parametrize(
    ("image", "pulled"),
    [
        ("127.0.0.1:1/team/app", "127.0.0.1:7000/team/app:latest"),
        ("127.0.0.1:1/team/app:v1", "127.0.0.1:7000/team/app:v1"),
        ("localhost:1/team/app:v1", "127.0.0.1:7000/team/app:v1"),
        (f"127.0.0.1:1/team/app@{digest_of(b'')}", f"127.0.0.1:7000/team/app@{digest_of(b'')}"),
        (f"127.0.0.1:1/team/app:v1@{digest_of(b'')}", f"127.0.0.1:7000/team/app@{digest_of(b'')}"),
        ("127.0.0.1:1/team/none:v1", None),
        ("127.0.0.1/team/app:v1", None),
        ("team/app:v1", None),
        ("evil.example:1/team/app:v1", None),
        ("127.0.0.1:1/team/app:v1\n", None),
    ],
)
def test_an_image_named_under_another_port_is_pulled_from_this_one(tmp_path: Path, image: str, pulled: str | None) -> None:
    context = world_at(tmp_path, 1_800_000_000.0, 7000)
    context.registry.create("team/app", {})
    found = pull_reference(context, image)
    assert (found and found[0]) == pulled
    if found:
        check_password(context, found[1]["username"], found[1]["password"])
