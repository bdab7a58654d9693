"""`kennel push` with a real engine: from the engine to the local registry and back by digest. Also scripts.images.catalog."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound

from scripts.images.docker_engine import program
from tests.support.local_server import LocalServer
from tests.support.person import Kennel


@pytest.fixture()
def server(engine: docker.DockerClient, kennel: Kennel, tmp_path: Path) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path / "root")
    kennel.use(started.url, started)
    yield started
    started.stop()
    forget(engine, started)


def forget(engine: docker.DockerClient, server: LocalServer) -> None:
    """Takes every name of the server's registry off the engine's images; an image of no other name goes with it."""
    for image in engine.images.list():
        for name in image.tags + image.attrs["RepoDigests"]:
            if name.startswith(server.url.removeprefix("http://")):
                with suppress(ImageNotFound):  # the last tag takes the digest along
                    engine.images.remove(name)


def test_what_is_pushed_comes_back_by_its_digest(
    engine: docker.DockerClient, built_images: Mapping[str, str], kennel: Kennel, server: LocalServer
) -> None:
    registry = server.url.removeprefix("http://")
    kennel.write(".kennel/images.json", {"rules": {"image": built_images["rules"]}})
    printed = kennel.run("push", "rules").stdout
    entry = json.loads((kennel.folder / ".kennel" / "images-local.json").read_text())["rules"]
    assert entry["image"] == built_images["rules"] and entry["uri"].startswith(f"{registry}/kennel-rules@sha256:")
    assert entry["uri"] in printed and entry["bytes_sent"] > 10_000_000
    details = server.ecr.describe_images(repositoryName="kennel-rules")["imageDetails"]
    kinds = [image["imageManifestMediaType"] for image in details]
    assert kinds == ["application/vnd.docker.distribution.manifest.v2+json"], "one image, without attestations"
    assert "was there" in kennel.run("push", "rules").stdout

    forget(engine, server)
    with pytest.raises(ImageNotFound):
        engine.images.get(entry["uri"])
    token = server.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    config = kennel.folder / "docker"
    config.mkdir()
    (config / "config.json").write_text(json.dumps({"auths": {registry: {"auth": token}}}))
    pull = [program(), "pull", entry["uri"]]
    subprocess.run(pull, env=os.environ | {"DOCKER_CONFIG": str(config)}, check=True, capture_output=True)
    assert engine.images.get(entry["uri"]).id == built_images["rules"]
