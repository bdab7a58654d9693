"""What is in an image that should not be: a walk over every layer and the history of `docker save`, as a stream."""

import json
import posixpath
import re
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from scripts.aws import secrets
from scripts.images.docker_engine import program

READ_LIMIT = 256 << 10
"""Bytes of a file that are searched for secrets; keys are small files."""
_FOLDERS = {
    ".git": "version control",
    ".svn": "version control",
    ".aws": "credentials",
    ".ssh": "credentials",
    ".docker": "credentials",
    "__pycache__": "",
    ".cache": "a cache",
    ".pytest_cache": "a cache",
    ".ruff_cache": "a cache",
}
_COMPILERS = re.compile(r"(?:.*-)?(?:gcc|g\+\+|cc|c\+\+|cc1|cc1plus|clang|ld|as|make|rustc|go)(?:-[\d.]+)?")
_SECRET_FILES = re.compile(r"\.?(?:netrc|pypirc|pgpass|git-credentials|id_(?:rsa|ed25519|ecdsa)|pip\.conf|.*\.pem|.*\.key|\.env)")
_PUBLIC = ("etc/ssl/certs/", "usr/share/ca-certificates/", "usr/lib/ssl/", "/site-packages/")
"""Certificates that everybody has: Debian's, and what packages carry."""
_OURS = ("opt/kennel/", "opt/venv/bin/", "etc/", "root/", "home/", "run/", "tmp/", "var/", "srv/", "opt/ml/")
"""Where a build could leave a secret: what comes out of a wheel is what its hash says."""
_NEEDED = ("numpy/_core/tests",)
"""Tests that numpy.testing imports."""


def strays(*images: str) -> dict[str, list[str]]:
    """For each image: `layer N: path: what`, and `history: what`. Layers that images share are walked once."""
    names, manifest, configs, layers, same = [], [], {}, {}, {}
    command = [program(), "save", *images]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as saving:
        assert saving.stdout is not None
        with tarfile.open(fileobj=saving.stdout, mode="r|") as outer:
            for member in outer:
                names.append(member.name)
                if member.name.endswith("layer.tar") and member.isfile():
                    with tarfile.open(fileobj=outer.extractfile(member), mode="r|") as layer:
                        layers[member.name] = [f"{name}: {what}" for name, what in in_layer(layer)]
                elif member.name.endswith("layer.tar"):  # a layer that another image has too is saved as a link to it
                    same[member.name] = posixpath.normpath(posixpath.join(posixpath.dirname(member.name), member.linkname))
                elif member.name == "manifest.json":
                    manifest = json.load(outer.extractfile(member))
                elif member.name.endswith(".json") and "/" not in member.name:
                    configs[member.name] = json.load(outer.extractfile(member))
    found = {}
    for image, entry in zip(images, manifest, strict=True):
        history = [step.get("created_by", "") for step in configs[entry["Config"]]["history"]]
        own = [layers[same.get(name, name)] for name in entry["Layers"]]
        found[image] = [f"layer {number}: {text}" for number, texts in enumerate(own, 1) for text in texts]
        found[image] += [f"history: {what}" for what in in_history(history, configs[entry["Config"]]["config"].get("Env") or [])]
    return found


def in_layer(layer: tarfile.TarFile) -> Iterator[tuple[str, str]]:
    """(path, what it is) of everything in a layer that has no business there."""
    for member in layer:
        path = PurePosixPath(member.name)
        if what := _by_name(path, member):
            yield member.name, what
        elif _read(member):
            text = layer.extractfile(member).read().decode("utf-8", "replace")
            if secrets.hide(text) != text:
                yield member.name, "what looks like a secret"


def _read(member: tarfile.TarInfo) -> bool:
    """Whether a build of ours could have left a secret in it."""
    known = any(place in member.name for place in _PUBLIC)
    return member.isfile() and member.name.startswith(_OURS) and member.size <= READ_LIMIT and not known


def _by_name(path: PurePosixPath, member: tarfile.TarInfo) -> str:
    for part in path.parts:
        if what := _FOLDERS.get(part):
            return what
    name = path.as_posix()
    if member.isfile() or member.issym():
        if _COMPILERS.fullmatch(path.name) and path.parent.name in ("bin", "sbin", "libexec") and member.mode & 0o111:
            return "a compiler"
        if _SECRET_FILES.fullmatch(path.name) and not any(place in name for place in _PUBLIC):
            return "credentials"
        if path.suffix in (".whl", ".deb") or name.startswith(("var/cache/apt/archives/", "var/lib/apt/lists/")):
            return "a package that was installed"
    elif path.name == "tests" and not name.endswith(_NEEDED):
        return "tests"
    return ""


def in_history(steps: Sequence[str], environment: Sequence[str]) -> Iterator[str]:
    """What the build steps and the environment of an image give away."""
    for step in steps:
        for name, value in re.findall(r"\b([A-Z_a-z]+)=(\S+)", step):
            if secrets.looks_secret(name, value):
                yield f"{name} looks like a secret"
        if secrets.hide(step) != step:
            yield "a build step shows what looks like a secret"
    for pair in environment:
        if secrets.looks_secret(*pair.split("=", 1)):
            yield f"ENV {pair.split('=')[0]} looks like a secret"
