"""Row 46: an image or an action by tag, or a version written twice: the check names file and line. This tree has none."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
COMMIT = re.compile(r"@[0-9a-f]{40}$")
_IMAGES = re.compile(r"^FROM (\S+)|^COPY .*--from=(\S+)|--mount=[^ ]*from=([^, ]+)|docker (?:pull|run) .*?(\S+:\S+)$")
HANDWRITTEN = (
    *("Makefile", "pyproject.toml", ".ci/*", "docker/Dockerfile*", "docker/*.sh", "docker/bin/*", "docker/locks/*.in"),
    *("*.Dockerfile", "scripts/**/*.py", ".github/workflows/*.yml", ".github/workflows/*.yaml"),
)
"""Where people write versions; locks are generated from versions.json."""
OWN_LOCKS = ("compat-", "notebook")
"""Clients that we are tested against, and notebooks, each in an environment of its own: their versions are in no image."""


def problems(root: Path) -> list[str]:
    """What is not pinned, or pinned in a second place: `file:line: what`."""
    versions = json.loads((root / "docker" / "versions.json").read_text())
    found = [] if DIGEST.search(versions["base"]) else [f"docker/versions.json: base {versions['base']} has no digest"]
    for path in sorted({path for pattern in HANDWRITTEN for path in root.glob(pattern) if path.is_file()}):
        stages = set(re.findall(r"^FROM .+ AS (\S+)$", path.read_text(), re.MULTILINE))
        for number, line in enumerate(path.read_text().splitlines(), 1):
            place = f"{path.relative_to(root).as_posix()}:{number}"
            packages = {} if path.name.startswith(OWN_LOCKS) else versions["packages"]
            found += [f"{place}: {what}" for what in _problems_of(line, stages, {**versions, "packages": packages})]
    return found + list(_disagreements(root, versions))


def _problems_of(line: str, stages: set[str], versions: dict) -> Iterator[str]:
    for image in _IMAGES.findall(line):
        name = "".join(image)
        if name not in stages and name not in ("scratch", "${BASE_IMAGE}") and not DIGEST.search(name):
            yield f"image {name} by tag"
    for action in re.findall(r"^\s*(?:- )?uses: (\S+)", line):
        if not action.startswith("./") and not COMMIT.search(action):
            yield f"action {action} by tag"
    for name in versions["packages"]:
        if re.search(rf"(?<![\w-]){re.escape(name)}(?:\[[\w,]+\])?\s*(?:===?|>=|<=|~=|!=|<|>)\s*\d", line):
            yield f"version of {name}, which versions.json has"
    for python in re.findall(r"python(?:_requires|-version)?[\" =:>]*(3\.\d+)", line, re.IGNORECASE):
        if python != versions["python"]:
            yield f"Python {python}, not {versions['python']}"


def _disagreements(root: Path, versions: dict) -> Iterator[str]:
    """Packages that two locks have in two versions, or that are not in the version of versions.json."""
    seen: dict[str, tuple[str, str]] = {}
    for lock in sorted((root / "docker" / "locks").glob("*.txt")):
        if lock.name.startswith(OWN_LOCKS):
            continue
        for number, line in enumerate(lock.read_text().splitlines(), 1):
            if not (entry := re.match(r"([A-Za-z0-9._-]+)==([^ ;\\]+)", line)):
                continue
            name, version, place = entry[1], entry[2], f"docker/locks/{lock.name}:{number}"
            wanted = versions["packages"].get(name, "")
            if wanted.startswith("==") and wanted != f"=={version}":
                yield f"{place}: {name} {version}, versions.json says {wanted}"
            first = seen.setdefault(name, (version, place))
            if first[0] != version:
                yield f"{place}: {name} {version}, {first[0]} at {first[1]}"


def test_every_version_has_one_place() -> None:
    assert problems(ROOT) == []


PLANTED = {
    "docker/Dockerfile": (
        "ARG BASE_IMAGE\nFROM ${BASE_IMAGE} AS base\nFROM python:3.11-slim AS tools\nFROM base\n"
        "COPY --from=nginx:latest /a /b\nCOPY --from=tools /a /b\n"
        "RUN --mount=type=bind,from=busybox:1,target=/x pip install torch==2.15.0\n"
    ),
    "docker/locks/train.in": "numpy\nprotobuf>=3.20\n",
    "docker/locks/train.txt": "torch==2.14.0 \\\n    --hash=sha256:0\nPillow==13.0.0\n",
    "docker/locks/serve.txt": "Pillow==12.0.0\n",
    ".github/workflows/ci.yml": "steps:\n  - uses: actions/checkout@v4\n  - uses: actions/cache@" + "a" * 40 + "\n",
    "Makefile": "PYTHON ?= python3.12\n",
}
EXPECTED = [
    "docker/versions.json: base python:3.11-slim has no digest",
    ".github/workflows/ci.yml:2: action actions/checkout@v4 by tag",
    "Makefile:1: Python 3.12, not 3.11",
    "docker/Dockerfile:3: image python:3.11-slim by tag",
    "docker/Dockerfile:5: image nginx:latest by tag",
    "docker/Dockerfile:7: image busybox:1 by tag",
    "docker/Dockerfile:7: version of torch, which versions.json has",
    "docker/locks/train.in:2: version of protobuf, which versions.json has",
    "docker/locks/train.txt:1: torch 2.14.0, versions.json says ==2.15.0",
    "docker/locks/train.txt:3: Pillow 13.0.0, 12.0.0 at docker/locks/serve.txt:1",
]


def test_what_is_planted_is_named_by_file_and_line(tmp_path: Path) -> None:
    pins = {"torch": "==2.15.0", "protobuf": "==3.20.3"}
    versions = {"base": "python:3.11-slim", "python": "3.11", "packages": pins}
    for name, text in (PLANTED | {"docker/versions.json": json.dumps(versions)}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert sorted(problems(tmp_path)) == sorted(EXPECTED)


@pytest.mark.parametrize("line", ["FROM base AS train", "RUN docker/base.sh", "torchvision", "COPY --from=code-train /code /"])
def test_honest_lines_are_left_alone(line: str) -> None:
    assert not list(_problems_of(line, {"base", "code-train"}, {"python": "3.11", "packages": {"torch": "==1"}}))
