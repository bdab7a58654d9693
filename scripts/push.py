"""`kennel push`: the built images into the target's registry, each under a tag of its own content. It builds nothing.

The repository's address comes from the API. The login is a file in a folder that is private and gone afterwards: no secret
is on a command line, and the person's own docker configuration is left as it is.
"""

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from scripts import engine, images, state
from scripts.config import PushConfig
from scripts.errors import LaunchError
from scripts.plan import Call, Command
from scripts.requests import tags
from scripts.say import Say
from scripts.target import Target, connect

KEPT = 10
"""Pushed images of a repository that its lifecycle policy leaves, the newest."""
_SENT = re.compile(r"(?P<layer>[0-9a-f]{12}): Pushed")
"""What docker says of a layer that went over the wire; of others, that it exists already."""


def plan(given: PushConfig) -> list[Call | Command]:
    """For repositories that are not there yet: a dry run asks nobody, so the API's address is not known."""
    steps: list[Call | Command] = [Call("ecr", "GetAuthorizationToken", {})]
    docker = engine.client()
    for image in given.images:
        uri = f"<repositoryUri of {images.name(image)}>:<image ID>"
        steps += [create_repository(given, image), put_lifecycle_policy(image), *_sending(docker, image, uri)]
        steps.append(Call("ecr", "BatchGetImage", _asked(images.name(image), "<image ID>")))
    return steps


def run(given: PushConfig, say: Say) -> int:
    """Push each, read back what the registry has of it, and remember that for jobs and endpoints."""
    docker = engine.client()
    local = {image: engine.inspect(docker, images.name(image)) for image in given.images}
    if missing := [image for image, found in local.items() if found is None]:
        raise LaunchError(
            f"{', '.join(map(images.name, missing))}: not in the engine; build with kennel build {' '.join(missing)}"
        )
    target = connect(given.settings)
    token = target.ask("ecr", "GetAuthorizationToken")["authorizationData"][0]["authorizationToken"]
    for image, found in local.items():
        assert found is not None
        uri = _repository(target, given, image)
        entry = _push(target, docker, image, found, uri, token, say)
        state.remember(images.record(given.settings), **{image: entry})
    say.next(replace(given.settings, backend="docker"), ("train", "train in the image"), ("deploy", "serve with it"))
    return 0


def create_repository(given: PushConfig, image: str) -> Call:
    """CreateRepository: a tag never goes over to another image, and what is pushed is scanned."""
    settings = given.settings
    encryption = {"encryptionType": "KMS", "kmsKey": settings.kms_key} if settings.kms_key else {"encryptionType": "AES256"}
    request = {
        "repositoryName": images.name(image),
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": True},
        "encryptionConfiguration": encryption,
        "tags": tags(settings),
    }
    return Call("ecr", "CreateRepository", request)


def put_lifecycle_policy(image: str) -> Call:
    """PutLifecyclePolicy: what has no tag goes after a day, and of the rest the newest stay."""
    rules = [
        _rule(1, "untagged", {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1}),
        _rule(2, "any", {"countType": "imageCountMoreThan", "countNumber": KEPT}),
    ]
    request = {"repositoryName": images.name(image), "lifecyclePolicyText": json.dumps({"rules": rules})}
    return Call("ecr", "PutLifecyclePolicy", request)


def _rule(priority: int, status: str, count: Mapping[str, Any]) -> dict[str, Any]:
    return {"rulePriority": priority, "selection": {"tagStatus": status, **count}, "action": {"type": "expire"}}


def _repository(target: Target, given: PushConfig, image: str) -> str:
    """The repository's URI, of one that is made when it is not there."""
    found = target.find("ecr", "DescribeRepositories", repositoryNames=[images.name(image)])
    if found is None:
        try:
            made = target.send(create_repository(given, image))["repository"]
            target.send(put_lifecycle_policy(image))
            return made["repositoryUri"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "RepositoryAlreadyExistsException":
                raise
            found = target.ask("ecr", "DescribeRepositories", repositoryNames=[images.name(image)])
    return found["repositories"][0]["repositoryUri"]


def _push(
    target: Target, docker: engine.Client, image: str, local: Mapping[str, Any], uri: str, token: str, say: Say
) -> dict[str, Any]:
    """Send one image unless the registry has it; what the registry then has must be it. Returns its entry in the record."""
    repository, tag = images.name(image), local["Id"].removeprefix("sha256:")[:16]
    before = images.manifest(target, repository, imageTag=tag)
    sent = _send(docker, image, f"{uri}:{tag}", token, say) if before is None else set()
    after = before or images.manifest(target, repository, imageTag=tag)
    if after is None or local["Id"] not in (after["config"], after["digest"]):
        has = after["config"] if after else "nothing"
        raise LaunchError(f"{uri}:{tag}: the registry has {has}, not {local['Id']} of this engine; nothing is recorded")
    layers = [layer.removeprefix("sha256:")[:12] for layer in local["RootFS"]["Layers"]]
    size = sum(size for layer, size in zip(layers, after["sizes"], strict=True) if layer in sent)
    said = f"{size / 1e6:,.1f} of {sum(after['sizes']) / 1e6:,.1f} MB sent" if before is None else "was there"
    say.line(f"{repository} {uri}@{after['digest']}, {said}")
    return {
        "uri": f"{uri}@{after['digest']}",
        "repository": repository,
        "tag": tag,
        "digest": after["digest"],
        "config": after["config"],
        "image": local["Id"],
        "bytes_sent": size,
        "pushed": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }


def _send(docker: engine.Client, image: str, reference: str, token: str, say: Say) -> set[str]:
    """docker push; returns the first twelve digits of each layer that was sent."""
    sent = set()
    with tempfile.TemporaryDirectory(prefix="kennel-login-") as folder:
        login = Path(folder) / "config.json"
        login.touch(mode=0o600)
        login.write_text(json.dumps({"auths": {reference.partition("/")[0]: {"auth": token}}}), encoding="utf-8")
        # The person's docker context is in the configuration that is left out here.
        place = {"DOCKER_CONFIG": folder} | ({"DOCKER_HOST": host} if (host := engine.host(docker)) else {})
        tag, push = _sending(docker, image, reference)
        for _ in engine.lines(tag):
            pass
        with say.changing() as show:
            for line in engine.lines(Command(push.arguments, place)):
                show(f"{image}: {line}")
                if found := _SENT.match(line):
                    sent.add(found["layer"])
    return sent


def _sending(docker: engine.Client, image: str, reference: str) -> list[Command]:
    return [
        Command([docker.program, "tag", images.name(image), reference]),
        Command([docker.program, "push", reference], {"DOCKER_CONFIG": "<a private folder with the login>"}),
    ]


def _asked(repository: str, tag: str) -> dict[str, Any]:
    return {"repositoryName": repository, "imageIds": [{"imageTag": tag}], "acceptedMediaTypes": list(images.KINDS)}
