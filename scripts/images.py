"""Our four images: their names, what was pushed of them, and whether a registry still has just that. Builds and pushes none.

`.kennel/images-TARGET.json` holds for each image what `kennel push` sent there; jobs and endpoints then use those digests.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts import state
from scripts.errors import LaunchError
from scripts.settings import Settings
from scripts.target import Target

IMAGES = ("train", "serve-cpu", "serve-gpu", "rules")
MANIFESTS = ("application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json")
"""What SageMaker runs: one manifest of one platform."""
KINDS = (
    *MANIFESTS,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)
"""What a registry may have; an index is read too, so that it can be refused by name."""
_GPU = re.compile(r"ml\.(?:g|p)\d")


def name(image: str) -> str:
    """Of the image in the engine, and of its repository."""
    return f"kennel-{image}"


def record(settings: Settings) -> Path:
    return settings.home / f"images-{settings.target}.json"


def pushed(settings: Settings) -> dict[str, str]:
    """`train_image` and `serve_image` by the digests that were pushed to the target, those of them that were."""
    if settings.target == "local" and settings.backend != "docker":
        return {}
    body = state.read(record(settings))
    serve = "serve-gpu" if _GPU.match(settings.serve_instance) else "serve-cpu"
    # On the local target, an image's plain name stands for a program; with containers there is none but what was pushed.
    return {f"{kind}_image": body.get(image, {}).get("uri", "") for kind, image in (("train", "train"), ("serve", serve))}


def check(target: Target, settings: Settings, image: str) -> None:
    """Raises LaunchError unless the registry has, under the tag of the push, just the image of the record.

    An image that the person named themselves is theirs to know.
    """
    entry = next((entry for entry in state.read(record(settings)).values() if entry["uri"] == image), None)
    if entry is None:
        return
    found = manifest(target, entry["repository"], imageTag=entry["tag"])
    has = found["digest"] if found else "nothing"
    if has != entry["digest"]:
        raise LaunchError(
            f"{image}: the registry has {has} under {entry['repository']}:{entry['tag']}, not what was pushed from here; "
            "look who changed it, then push again with kennel push"
        )


def manifest(target: Target, repository: str, **image_id: str) -> dict[str, Any] | None:
    """An image's manifest as the registry keeps it: `digest`, `config`, `sizes` (bytes of each layer), None when there is none.

    Raises LaunchError for an index, which SageMaker does not run, and for a manifest that its own digest does not fit.
    """
    request = {"repositoryName": repository, "imageIds": [image_id], "acceptedMediaTypes": list(KINDS)}
    found = (target.find("ecr", "BatchGetImage", **request) or {}).get("images", [])
    if not found:
        return None
    text, digest = found[0]["imageManifest"], found[0]["imageId"]["imageDigest"]
    body: Mapping[str, Any] = json.loads(text)
    if body.get("mediaType", MANIFESTS[1]) not in MANIFESTS:
        raise LaunchError(f"{repository}@{digest}: is a {body['mediaType']}, not one image; build it with kennel build")
    if digest != "sha256:" + hashlib.sha256(text.encode()).hexdigest():
        raise LaunchError(f"{repository}@{digest}: the registry's manifest has another digest; do not run this image")
    return {"digest": digest, "config": body["config"]["digest"], "sizes": [layer["size"] for layer in body["layers"]]}
