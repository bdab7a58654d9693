"""Amazon ECR's images on the wire: listed, described, read and removed. They are pushed and pulled by http.py."""

from collections.abc import Iterator
from typing import Any

from ..context import Context
from ..errors import AwsError
from ..protocol.operation import Operation, Reply, Request
from ..storage.database import Row
from ..storage.image_manifests import DIGEST
from .ecr import PAGE, ecr_error, page, record_of

_ABOUT = "registryId repositoryName"


def list_images(context: Context, request: Request) -> Reply:
    """The digest and tag of each image: one line a tag, and one for an image without."""
    found, tags = _images(context, request)
    status = request.get("filter", {}).get("tagStatus", "ANY")
    lines = [
        {"imageDigest": row["digest"], "imageTag": tag}
        for row in found
        for tag in tags.get(row["digest"], [None])
        if status in ("ANY", "UNTAGGED" if tag is None else "TAGGED")
    ]
    lines.sort(key=_line)
    shown, token = page(lines, request, _line, PAGE)
    return {"imageIds": shown, "nextToken": token}


def describe_images(context: Context, request: Request) -> Reply:
    """Size, tags, media type and time of push of all images, or of those that are named."""
    found, tags = _images(context, request)
    token = None
    if "imageIds" in request:
        by_digest = {row["digest"]: row for row in found}
        named = [by_digest[_found(context, request, image)["digest"]] for image in request["imageIds"]]
        shown = list({row["digest"]: row for row in named}.values())
    else:
        status = request.get("filter", {}).get("tagStatus", "ANY")
        fitting = [row for row in found if status in ("ANY", "TAGGED" if row["digest"] in tags else "UNTAGGED")]
        fitting.sort(key=lambda row: row["digest"])
        shown, token = page(fitting, request, lambda row: row["digest"], PAGE)
    details = [
        {
            "registryId": context.account_id,
            "repositoryName": request["repositoryName"],
            "imageDigest": row["digest"],
            "imageTags": tags.get(row["digest"]),
            "imageSizeInBytes": row["size"],
            "imagePushedAt": row["pushed"],
            "imageManifestMediaType": row["media_type"],
            "artifactMediaType": row["artifact_type"],
        }
        for row in shown
    ]
    return {"imageDetails": details, "nextToken": token}


def batch_get_image(context: Context, request: Request) -> Reply:
    """The manifests of the named images; where media types are named, only those."""
    record_of(context, request)
    accepted = request.get("acceptedMediaTypes")
    images: list[Reply] = []
    failures: list[Reply] = []
    for image, row in _each(context, request, failures):
        if accepted and row["media_type"] not in accepted:
            failures.append(_failure(image, "ImageNotFound", f"The image is of the type {row['media_type']}"))
            continue
        images.append(
            {
                "registryId": context.account_id,
                "repositoryName": request["repositoryName"],
                "imageId": {"imageDigest": row["digest"], "imageTag": image.get("imageTag")},
                "imageManifest": row["body"].decode(),
                "imageManifestMediaType": row["media_type"],
            }
        )
    return {"images": images, "failures": failures}


def batch_delete_image(context: Context, request: Request) -> Reply:
    """Removes images by digest, and tags by tag: with its last tag an image goes too."""
    record_of(context, request)
    name = request["repositoryName"]
    deleted: list[Reply] = []
    failures: list[Reply] = []
    for image, row in _each(context, request, failures):
        digest, tag = row["digest"], image.get("imageTag")
        tags = [one for one, named in context.registry.tags(name).items() if named == digest]
        try:
            if tag is not None and "imageDigest" not in image and tags != [tag]:
                context.registry.delete_tag(name, tag)
                tags = [tag]
            else:
                context.registry.delete_manifest(name, digest)
        except AwsError as error:
            code = "ImageReferencedByManifestList" if error.code == "UNSUPPORTED" else "ImageNotFound"
            failures.append(_failure(image, code, error.message))
            continue
        deleted += [{"imageDigest": digest, "imageTag": one} for one in tags] or [{"imageDigest": digest, "imageTag": None}]
    return {"imageIds": deleted, "failures": failures}


def batch_check_layer_availability(context: Context, request: Request) -> Reply:
    """Which layers the repository has."""
    record_of(context, request)
    layers, failures = [], []
    for digest in request["layerDigests"]:
        if not DIGEST.fullmatch(digest):
            reason = "Invalid layer digest: expected sha256: and 64 hexadecimal digits"
            failures.append({"layerDigest": digest, "failureCode": "InvalidLayerDigest", "failureReason": reason})
            continue
        size = context.registry.blob_size(request["repositoryName"], digest)
        status = "UNAVAILABLE" if size is None else "AVAILABLE"
        layers.append({"layerDigest": digest, "layerAvailability": status, "layerSize": size})
    return {"layers": layers, "failures": failures}


def _images(context: Context, request: Request) -> tuple[list[Row], dict[str, list[str]]]:
    """All images of a repository, and the tags of those that have any."""
    record_of(context, request)
    name = request["repositoryName"]
    tags: dict[str, list[str]] = {}
    try:
        for tag, digest in context.registry.tags(name).items():
            tags.setdefault(digest, []).append(tag)
        return context.registry.manifests(name), tags
    except AwsError as error:
        raise ecr_error(context, name, error) from None


def _each(context: Context, request: Request, failures: list[Reply]) -> Iterator[tuple[dict[str, str], Row]]:
    """Each named image with its row; what is not there is added to the failures."""
    for image in request["imageIds"]:
        try:
            row = _found(context, request, image)
        except AwsError as error:
            failures.append(_failure(image, error.fields["failureCode"], error.message))
        else:
            yield image, row


def _found(context: Context, request: Request, image: dict[str, str]) -> Row:
    """The manifest of an imageId. Raises ImageNotFoundException or InvalidParameterException; `fields` has the failure code."""
    name, digest, tag = request["repositoryName"], image.get("imageDigest"), image.get("imageTag")
    if digest is None and tag is None:
        raise _wrong("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null")
    if digest is not None and not DIGEST.fullmatch(digest):
        raise _wrong("InvalidImageDigest", "Invalid request parameters: an image digest is sha256: and 64 hexadecimal digits")
    try:
        named = context.registry.tags(name).get(tag, "") if tag is not None else digest or ""
        row = context.registry.manifest(name, named)
    except AwsError as error:
        if error.code not in ("MANIFEST_UNKNOWN", "NAME_UNKNOWN"):
            raise
        message = (
            f"The image with imageId {{imageDigest:'{digest or 'null'}', imageTag:'{tag or 'null'}'}} does not exist within "
        )
        message += f"the repository with name '{name}' in the registry with id '{context.account_id}'"
        raise _wrong("ImageNotFound", message, "ImageNotFoundException") from None
    if digest not in (None, named):
        raise _wrong("ImageTagDoesNotMatchDigest", f"The tag '{tag}' does not name {digest}", "ImageNotFoundException")
    return row


def _wrong(failure: str, message: str, code: str = "InvalidParameterException") -> AwsError:
    return AwsError(code, message, 400, {"failureCode": failure})


def _failure(image: dict[str, str], code: str, reason: str) -> dict[str, Any]:
    return {"imageId": image, "failureCode": code, "failureReason": reason}


def _line(image: dict[str, Any]) -> str:
    return f"{image['imageDigest']} {image['imageTag'] or ''}"


OPERATIONS = {
    "ListImages": Operation(list_images, f"{_ABOUT} nextToken maxResults filter.tagStatus"),
    "DescribeImages": Operation(describe_images, f"{_ABOUT} imageIds nextToken maxResults filter.tagStatus"),
    "BatchGetImage": Operation(batch_get_image, f"{_ABOUT} imageIds acceptedMediaTypes"),
    "BatchDeleteImage": Operation(batch_delete_image, f"{_ABOUT} imageIds"),
    "BatchCheckLayerAvailability": Operation(batch_check_layer_availability, f"{_ABOUT} layerDigests"),
}
