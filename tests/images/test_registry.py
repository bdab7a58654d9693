"""The registry with docker itself: login, push, remove, pull by digest. The docker command is the client, the engine pulls."""

import base64
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from tests.support.local_server import LocalServer

SIZE = 8 * 1024**2


@pytest.fixture()
def server(tmp_path: Path) -> Iterator[LocalServer]:
    """A server with a repository `kennel/registry-test`."""
    started = LocalServer(tmp_path / "root")
    started.ecr.create_repository(repositoryName="kennel/registry-test", imageTagMutability="IMMUTABLE")
    yield started
    started.stop()


@pytest.fixture()
def image(engine: docker.DockerClient) -> Iterator[str]:
    """The id of an image that nobody else has: one random file. It is removed afterwards under whatever name it has then."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        member = tarfile.TarInfo("noise")
        member.size = SIZE
        archive.addfile(member, io.BytesIO(os.urandom(SIZE)))
    made = engine.api.import_image_from_data(tar.getvalue(), repository="kennel-registry-test", tag="made")
    found = engine.images.get("kennel-registry-test:made").id
    assert found in made
    yield found
    for left in [one for one in engine.images.list() if one.id == found]:
        engine.images.remove(left.id, force=True)


@pytest.fixture()
def run(tmp_path: Path, server: LocalServer) -> Callable[..., str]:
    """Runs docker with a configuration of its own, logged in."""
    program = shutil.which("docker")
    if program is None:
        pytest.skip("no docker command here")

    def command(*arguments: str, text: str = "", good: bool = True) -> str:
        environment = os.environ | {"DOCKER_CONFIG": str(tmp_path / "docker")}
        done = subprocess.run(
            [program, *arguments], input=text, capture_output=True, text=True, env=environment, timeout=120, check=False
        )
        assert (done.returncode == 0) == good, (arguments, done.stdout, done.stderr)
        return done.stdout + done.stderr

    token = server.ecr.get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(token["authorizationToken"]).decode().partition(":")
    host = token["proxyEndpoint"].removeprefix("http://")
    refused = command("login", "--username", user, "--password-stdin", host, text="wrong", good=False)
    assert "unauthorized" in refused.lower(), refused
    assert "Succeeded" in command("login", "--username", user, "--password-stdin", host, text=password)
    return command


def test_docker_pushes_and_pulls_by_digest(
    engine: docker.DockerClient, server: LocalServer, image: str, run: Callable[..., str]
) -> None:
    uri = server.ecr.describe_repositories()["repositories"][0]["repositoryUri"]
    run("tag", image, f"{uri}:v1")
    pushed = run("push", f"{uri}:v1")
    detail = server.ecr.describe_images(repositoryName="kennel/registry-test")["imageDetails"][0]
    assert detail["imageDigest"] in pushed and detail["imageTags"] == ["v1"] and detail["imageSizeInBytes"] > SIZE
    assert "immutable" in run("push", f"{uri}:v1", good=False)
    run("rmi", f"{uri}:v1", "kennel-registry-test:made")
    assert image not in [one.id for one in engine.images.list()]
    pulled = run("pull", f"{uri}@{detail['imageDigest']}")
    assert f"Digest: {detail['imageDigest']}" in pulled
    assert engine.images.get(f"{uri}@{detail['imageDigest']}").id == image
