"""What is packed: the wheel and each image hold every file of their rooms, sub-packages too, and every package that is imported.

The files of an image are worked out from the Dockerfile and its .dockerignore, so this needs no Docker engine.
"""

import ast
import re
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path, PurePosixPath

import pytest

from scripts.verbs import doctor
from tests.support.wheel import ROOT, build_wheel, project_files

OUTSIDE = {"tests", "bench", "docs", "docker", "notebooks", ".ci"}
"""Folders that are neither installed nor run in an image."""
FILES = project_files()
ROOMS = sorted({name.partition("/")[0] for name in FILES if name.count("/")} - OUTSIDE)
IMAGES = {"train": "train", "serve-cpu": "serve", "serve-torch": "serve", "rules": "rules"}
"""Each image and its room, whose command in docker/bin has the room's name."""
LOCKS = ROOT / "docker" / "locks"


def of_rooms(*rooms: str) -> set[str]:
    return {name for name in FILES if name.partition("/")[0] in rooms}


def imports(name: str) -> set[str]:
    """What a file imports, as dotted names from the root, also in its functions."""
    package, found = PurePosixPath(name).parent.parts, set()
    for node in ast.walk(ast.parse((ROOT / name).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join([*above, *([node.module] if node.module else [])])
            found |= {start, *(f"{start}.{alias.name}" for alias in node.names)}
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build_wheel(tmp_path_factory.mktemp("wheel")))


def test_the_wheel_holds_every_file_of_every_room_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert len(packed) > 200
    assert packed == of_rooms(*ROOMS)


def test_a_source_distribution_makes_the_same_wheel(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    again = zipfile.ZipFile(build_wheel(tmp_path, from_sdist=True))
    assert set(again.namelist()) == set(wheel.namelist())
    (metadata,) = (name for name in again.namelist() if name.endswith("/METADATA"))
    assert again.read(metadata) == wheel.read(metadata)


class Context:
    """The files that reach the engine, by the rules of a .dockerignore: the last pattern that fits a path decides."""

    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        self.rules = [(not line.startswith("!"), _pattern(line.lstrip("!"))) for line in lines]

    def files(self, names: list[str]) -> set[str]:
        return {name for name in names if not self.leaves_out(name)}

    def leaves_out(self, name: str) -> bool:
        decisions = [out for out, pattern in self.rules if pattern.match(name)]
        return bool(decisions) and decisions[-1]


def _pattern(line: str) -> re.Pattern[str]:
    """A pattern fits a path, or any folder above it: `**` any number of folders, `*` within a name."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", line)
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts) + r"(?:/.*)?\Z")


def image_files(image: str, names: list[str], dockerfile: str, ignored: str) -> set[str]:
    """Where COPY puts the files of the context in an image: paths without the leading slash."""
    context, stages = Context(ignored).files(names), {}
    for line in dockerfile.replace("\\\n", " ").splitlines():
        if start := re.match(r"FROM (\S+) AS (\S+)", line):
            stages[start[2]] = here = set(stages.get(start[1], ()))
        elif copied := re.match(r"COPY --from=(\S+) (\S+) (\S+)$", line):
            here |= {_moved(name, copied[2], copied[3]) for name in stages[copied[1]] if _below(name, copied[2])}
        elif copied := re.match(r"COPY (\S+) (\S+)$", line):
            found = {_moved(name, copied[1], copied[2]) for name in context if _below(name, copied[1])}
            assert found, f"{line}: nothing of it is in the context"
            here |= found
        elif line.startswith("COPY"):
            pytest.fail(f"{line}: this test cannot read it")
        elif removed := re.search(r"^RUN rm -r (\S+);", line):
            here -= {name for name in here if _below(name, removed[1])}
    return stages[image]


def _below(name: str, folder: str) -> bool:
    folder = folder.strip("/")
    return not folder or name == folder or name.startswith(folder + "/")


def _moved(name: str, source: str, target: str) -> str:
    source, target = source.strip("/"), target.strip("/")
    return "/".join(filter(None, [target, name.removeprefix(source).strip("/")]))


def packed(image: str) -> set[str]:
    """The project's files in an image, by their paths in the project."""
    dockerfile, ignored = (ROOT / "docker" / name for name in ("Dockerfile", "Dockerfile.dockerignore"))
    found = image_files(image, FILES, dockerfile.read_text(), ignored.read_text())
    return {name.removeprefix("opt/kennel/") for name in found}


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_holds_every_file_of_the_rooms_that_it_runs(image: str) -> None:
    room, there = IMAGES[image], packed(image)
    rooms = {name.partition("/")[0] for name in there} - {"opt"}
    assert there == of_rooms(*rooms) | {f"opt/venv/bin/{room}"}
    assert room in rooms
    modules = {name.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".") for name in FILES if name.endswith(".py")}
    wanted = {found for name in there if name.endswith(".py") for found in imports(name)} & modules
    absent = {found for found in wanted if found.partition(".")[0] not in rooms}
    assert not absent, f"imported in the image, and not there: {sorted(absent)}"


def test_what_is_planted_is_seen() -> None:
    """The reader of the Dockerfile and of its .dockerignore, on a project that drops files in silence."""
    names = ["app/a.py", "app/deep/b.py", "app/deep/page.html", "docs/x.py", "app2/c.py"]
    dockerfile = "FROM base AS code\nCOPY app /code/opt/kennel/app\nFROM base AS app\nCOPY --from=code /code /\n"
    flat = image_files("app", names, dockerfile, "*\n!app/*.py\n")
    assert flat == {"opt/kennel/app/a.py"}, "a pattern without ** drops the sub-package"
    deep = image_files("app", names, dockerfile, "# comment\n*\n!app/**/*.py\n")
    assert deep == {"opt/kennel/app/a.py", "opt/kennel/app/deep/b.py"}, "and this one what is no Python file"
    assert image_files("app", names, dockerfile, "docs") == {f"opt/kennel/{name}" for name in names[:3]}
    without = dockerfile.replace("FROM base AS app", "RUN rm -r /code/opt/kennel/app/deep; true\nFROM base AS app")
    assert image_files("app", names, without, "docs") == {"opt/kennel/app/a.py"}


def declared(lock: str) -> set[str]:
    """The packages that a file of docker/locks names, and those of the files that it includes; lower case, without extras."""
    found = set()
    for line in (LOCKS / lock).read_text().splitlines():
        found |= declared(line[3:]) if line.startswith("-r ") else {re.split(r"[^\w.-]", line)[0].lower()}
    return found


def imported_packages(*rooms: str) -> set[str]:
    """The packages, by the names that pip knows, whose modules the rooms import; for boto3's own botocore, boto3."""
    known = packages_distributions() | {"botocore": ["boto3"]}
    modules = {found.partition(".")[0] for name in of_rooms(*rooms) if name.endswith(".py") for found in imports(name)}
    strangers = modules - set(ROOMS) - sys.stdlib_module_names
    return {known[module][0].lower().replace("_", "-") for module in strangers if module in known}


@pytest.mark.parametrize(
    ("locks", "rooms"),
    [
        (["core.in"], ["contract", "rules", "scripts", "local_sagemaker"]),
        (["core.in", "train.in"], ["train"]),
        (["core.in", "serve-cpu.in", "serve-torch.in"], ["serve"]),
    ],
)
def test_every_package_that_a_room_imports_is_declared(locks: list[str], rooms: list[str]) -> None:
    assert imported_packages(*rooms) - set().union(*map(declared, locks)) == set()


def test_the_core_names_no_package_that_nothing_imports() -> None:
    assert declared("core.in") - imported_packages("contract", "rules", "scripts", "local_sagemaker") == set()


def test_development_has_what_is_installed_anywhere() -> None:
    anywhere = [path.name for path in LOCKS.glob("*.in") if not path.name.startswith(("compat-", "notebook", "source"))]
    assert set().union(*map(declared, anywhere)) <= declared("dev.in")


def test_the_doctor_takes_the_pythons_that_pip_takes() -> None:
    given = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    (low, first), (high, last) = doctor.PYTHONS
    assert given == f">={low}.{first},<{high}.{last + 1}"
