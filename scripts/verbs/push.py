"""`kennel push`: the built images into the target's registry, each under a tag of its own content. It builds nothing.

The repository's address comes from the API. The password goes to docker's standard input, and docker keeps the login in a
folder that is private and gone afterwards: no secret is on a command line, the person's own docker configuration is left alone.
"""

import base64
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from scripts.aws.api import Target, connect
from scripts.aws.api_requests import tags
from scripts.aws.calls import Call, Command
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import PushConfig
from scripts.errors import LaunchError
from scripts.files import state
from scripts.images import catalog, docker_engine

KEPT = 10
"""Pushed images of a repository that its lifecycle policy leaves, the newest."""
_SENT = re.compile(r"(?P<layer>[0-9a-f]{12}): Pushed")
"""What docker says of a layer that went over the wire; of others, that it exists already."""
_PRIVATE = "<a private folder, gone afterwards>"


@dataclass(frozen=True, slots=True)
class Login:
    """What GetAuthorizationToken gave: a user name and a password of some hours."""

    user: str
    password: str


def plan(config: PushConfig) -> list[Call | Command]:
    """For repositories that are not there yet: a dry run asks nobody, so what the API would answer is in angle brackets."""
    steps: list[Call | Command] = [_TOKEN]
    for image in config.images:
        repository, tag = catalog.name(image), "<image ID>"
        steps += [_describe(image), create_repository(config, image), put_lifecycle_policy(image), _asked(repository, tag)]
        steps += _sending(catalog.local(config.settings, image), f"<registry>/<repository>:{tag}", Login("AWS", ""), _PRIVATE)
        steps.append(_asked(repository, tag))
    return steps


def run(config: PushConfig, output: Terminal) -> int:
    """Push each, read back what the registry has of it, and remember that for jobs and endpoints."""
    inspected = {image: docker_engine.inspect(catalog.local(config.settings, image)) for image in config.images}
    local = {image: found for image, found in inspected.items() if found is not None}
    if missing := [image for image in config.images if image not in local]:
        raise LaunchError(
            f"{', '.join(map(catalog.name, missing))}: not in the engine; build with kennel build {' '.join(missing)}"
        )
    target = connect(config.settings)
    token = target.send(_TOKEN)["authorizationData"][0]["authorizationToken"]
    login = Login(*base64.b64decode(token).decode().split(":", 1))
    for image, found in local.items():
        entry = _push(target, image, found, _repository(target, config, image), login, output)
        state.remember(catalog.pushed(config.settings), {image: entry})
    output.next(replace(config.settings, backend="docker"), ("train", "train in the image"), ("deploy", "serve with it"))
    return 0


def create_repository(config: PushConfig, image: str) -> Call:
    """CreateRepository: a tag never goes over to another image, and what is pushed is scanned."""
    settings = config.settings
    encryption = {"encryptionType": "KMS", "kmsKey": settings.kms_key} if settings.kms_key else {"encryptionType": "AES256"}
    request = {
        "repositoryName": catalog.name(image),
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
    request = {"repositoryName": catalog.name(image), "lifecyclePolicyText": json.dumps({"rules": rules})}
    return Call("ecr", "PutLifecyclePolicy", request)


_TOKEN = Call("ecr", "GetAuthorizationToken", {})


def _describe(image: str) -> Call:
    return Call("ecr", "DescribeRepositories", {"repositoryNames": [catalog.name(image)]})


def _rule(priority: int, status: str, count: Mapping[str, Any]) -> dict[str, Any]:
    return {"rulePriority": priority, "selection": {"tagStatus": status, **count}, "action": {"type": "expire"}}


def _repository(target: Target, config: PushConfig, image: str) -> str:
    """The repository's URI, of one that is made when it is not there."""
    found = target.find("ecr", "DescribeRepositories", **_describe(image).request)
    if found is None:
        try:
            made = target.send(create_repository(config, image))["repository"]
            target.send(put_lifecycle_policy(image))
            return made["repositoryUri"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "RepositoryAlreadyExistsException":
                raise
            found = target.send(_describe(image))
    return found["repositories"][0]["repositoryUri"]


def _push(target: Target, image: str, local: Mapping[str, Any], uri: str, login: Login, output: Terminal) -> catalog.PushedImage:
    """Send one image unless the registry has it; what the registry then has must be it. Returns its entry in the record."""
    repository, tag = catalog.name(image), local["Id"].removeprefix("sha256:")[:16]
    before = catalog.manifest(target, repository, imageTag=tag)
    sent = _send(image, local["Id"], f"{uri}:{tag}", login, output) if before is None else set()
    after = before or catalog.manifest(target, repository, imageTag=tag)
    if after is None or local["Id"] not in (after["config"], after["digest"]):
        has = after["config"] if after else "nothing"
        raise LaunchError(f"{uri}:{tag}: the registry has {has}, not {local['Id']} of this engine; nothing is recorded")
    layers = [layer.removeprefix("sha256:")[:12] for layer in local["RootFS"]["Layers"]]
    size = sum(size for layer, size in zip(layers, after["sizes"], strict=True) if layer in sent)
    said = f"{size / 1e6:,.2f} of {sum(after['sizes']) / 1e6:,.0f} MB sent" if before is None else "was there"
    output.line(f"{uri}@{after['digest']}  {said}")
    return {
        "uri": f"{uri}@{after['digest']}",
        "repository": repository,
        "tag": tag,
        "digest": after["digest"],
        "image": local["Id"],
        "bytes_sent": size,
        "pushed": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }


def _send(image: str, local: str, reference: str, login: Login, output: Terminal) -> set[str]:
    """docker push; returns the first twelve digits of each layer that was sent."""
    sent = set()
    with tempfile.TemporaryDirectory(prefix="kennel-login-") as folder, output.changing(f"pushing {reference}") as show:
        for command in _sending(local, reference, login, folder):
            for line in docker_engine.lines(command):
                show(f"{image}: {line}")
                if found := _SENT.match(line):
                    sent.add(found["layer"])
    return sent


def _sending(local: str, reference: str, login: Login, folder: str) -> list[Command]:
    """Log in, name the image as its repository does, push. `folder`: docker's configuration, with the login and nothing else."""
    docker = docker_engine.program()
    # The person's docker context is in the configuration that is left out here.
    place = {"DOCKER_CONFIG": folder} | ({"DOCKER_HOST": host} if (host := docker_engine.host()) else {})
    sign_in = [docker, "login", "--username", login.user, "--password-stdin", reference.partition("/")[0]]
    return [
        Command(sign_in, place, stdin=login.password),
        Command([docker, "tag", local, reference], place),
        Command([docker, "push", reference], place),
    ]


def _asked(repository: str, tag: str) -> Call:
    return Call("ecr", "BatchGetImage", catalog.request(repository, imageTag=tag))
