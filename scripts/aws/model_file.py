"""A model.tar.gz on this machine: where `kennel salvage` writes one, and where `kennel deploy --model` uploads one to."""

import hashlib
import shlex
from pathlib import Path

from contract.manifest import digest
from scripts.aws.settings import Settings
from scripts.errors import LaunchError
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


def with_code(settings: Settings, model: str, code: ModelCode) -> str:
    """The place in S3 of a model with a person's own code in it. `model`: the place of the model without."""
    settings.need("bucket")
    return settings.uri("models", hashlib.sha256(f"{model} {code.digest}".encode()).hexdigest()[:16]) + NAME


def to_upload(settings: Settings, model_data: str, file: Path) -> tuple[str, dict[str, Path]]:
    """The prefix that is this model's own, and what goes there."""
    return model_data.removeprefix(f"s3://{settings.bucket}/").removesuffix(NAME), {NAME: file}
