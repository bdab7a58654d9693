"""`kennel build`: the images from docker/, with every version from docker/versions.json. It pushes nothing.

Each is tagged kennel-IMAGE in the engine and remembered by its ID. What the build said is kept in .kennel/build-IMAGE.log.
"""

import json
import re
import subprocess
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scripts.aws.calls import Command
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import BuildConfig
from scripts.config import PROJECT, inherited_environment
from scripts.errors import LaunchError
from scripts.files import state
from scripts.images import catalog, docker_engine

VERSIONS = Path("docker") / "versions.json"
OWN_BASE = "kennel-base:bookworm"
"""What `make base` makes: whoever made it means to build on it."""
ROOMS = ("contract", "train", "serve", "rules", "docker")
"""What goes into an image."""
_STEP = re.compile(r"#\d+ \[(?P<step>[^\]]+\d+/\d+)\] (?P<what>.+)")
_NO_BASE = ("failed to resolve source metadata", "failed to do request", "pull access denied", "manifest unknown")


@dataclass(frozen=True, slots=True)
class Base:
    """The image that all are built on. `found`: what the engine knows of it; None for one that it has to pull."""

    name: str
    found: Mapping[str, Any] | None


def plan(config: BuildConfig) -> list[Command]:
    return commands(config, base(config))


def run(config: BuildConfig, output: Terminal) -> int:
    """Build one image after the other; say what each is, and how large."""
    below = base(config)
    about = f"{below.found['Id']}, {_megabytes(below.found['Size'])}" if below.found else "to be pulled"
    output.line(f"base {below.name} ({about})")
    for image, command in zip(config.images, commands(config, below), strict=True):
        began = time.monotonic()
        _build(config, image, command, below, output)
        found = docker_engine.inspect(catalog.name(image))
        if found is None:
            raise LaunchError(f"{catalog.name(image)}: built, but not in the engine; use a buildx builder that loads its images")
        entry: catalog.BuiltImage = {"image": found["Id"], "base": below.name, "built": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        state.remember(catalog.built(config.settings), {image: entry})
        size, seconds = _megabytes(found["Size"]), time.monotonic() - began
        output.line(f"{catalog.name(image):<18} {found['Id'][7:19]}  {size:>8}, in {seconds:.1f} s")
    ahead = [("push", "send them to the target's registry"), ("demo", "the whole story in them")]
    output.next(replace(config.settings, backend="docker"), *ahead[: 2 if config.settings.target == "local" else 1])
    return 0


def base(config: BuildConfig) -> Base:
    """The base that was asked for; else one that was made here; else the public one of versions.json."""
    public = versions()["base"]  # before an engine is asked: without a checkout there is nothing to build
    if config.base:
        return Base(config.base, docker_engine.inspect(config.base))
    if own := docker_engine.inspect(OWN_BASE):
        return Base(OWN_BASE, own)
    return Base(public, docker_engine.inspect(public))


def versions(root: Path = PROJECT) -> Mapping[str, Any]:
    """docker/versions.json of the checkout. Raises LaunchError where there is none."""
    try:
        return json.loads((root / VERSIONS).read_text("utf-8"))
    except FileNotFoundError:
        raise LaunchError(f"{root / VERSIONS}: no such file; build from a checkout") from None


def commands(config: BuildConfig, below: Base) -> list[Command]:
    """What is run for each image, in their order."""
    docker = docker_engine.client()
    pinned = ["--build-arg", f"BASE_IMAGE={below.name}", "--build-arg", f"PYTHON={versions()['python']}"]
    # SageMaker runs one manifest of Docker's own kind; a buildx client would wrap it into an index with attestations.
    plain = ["--provenance=false", "--sbom=false"] if docker.buildx else []
    secrets = [part for name, file in (("ca", config.ca), ("pip", config.pip)) if file for part in _secret(name, file)]
    marks = [part for key, value in labels(below) for part in ("--label", f"{key}={value}")]
    fixed = ["--progress", "plain", "--platform", "linux/amd64", "--file", str(PROJECT / "docker" / "Dockerfile")]
    return [
        Command(
            [
                docker.program,
                "build",
                *fixed,
                "--target",
                image,
                "--tag",
                catalog.name(image),
                *pinned,
                *plain,
                *marks,
                *secrets,
            ]
            + [str(PROJECT)],
            {"DOCKER_BUILDKIT": "1"},
        )
        for image in config.images
    ]


def labels(below: Base) -> Iterator[tuple[str, str]]:
    """OCI labels that differ from checkout to checkout; one that nobody knows is left out.

    A base that was built here has no digest of a registry, but its image ID.
    """
    yield "org.opencontainers.image.version", tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    name, _, digest = below.name.partition("@")
    yield "org.opencontainers.image.base.name", name
    if known := digest or (below.found["Id"] if below.found else ""):
        yield "org.opencontainers.image.base.digest", known
    if revision := _git("rev-parse", "HEAD"):
        yield "org.opencontainers.image.revision", revision + ("-changed" if _git("status", "--porcelain", "--", *ROOMS) else "")
    source = urlsplit(_git("config", "remote.origin.url"))
    if source.scheme == "https" and source.hostname:
        # Without a name and password that somebody may have put into it.
        yield "org.opencontainers.image.source", f"https://{source.hostname}{source.path}"


def _build(config: BuildConfig, image: str, command: Command, below: Base, output: Terminal) -> None:
    said, log = "", config.settings.home / f"build-{image}.log"
    try:
        with output.changing(f"building {catalog.name(image)} (what it says is in {log})") as show:
            for said in docker_engine.lines(command, log):
                if step := _STEP.match(said):
                    show(f"{image}: {step['step']} {step['what']}")
    except LaunchError as error:
        if below.found is None and any(words in f"{error} {said}" for words in _NO_BASE):
            raise LaunchError(
                f"base {below.name}: cannot be pulled ({error}); sudo make base makes one from Debian packages, and is used then"
            ) from None
        raise


def _secret(name: str, file: Path) -> tuple[str, str]:
    return "--secret", f"id={name},src={file}"


def _git(*arguments: str) -> str:
    """What git says of this checkout; empty without git, and outside of a repository."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=PROJECT, env=inherited_environment(), capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
