"""Our four images: their names, what was built and pushed of them, and whether that is still there. Builds and pushes none.

`.kennel/images.json` holds what `kennel build` made, by image ID; `.kennel/images-TARGET.json` what `kennel push` sent there,
by digest. Jobs and endpoints use these, so what runs is what was built, whatever happens to a tag.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, TypedDict

from scripts.aws.api import Target
from scripts.aws.defaults import programs
from scripts.aws.settings import Settings
from scripts.errors import LaunchError
from scripts.files import state
from scripts.images import docker_engine

IMAGES = ("train", "serve-cpu", "serve-torch", "rules")
MANIFESTS = ("application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json")
"""What SageMaker runs: one manifest of one platform."""
KINDS = (
    *MANIFESTS,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)
"""What a registry may have; an index is read too, so that it can be refused by name."""
_GPU = re.compile(r"ml\.(?:g|p)\d")


class BuiltImage(TypedDict):
    """What `kennel build` made: the image's ID, the base image, and the time."""

    image: str
    base: str
    built: str


class PushedImage(TypedDict):
    """What `kennel push` sent, or found: the name by digest that jobs use, where it is, its ID in the engine, and the time."""

    uri: str
    repository: str
    tag: str
    digest: str
    image: str
    bytes_sent: int
    pushed: str


def name(image: str) -> str:
    """Of the image in the engine, and of its repository."""
    return f"kennel-{image}"


def repositories() -> list[str]:
    """The names of the ECR repositories that `kennel push` fills."""
    return [name(image) for image in IMAGES]


def built(settings: Settings) -> state.StateFile[dict[str, BuiltImage]]:
    return state.StateFile(settings.home / "images.json")


def pushed(settings: Settings) -> state.StateFile[dict[str, PushedImage]]:
    return state.StateFile(settings.home / f"images-{settings.target}.json")


def local(settings: Settings, image: str) -> str:
    """What the engine has of it: the ID that was built from here, whoever else builds; the name where nothing was."""
    made = state.read(built(settings)).get(image)
    return made["image"] if made else name(image)


def known(settings: Settings) -> dict[str, str]:
    """The settings that name images, as the target can run them; an empty string for one that it has not.

    AWS runs what was pushed to it. The local target with containers runs what was built, by the digest it was pushed with
    where it was; with processes, the names that stand for our programs, so nothing is said here. A person's own code is
    answered by the image with torch, unless the person named one that serves.
    """
    if settings.target == "local" and settings.backend != "docker":
        return {}
    sent, made = state.read(pushed(settings)), state.read(built(settings)) if settings.target == "local" else {}
    serve = "serve-torch" if _GPU.match(settings.serve_instance) else "serve-cpu"
    kinds = {"train": "train", "serve": serve, "rules": "rules"}
    if settings.serve_image in ("", programs()["serve_image"]):
        kinds["code"] = "serve-torch"
    return {f"{kind}_image": _newest(sent.get(image), made.get(image)) for kind, image in kinds.items()}


def _newest(sent: PushedImage | None, made: BuiltImage | None) -> str:
    """What was pushed, unless another was built since."""
    if sent and (made is None or made["image"] == sent["image"]):
        return sent["uri"]
    return made["image"] if made else ""


def check(target: Target, settings: Settings, image: str) -> None:
    """Raises LaunchError unless the image of a record is still where the record says.

    An image that the person named themselves is theirs to know.
    """
    if any(entry["image"] == image for entry in state.read(built(settings)).values()):
        if docker_engine.inspect(image) is None:
            raise LaunchError(f"{image}: was built here, but the engine has it no longer; build it again with kennel build")
        return
    entry = next((entry for entry in state.read(pushed(settings)).values() if entry["uri"] == image), None)
    if entry is None:
        return
    found = manifest(target, entry["repository"], imageTag=entry["tag"])
    has = found["digest"] if found else "nothing"
    if has != entry["digest"]:
        raise LaunchError(
            f"{image}: the registry has {has} under {entry['repository']}:{entry['tag']}, not what was pushed from here; "
            "look who changed it, then push again with kennel push"
        )


def request(repository: str, **image_id: str) -> dict[str, Any]:
    """Of BatchGetImage: `imageTag` or `imageDigest`."""
    return {"repositoryName": repository, "imageIds": [image_id], "acceptedMediaTypes": list(KINDS)}


def manifest(target: Target, repository: str, **image_id: str) -> dict[str, Any] | None:
    """An image's manifest as the registry keeps it: `digest`, `config`, `sizes` (bytes of each layer), None when there is none.

    Raises LaunchError for an index, which SageMaker does not run, and for a manifest that its own digest does not fit.
    """
    found = (target.find("ecr", "BatchGetImage", **request(repository, **image_id)) or {}).get("images", [])
    if not found:
        return None
    text, digest = found[0]["imageManifest"], found[0]["imageId"]["imageDigest"]
    body: Mapping[str, Any] = json.loads(text)
    if body.get("mediaType", MANIFESTS[1]) not in MANIFESTS:
        raise LaunchError(f"{repository}@{digest}: is a {body['mediaType']}, not one image; build it with kennel build")
    if digest != "sha256:" + hashlib.sha256(text.encode()).hexdigest():
        raise LaunchError(f"{repository}@{digest}: the registry's manifest has another digest; do not run this image")
    return {"digest": digest, "config": body["config"]["digest"], "sizes": [layer["size"] for layer in body["layers"]]}
