"""s3://bucket/key as SageMaker's requests write it, and the way from a key to a file below a folder. No I/O."""

from ..errors import validation


class UnsafeKey(Exception):
    """A key that is no relative path below a folder: the sentence says which."""


def split(uri: str, member: str) -> tuple[str, str]:
    """(bucket, key or prefix) of an S3 URI. Raises ValidationException, naming the request's member."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise validation(f"{member} {uri!r} is not an S3 URI of the form s3://bucket/prefix.")
    return bucket, key


def folder_prefix(prefix: str) -> str:
    """The prefix of everything in the "folder" a request names: with one slash at its end, unless it is the whole bucket."""
    return f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""


def join(uri: str, *parts: str) -> str:
    """An S3 URI with further parts, one slash between them."""
    return "/".join([uri.rstrip("/"), *parts])


def relative_name(key: str, prefix: str) -> str:
    """The path of a key below the folder into which SageMaker copies an S3Prefix.

    The prefix goes as far as it is a folder: s3://b/train takes train/a.jpg to a.jpg and train.csv to train.csv.
    """
    rest = key[len(prefix) :]
    if prefix.endswith("/") or not prefix:
        return rest
    return rest[1:] if rest.startswith("/") else key[prefix.rfind("/") + 1 :]


def file_name(name: str) -> str:
    """The same, which is a plain path below a folder. Raises UnsafeKey where it would not be one."""
    if any(part in ("", ".", "..") or "\0" in part or len(part.encode()) > 255 for part in name.split("/")):
        raise UnsafeKey(f"S3 key {name!r} cannot be a file name below a folder")
    return name
