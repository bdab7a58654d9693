"""Row 49: in each image the installed packages are those of its lock, none below its floor, and every one of them imports."""

import json
import re
from pathlib import Path

import pytest

from tests.support import containers

LOCKS = Path(__file__).resolve().parents[2] / "docker" / "locks"
IMAGES = ("train", "serve-cpu", "serve-torch", "rules")
FLOORS = {"torch": (2, 10, 0), "pillow": (12, 2, 0), "h11": (0, 16, 0), "starlette": (0, 49, 1)}
"""The first versions without a known hole, of packages that read what strangers send."""
WALK = """
import importlib.metadata, json
print(json.dumps([(part.metadata["Name"], part.version) for part in importlib.metadata.distributions()]))
"""
"""Our own bill of materials: what the interpreter of the image itself can import from."""
IMPORTS = """
import importlib, importlib.metadata, json
failed = {}
# setuptools stands in for distutils, and has to come before whoever imports that.
for name in sorted(importlib.metadata.packages_distributions(), key=lambda name: (name != "setuptools", name)):
    # _sodium is PyNaCl's, which has it as nacl._sodium; tests is smdebug_rulesconfig's, and no image has tests of others.
    if not name.isidentifier() or name in ("_sodium", "tests"):
        continue
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed[name] = f"{type(error).__name__}: {error}"[:200]
print(json.dumps(failed))
"""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(image: str) -> dict[str, str]:
    text = (LOCKS / f"{image}.txt").read_text()
    return {
        canonical(name): version
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", text, re.MULTILINE)
    }


@pytest.mark.parametrize("image", IMAGES)
def test_the_bill_of_materials_is_the_lock(image: str, built_images: dict[str, str]) -> None:
    found = json.loads(containers.output(built_images[image], "python", "-c", WALK))
    installed = {canonical(name): version for name, version in found}
    assert len(installed) == len(found), "a package is there twice"
    print(f"{image}: {len(installed)} packages")
    assert installed == locked(image)
    for name, floor in FLOORS.items():
        if name in installed:
            assert tuple(int(part) for part in re.findall(r"\d+", installed[name])[:3]) >= floor, f"{name} {installed[name]}"


@pytest.mark.parametrize("image", IMAGES)
def test_every_package_imports(image: str, built_images: dict[str, str]) -> None:
    """Hardened and without a network, as it will be run."""
    failed = json.loads(containers.output(built_images[image], "python", "-c", IMPORTS).splitlines()[-1])
    assert not failed
