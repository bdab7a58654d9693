"""`kennel weights`: pretrained weights, fetched and checked or given, uploaded as what fills the channel `pretrained`."""

import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from contract import weights_file
from contract.manifest import digest
from scripts.aws import uploads
from scripts.aws.api import Target, connect
from scripts.aws.calls import Call
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import WeightsConfig
from scripts.errors import LaunchError
from scripts.files import state
from scripts.files.download import fetch

_HASH = re.compile(r"-([0-9a-f]{8,64})\.[a-z]+$")


def plan(given: WeightsConfig) -> list[Call]:
    file = given.file or _place(given)
    return list(uploads.plan(given.settings, _prefix(given, file), {file.name: file}))


def run(given: WeightsConfig, say: Terminal) -> int:
    send(connect(given.settings), given, gather(given, say), say)
    say.next(given.settings, ("tune", "search the hyperparameters of a new head"), ("train", "train one"))
    return 0


def gather(given: WeightsConfig, say: Terminal) -> Path:
    """The file, fetched when none was given. Raises LaunchError when it is not the file that its name says."""
    if given.file is not None:
        return given.file
    expected = _HASH.search(_place(given).name)
    if expected is None:
        raise LaunchError(f"--url {given.url}: its name has no hash, as resnet18-f37072fd.pth has; give it as a file")
    file = fetch(given.url, _place(given), say)
    found = digest(file)
    if not found.startswith(expected[1]):
        what = weights_file.problem(file)
        told = f"; it {what}" if what else ""
        raise LaunchError(f"{file}: its SHA-256 begins {found[:8]}, not {expected[1][:8]}{told}; remove it, fetch it again")
    return file


def send(target: Target, given: WeightsConfig, file: Path, say: Terminal) -> uploads.Done:
    """Upload the file unless it is there, and remember it for tune and train."""
    prefix = _prefix(given, file)
    done = uploads.upload(target, given.settings, prefix, {file.name: file}, say)
    say.line(f"s3://{given.settings.bucket}/{prefix}: {done}")
    state.remember(given.settings.state, weights=slug(file))
    return done


def _place(given: WeightsConfig) -> Path:
    return given.settings.home / "downloads" / PurePosixPath(urlsplit(given.url).path).name


def _prefix(given: WeightsConfig, file: Path) -> str:
    return given.settings.key("weights", slug(file))


def slug(file: Path) -> str:
    """A folder of its own for each file: the channel holds this file and no other."""
    return re.sub(r"[^a-zA-Z0-9._-]", "-", file.stem)
