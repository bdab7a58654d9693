"""The checks that several verbs make of a parsed command line: names, pairs and folders. Configs are built in configure.py."""

import argparse
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.splits import FOLDERS
from contract.weights import weights_file
from scripts.aws import secrets
from scripts.aws.settings import Settings
from scripts.errors import LaunchError
from scripts.files.state import LaunchState

_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


@dataclass(frozen=True, slots=True)
class ParsedCommand:
    """The parsed command line with the settings, the state of this checkout, and the moment that names are made of."""

    line: argparse.Namespace
    settings: Settings
    state: LaunchState
    moment: str

    def name(self, kind: str, longest: int = 63) -> str:
        if getattr(self.line, "follow", None):
            return checked_name("--follow", self.line.follow, longest)
        return checked_name("--name", self.line.name or f"kennel-{kind}-{self.moment}", longest)

    @property
    def weights(self) -> str | None:
        """The folder of the pretrained weights that `kennel weights` uploaded; None without, and with --no-weights."""
        return None if getattr(self.line, "no_weights", False) else self.state.get("weights")

    def endpoint(self) -> str:
        return checked_name("--endpoint", self.line.endpoint or self.state.get("endpoint") or "kennel", 63)


def checked_name(what: str, name: str, longest: int) -> str:
    """The name. Raises LaunchError unless SageMaker takes it."""
    if len(name) > longest or not _NAME.fullmatch(name):
        raise LaunchError(f"{what} {name}: need letters, digits and single dashes, at most {longest} of them")
    return name


def checked_port(port: int) -> int:
    """The port. Raises LaunchError for one that there is not."""
    if not 0 < port < 65536:
        raise LaunchError(f"--port {port}: need 1 to 65535")
    return port


def pairs(given: Sequence[str], flag: str = "--set") -> dict[str, str]:
    """--set NAME=VALUE, or another flag of the kind. Raises LaunchError without an equals sign and for a secret."""
    chosen = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise LaunchError(f"{flag} {secrets.hide(pair)}: need NAME=VALUE, such as {flag} epochs=3")
        chosen[name] = value
    secrets.refuse(**{"hyperparameter" if flag == "--set" else flag: chosen})
    return chosen


def refuse_both(chosen: Mapping[str, str], searched: Iterable[str]) -> None:
    """Raises LaunchError for a hyperparameter that is fixed and searched."""
    if both := sorted(set(chosen) & set(searched)):
        raise LaunchError(f"--set {', '.join(both)}: this is what tuning searches; leave it out")


def channels(settings: Settings, data_name: str, weights: str | None) -> dict[str, str]:
    """Each channel's folder in S3. `weights`: what `kennel weights` remembered."""
    found = {channel: settings.uri("data", data_name, split) for channel, split in FOLDERS.items()}
    return found | ({"pretrained": settings.uri("weights", weights)} if weights else {})


def pictures(parsed: ParsedCommand, weights: str | None = None, otherwise: str = "") -> dict[str, str]:
    """The channels of the uploaded set of pictures that was named, or of the last one. `otherwise`: what else a person can give.

    Raises LaunchError where there is none. A job that is only followed needs none.
    """
    name = parsed.line.data_name or parsed.state.get("data")
    if not name:
        if parsed.line.follow:
            return {}
        raise LaunchError(f"--data-name: no set of pictures was uploaded from here yet; start with kennel data{otherwise}")
    if name in parsed.state.get("uploading", []) and not parsed.line.follow:
        raise LaunchError(f"--data-name {name}: its upload did not end, S3 may hold a part of it; run kennel data again")
    return channels(parsed.settings, name, weights)


def set_name(folder: Path) -> str:
    """What a folder of pictures is called in S3."""
    return re.sub(r"[^a-zA-Z0-9]+", "-", folder.resolve().name).strip("-")[:63] or "pictures"


def check_splits(what: str, folder: Path) -> None:
    """Raises LaunchError unless the folder has the three splits."""
    for split in FOLDERS.values():
        if not (folder / split).is_dir():
            raise LaunchError(f"{what} {folder}: no folder {split!r}; need train, valid and test, each with a folder a class")


def check_weights(what: str, file: Path) -> None:
    """Raises LaunchError for a file that is not there, or plainly holds no weights. Runs nothing that is in it."""
    if not file.is_file():
        raise LaunchError(f"{what} {file}: no such file; give a torchvision state dict such as resnet18-f37072fd.pth")
    if found := weights_file.problem(file):
        raise LaunchError(f"{what} {file}: {found}")
