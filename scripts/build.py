"""`kennel build`: the images from docker/, with every version from docker/versions.json. It pushes nothing.

Each is tagged kennel-IMAGE in the engine. What the build said is kept in .kennel/build-IMAGE.log.
"""

import json
import re
import subprocess
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scripts import engine, images
from scripts.config import BuildConfig, inherited_environment
from scripts.errors import LaunchError
from scripts.plan import Command
from scripts.say import Say

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = Path("docker") / "versions.json"
_STEP = re.compile(r"#\d+ \[(?P<step>[^\]]+\d+/\d+)\] (?P<what>.+)")
_NO_BASE = ("failed to resolve source metadata", "failed to do request", "pull access denied", "not found: manifest unknown")


def versions(root: Path = ROOT) -> Mapping[str, Any]:
    """docker/versions.json of the checkout. Raises LaunchError where there is none."""
    try:
        return json.loads((root / VERSIONS).read_text("utf-8"))
    except FileNotFoundError:
        raise LaunchError(f"{root / VERSIONS}: no such file; build from a checkout") from None


def plan(given: BuildConfig) -> list[Command]:
    return commands(given, engine.client())


def run(given: BuildConfig, say: Say) -> int:
    """Build one image after the other; say what each is, and how large."""
    docker = engine.client()
    base = engine.inspect(docker, given.base)
    say.line(f"base {given.base}" + (f" ({base['Id']}, {_megabytes(base['Size'])})" if base else ", to be pulled"))
    for image, command in zip(given.images, commands(given, docker), strict=True):
        began = time.monotonic()
        _build(given, image, command, say)
        found = engine.inspect(docker, images.name(image))
        if found is None:
            raise LaunchError(f"{images.name(image)}: built, but not in the engine; use a buildx builder that loads its images")
        text = f"{images.name(image)} {found['Id'][7:19]}, {_megabytes(found['Size'])}, in {time.monotonic() - began:.0f} s"
        say.line(text)
    say.next(given.settings, ("push", "send them to the target's registry"))
    return 0


def commands(given: BuildConfig, docker: engine.Client) -> list[Command]:
    """What is run for each image, in their order."""
    pinned = ["--build-arg", f"BASE_IMAGE={given.base}", "--build-arg", f"PYTHON={versions()['python']}"]
    # SageMaker runs one manifest; a buildx client would wrap it into an index with attestations.
    plain = ["--provenance=false", "--sbom=false"] if docker.buildx else []
    secrets = [part for name, file in (("ca", given.ca), ("pip", given.pip)) if file for part in _secret(name, file)]
    marks = [part for key, value in labels(given.base, engine.inspect(docker, given.base)) for part in ("--label", f"{key}={value}")]
    fixed = ["--progress", "plain", "--platform", "linux/amd64", "--file", str(ROOT / "docker" / "Dockerfile")]
    return [
        Command(
            [docker.program, "build", *fixed, "--target", image, "--tag", images.name(image), *pinned, *plain, *marks, *secrets]
            + [str(ROOT)],
            {"DOCKER_BUILDKIT": "1"},
        )
        for image in given.images
    ]


def labels(base: str, found: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """OCI labels that differ from checkout to checkout; one that nobody knows is left out.

    `found`: what the engine knows of the base. One that was built here has no digest of a registry, but its image ID.
    """
    yield "org.opencontainers.image.version", tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    name, _, digest = base.partition("@")
    yield "org.opencontainers.image.base.name", name
    if digest or found:
        yield "org.opencontainers.image.base.digest", digest or found["Id"]
    if revision := _git("rev-parse", "HEAD"):
        rooms = ("contract", "train", "serve", "rules", "docker")
        yield "org.opencontainers.image.revision", revision + ("-changed" if _git("status", "--porcelain", "--", *rooms) else "")
    source = urlsplit(_git("config", "remote.origin.url"))
    if source.scheme == "https" and source.hostname:
        # Without a name and password that somebody may have put into it.
        yield "org.opencontainers.image.source", f"https://{source.hostname}{source.path}"


def _build(given: BuildConfig, image: str, command: Command, say: Say) -> None:
    log = given.settings.home / f"build-{image}.log"
    said = ""
    try:
        with say.changing() as show:
            for line in engine.lines(command, log):
                said = line
                if step := _STEP.match(line):
                    show(f"{image}: {step['step']} {step['what']}")
    except LaunchError as error:
        if any(words in f"{error} {said}" for words in _NO_BASE):
            raise LaunchError(
                f"base {given.base}: cannot be pulled ({error}); make base builds one from Debian packages, then "
                "kennel build --base kennel-base:bookworm"
            ) from None
        raise


def _secret(name: str, file: Path) -> tuple[str, str]:
    return "--secret", f"id={name},src={file}"


def _git(*arguments: str) -> str:
    """What git says of this checkout; empty without git, and outside of a repository."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, env=inherited_environment(), capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
