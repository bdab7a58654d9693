"""Where requests run and as whom: flags, then kennel.toml, then what the target knows by itself. Not what is asked for.

kennel.toml has a table for each target, `[aws]` or `[local]`, with the names of `Settings`, dashes for underscores. Its table
`[script]` is cli/script_table.py's.
"""

import difflib
import re
import shutil
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from scripts.errors import LaunchError
from scripts.files.state import LaunchState, StateFile, launched

FILE = Path("kennel.toml")
HOME = Path(".kennel")
"""Where a checkout keeps what its launchers make; nothing is written elsewhere."""
BACKENDS = ("process", "docker")
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_NVME = re.compile(r"ml\.(?:[a-z]+\d+[a-z]*d[a-z]*|g[56]e?|p5\w*|trn\d\w*)\.")
"""Instance types with disks of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The same fields for every target. An empty string is "not given"; `need` says so to the person."""

    target: str
    home: Path
    region: str = ""
    role_arn: str = ""
    """The execution role that SageMaker takes on."""
    bucket: str = ""
    prefix: str = "kennel"
    """Everything we keep in the bucket lies below it."""
    backend: str = "process"
    """What the local target runs: `process`, our programs as they lie here, or `docker`, the images that were built."""
    train_image: str = ""
    serve_image: str = ""
    code_image: str = ""
    """What answers with a person's own code; `answering` says which it is where this is empty."""
    rules_image: str = ""
    train_instance: str = ""
    serve_instance: str = ""
    rules_instance: str = ""
    volume_size: int = 30
    """GB of each training instance's disk."""
    kms_key: str = ""
    """Encrypts what jobs write to S3 and what we upload."""
    volume_kms_key: str = ""
    """Encrypts the instances' disks; instance types with NVMe disks of their own take none."""
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    network_isolation: bool = True
    debugger: bool = True
    """Rules go with the training job, as SageMaker Debugger has it; without it, Processing jobs evaluate them after its end."""
    tags: tuple[str, ...] = ()
    """KEY=VALUE each."""

    @property
    def answering(self) -> str:
        """The image that answers with a person's own code: `code_image`, else `serve_image`."""
        return self.code_image or self.serve_image

    @property
    def state(self) -> StateFile[LaunchState]:
        return launched(self.home, self.target)

    @property
    def cache(self) -> Path:
        """What jobs of this machine download and install, once for all of them."""
        return self.home / "cache"

    def uri(self, *parts: str) -> str:
        """A folder in our part of the bucket; it ends with a slash, so it never matches a longer name."""
        return f"s3://{self.bucket}/{self.key(*parts)}"

    def key(self, *parts: str) -> str:
        return "/".join((self.prefix, *parts)) + "/"

    def need(self, *names: str) -> None:
        """Raises LaunchError with every setting of `names` that is missing or wrong, and where to give it."""
        missing = [name.replace("_", "-") for name in names if not getattr(self, name)]
        if (
            missing
            and set(missing) <= {"train-image", "serve-image", "code-image", "rules-image"}
            and (self.target == "aws" or self.backend == "docker")
        ):
            how = "kennel build makes it" if self.target == "local" else "kennel build and kennel push bring it there"
            raise LaunchError(f"{', '.join(missing)}: no image for target {self.target} yet; {how}, or give --{missing[0]}")
        if missing:
            flags = ", ".join(f"--{name}" for name in missing)
            raise LaunchError(
                f"{', '.join(missing)}: not given for target {self.target}; use {flags}, or [{self.target}] in {FILE}"
            )
        if self.backend not in BACKENDS:
            raise LaunchError(f"backend: {self.backend} is not known; need {' or '.join(BACKENDS)}")
        for name in set(names) & {"train_image", "serve_image", "code_image", "rules_image"}:
            image = getattr(self, name)
            if "." in image.partition("/")[0] and "/" in image and not _DIGEST.search(image):
                raise LaunchError(
                    f"{name.replace('_', '-')}: {image} has no digest, so what runs may not be what was tested; "
                    f"write it as {image.partition('@')[0].rpartition(':')[0] or image}@sha256:... as the push printed it"
                )
        for name in set(names) & {"train_instance", "serve_instance", "rules_instance"}:
            if self.volume_kms_key and _NVME.match(getattr(self, name)):
                raise LaunchError(
                    f"volume-kms-key: {name.replace('_', '-')} {getattr(self, name)} encrypts its own NVMe disk; "
                    "leave the key out, or choose a type without NVMe disks"
                )
        if bool(self.subnets) != bool(self.security_groups):
            given, other = ("subnets", "security-groups") if self.subnets else ("security-groups", "subnets")
            raise LaunchError(f"{other}: not given, but {given} is; a VPC needs both")


NAMES = tuple(field.name.replace("_", "-") for field in fields(Settings) if field.name not in ("target", "home"))
_KINDS = {field.name.replace("_", "-"): type(field.default) for field in fields(Settings) if field.name not in ("target", "home")}


def read(target: str, home: Path, flags: Mapping[str, Any], defaults: Mapping[str, Any], file: Path = FILE) -> Settings:
    """`flags` and `defaults` by field name; None is "not given". Raises LaunchError naming what is wrong in the file."""
    chosen = dict(defaults) | _table(target, file) | {name: value for name, value in flags.items() if value is not None}
    return Settings(target=target, home=home, **chosen)


def tables(file: Path = FILE) -> dict[str, dict[str, Any]]:
    """The tables of the file, by name; none where there is no file. Raises LaunchError for what no table of ours is."""
    try:
        body = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise LaunchError(f"{file}: cannot be read: {str(error)[:120]}") from None
    for name, value in body.items():
        if name not in ("local", "aws", "script") or not isinstance(value, dict):
            raise LaunchError(f"{file}: {name!r:.100} is not known there; it has the tables [local], [aws] and [script]")
    return body


def _table(target: str, file: Path) -> dict[str, Any]:
    given = tables(file).get(target, {})
    return {name.replace("-", "_"): _checked(file, target, name, value) for name, value in given.items()}


def _checked(file: Path, target: str, name: str, value: Any) -> Any:
    kind = _KINDS.get(name)
    if kind is None:
        close = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(NAMES)}"
        raise LaunchError(f"{file}: [{target}] {name:.100}: not known; {hint}")
    if kind is tuple:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise LaunchError(f'{file}: [{target}] {name} = {value!r:.100}: need a list of strings, such as ["a", "b"]')
    if type(value) is not kind:
        wanted = {str: "a string", int: "a whole number", bool: "true or false"}[kind]
        raise LaunchError(f"{file}: [{target}] {name} = {value!r:.100}: need {wanted}")
    return value


def kennel_command(arguments: str, settings: Settings) -> str:
    """A kennel command as it can be typed here; with target and backend unless they are the default ones."""
    here, beside = Path(".venv/bin/kennel"), Path(sys.executable).with_name("kennel")
    found = next((str(path) for path in (here, beside) if path.exists()), "python -m scripts")
    start = "kennel" if shutil.which("kennel") else found
    target = "" if settings.target == "local" else f" --target {settings.target}"
    if settings.target == "local" and settings.backend != "process":
        target = f" --backend {settings.backend}"
    home = "" if settings.home == HOME else f" --home {settings.home}"
    return f"{start} {arguments}{target}{home}"
