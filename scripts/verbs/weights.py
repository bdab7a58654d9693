"""`kennel weights`: pretrained weights, fetched and checked or given, uploaded as what fills the channel `pretrained`."""

import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from contract.manifest import digest
from contract.weights import weights_file
from scripts.aws import uploads
from scripts.aws.api import Target, connect
from scripts.aws.calls import Call
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import WeightsConfig
from scripts.errors import LaunchError
from scripts.files import hub_cache, state
from scripts.files.download import fetch

_HASH = re.compile(r"-([0-9a-f]{8,64})\.[a-z]+$")


def plan(config: WeightsConfig) -> list[Call]:
    file = config.file or _place(config)
    return list(uploads.plan(config.settings, _prefix(config, file), {file.name: file}))


def run(config: WeightsConfig, output: Terminal) -> int:
    file = gather(config, output)
    send(connect(config.settings), config, file, output)
    if config.settings.target == "local":
        share(config, file, output)
    output.next(config.settings, ("tune", "search the hyperparameters of a new head"), ("train", "train one"))
    return 0


def gather(config: WeightsConfig, output: Terminal) -> Path:
    """The file, fetched when none was given. Raises LaunchError when it is not the file that its name says."""
    if config.file is not None:
        return config.file
    expected = _HASH.search(_place(config).name)
    if expected is None:
        raise LaunchError(f"--url {config.url}: its name has no hash, as resnet18-f37072fd.pth has; give it as a file")
    file = fetch(config.url, _place(config), output)
    found = digest(file)
    if not found.startswith(expected[1]):
        what = weights_file.problem(file)
        told = f"; it {what}" if what else ""
        raise LaunchError(f"{file}: its SHA-256 begins {found[:8]}, not {expected[1][:8]}{told}; remove it, fetch it again")
    return file


def send(target: Target, config: WeightsConfig, file: Path, output: Terminal) -> uploads.Done:
    """Upload the file unless it is there, and remember it for tune and train."""
    prefix = _prefix(config, file)
    done = uploads.upload(target, config.settings, prefix, {file.name: file}, output)
    output.line(f"s3://{config.settings.bucket}/{prefix}: {done}")
    state.remember(config.settings.state, state.LaunchState(weights=slug(file)))
    return done


def share(config: WeightsConfig, file: Path, output: Terminal) -> None:
    """Puts the file where scripts of this machine find it that ask torchvision for pretrained weights, and says so."""
    names = hub_cache.fitting(file, digest(file), hub_cache.known_names())
    if len(names) == 1:
        hub_cache.put(file, config.settings.cache, names[0])
        output.line(f"scripts that ask torchvision for pretrained weights find it as {names[0]}")
    elif names:
        output.line(f"for scripts, name it as what it is: torchvision asks for {' and for '.join(names)}")


def _place(config: WeightsConfig) -> Path:
    return config.settings.home / "downloads" / PurePosixPath(urlsplit(config.url).path).name


def _prefix(config: WeightsConfig, file: Path) -> str:
    return config.settings.key("weights", slug(file))


def slug(file: Path) -> str:
    """A folder of its own for each file: the channel holds this file and no other."""
    return re.sub(r"[^a-zA-Z0-9._-]", "-", file.stem)
