"""A model.tar.gz on this machine: where `kennel salvage` writes one, and where `kennel deploy --model` uploads one to."""

import hashlib
import posixpath
import shlex
from pathlib import Path

from contract import archive
from contract.errors import ArchiveError
from contract.manifest import MANIFEST, digest
from scripts.aws.settings import Settings
from scripts.errors import LaunchError
from scripts.files.model_code import FOLDER as CODE_FOLDER
from scripts.files.model_code import ModelCode

NAME = "model.tar.gz"


def uri(settings: Settings, file: Path) -> str:
    """Its place in S3, which its content names. Raises LaunchError where there is no such file."""
    settings.need("bucket")
    if file.is_dir():
        raise LaunchError(f"--model {file}: is a folder; pack what is in it: tar -C {shlex.quote(str(file))} -czf {NAME} .")
    if not file.is_file():
        in_s3 = "; give it as --model-data" if file.parts[:1] == ("s3:",) else ""
        raise LaunchError(f"--model {file}: no such file{in_s3 or f'; give a {NAME}'}")
    return settings.uri("models", digest(file)[:16]) + NAME


def is_classifier(file: Path) -> bool:
    """Whether our classifier answers for a model, and no code that is in it. So it is for what cannot be read."""
    try:
        with file.open("rb") as stream, archive.reading(stream, archive.Limits().bytes) as members:
            tops = {posixpath.normpath(member.name).partition("/")[0] for member in members}
    except (OSError, ArchiveError):
        return True
    return MANIFEST in tops and not tops & {CODE_FOLDER, "MAR-INF"}


def with_code(settings: Settings, model: str, code: ModelCode) -> str:
    """The place in S3 of a model with a person's own code in it. `model`: the place of the model without."""
    settings.need("bucket")
    return settings.uri("models", hashlib.sha256(f"{model} {code.digest}".encode()).hexdigest()[:16]) + NAME


def to_upload(settings: Settings, model_data: str, file: Path) -> tuple[str, dict[str, Path]]:
    """The prefix that is this model's own, and what goes there."""
    return model_data.removeprefix(f"s3://{settings.bucket}/").removesuffix(NAME), {NAME: file}
