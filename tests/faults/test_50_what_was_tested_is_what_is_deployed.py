"""Row 50: an image that was changed after its test is not deployed; two builds of one tree give the same files."""

import base64
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.support import file_manifest
from tests.support.local_server import LocalServer
from tests.support.person import Kennel

ROOT = Path(__file__).resolve().parents[2]
AGAIN, BASE = "kennel-test:again", "kennel-test:base"


@pytest.fixture()
def pair(engine: docker.DockerClient, base_image: str) -> Iterator[tuple[str, str]]:
    """The IDs of two images: the one that was tested, and another."""
    made = []
    for which in ("tested", "other"):
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as archive:
            text = f"FROM {base_image}\nRUN echo {which} > /which\n".encode()
            member = tarfile.TarInfo("Dockerfile")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
        context.seek(0)
        made.append(engine.images.build(fileobj=context, custom_context=True, tag=f"kennel-test:{which}", rm=True)[0].id)
    yield made[0], made[1]
    for image in engine.images.list():
        if image.id in made:
            engine.images.remove(image.id, force=True)


@pytest.fixture()
def server(tmp_path: Path) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path / "root")
    yield started
    started.stop()


def test_a_tag_that_is_moved_changes_nothing(
    engine: docker.DockerClient, pair: tuple[str, str], server: LocalServer, tmp_path: Path
) -> None:
    tested, other = pair
    kennel = Kennel(tmp_path / "work")
    kennel.use(server.url, server)
    kennel.write(".kennel/images.json", {"serve-cpu": {"image": tested}})
    kennel.run("push", "serve-cpu")
    entry = json.loads((kennel.folder / ".kennel" / "images-local.json").read_text())["serve-cpu"]
    repository = server.ecr.describe_repositories()["repositories"][0]["repositoryUri"]
    token = server.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    username, _, password = base64.b64decode(token).decode().partition(":")
    login = {"username": username, "password": password}

    # Somebody gives the tested image's names to another: here, where it does not matter, and in the registry, which refuses.
    engine.images.get(other).tag(repository, entry["tag"])
    said = list(engine.images.push(repository, entry["tag"], auth_config=login, stream=True, decode=True))
    assert any("error" in line for line in said), said
    deploy = ("deploy", "--model-data", "s3://bucket/model.tar.gz", "--backend", "docker")
    image = kennel.plan(*deploy)[0]["request"]["PrimaryContainer"]["Image"]
    assert image == entry["uri"] and image.endswith(entry["digest"])
    engine.images.pull(image, auth_config=login)
    assert engine.images.get(image).id == tested

    # In a registry that lets tags move, it is told before anything is made.
    server.ecr.put_image_tag_mutability(repositoryName=entry["repository"], imageTagMutability="MUTABLE")
    said = list(engine.images.push(repository, entry["tag"], auth_config=login, stream=True, decode=True))
    assert not any("error" in line for line in said), said
    server.s3.create_bucket(Bucket="bucket")
    server.s3.put_object(Bucket="bucket", Key="model.tar.gz", Body=b"x")
    refused = kennel.run(*deploy, status=2)
    assert "not what was pushed from here" in refused.stderr and refused.stderr.count("\n") == 1
    assert not server.sagemaker.list_models()["Models"] and not server.sagemaker.list_endpoints()["Endpoints"]


def test_two_builds_give_the_same_files(engine: docker.DockerClient, built_images: dict[str, str]) -> None:
    """On a base that differs in one file, so that every step is taken again, and the engine's memory of the first one stays."""
    base = dict(word.split("=", 1) for word in _build() if word.startswith("BASE_IMAGE="))["BASE_IMAGE"]
    changed = io.BytesIO(f"FROM {base}\nRUN echo {time.time_ns()} > /again\n".encode())
    engine.images.build(fileobj=changed, tag=BASE, rm=True)
    try:
        again = [AGAIN if word == "kennel-serve-cpu" else word for word in _build("--base", BASE)]
        done = subprocess.run(again, env=os.environ | {"DOCKER_BUILDKIT": "1"}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        first, second = (file_manifest.of_image(image) for image in (built_images["serve-cpu"], AGAIN))
        layers, others = (engine.images.get(image).attrs["RootFS"]["Layers"] for image in (built_images["serve-cpu"], AGAIN))
    finally:
        for image in engine.images.list("kennel-test"):
            engine.images.remove(image.id, force=True)
    assert second.pop("again")
    differ = sorted(path for path in first.keys() | second.keys() if first.get(path) != second.get(path))
    assert not differ, differ[:20]
    # Above the base: the virtual environment, its packages, our code. Their times are the same too.
    assert layers[-3:] == others[-3:] and len(others) == len(layers) + 1
    print(f"{len(first):,} files, the same in both builds, in layers of the same digests")


def _build(*words: str) -> list[str]:
    """What `kennel build` would run."""
    command = [sys.executable, "-m", "scripts", "build", "serve-cpu", "--dry-run", *words]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)[0]["command"]
