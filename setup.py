"""The dependencies of the package and of its extras, for pyproject.toml: the packages that docker/locks/*.in name, each in the
version of docker/versions.json, as the images and the development environment have them."""

import json
from collections.abc import Iterator
from pathlib import Path

from setuptools import setup

DOCKER = Path(__file__).resolve().parent / "docker"
EXTRAS = {"train": "train.in", "serve": "serve-cpu.in", "serve-torch": "serve-torch.in", "rules": "rules.in"}


def requirements(name: str, versions: dict[str, str]) -> Iterator[str]:
    """The requirements of one file of docker/locks, such as `boto3==1.2.3`, and of the files that it includes."""
    for line in (DOCKER / "locks" / name).read_text("utf-8").splitlines():
        if line.startswith("-r "):
            yield from requirements(line.removeprefix("-r "), versions)
        else:
            yield line + versions.get(line, "")


VERSIONS = json.loads((DOCKER / "versions.json").read_text("utf-8"))["packages"]

setup(
    install_requires=list(dict.fromkeys(requirements("core.in", VERSIONS))),
    extras_require={extra: list(dict.fromkeys(requirements(name, VERSIONS))) for extra, name in EXTRAS.items()},
)
