"""The shape of the project, held: import directions, sizes, where the environment is read, what tests may not do."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs import architecture

ROOT = Path(__file__).resolve().parent.parent
PICTURES = {"numpy", "PIL"}
MAY_IMPORT: dict[str, set[str]] = {
    "contract": PICTURES,
    "train": PICTURES
    | {"contract", "torch", "torchvision", "smdebug", "sagemaker_training", "openvino", "nncf", "safetensors", "psutil"},
    "serve": PICTURES
    | {
        "contract",
        "torch",
        "torchvision",
        "openvino",
        "safetensors",
        "sagemaker_inference",
        "httptools",
        "boto3",
    },
    "rules": PICTURES | {"contract", "boto3", "botocore", "jinja2", "markupsafe"},
    "scripts": PICTURES | {"contract", "boto3", "botocore", "certifi", "rich", "nbformat", "nbclient", "papermill"},
    "local_sagemaker": {"botocore", "boto3", "awscrt", "aiohttp", "cryptography", "optuna", "docker", "psutil", "regex"},
}
"""What each room may import beside the standard library and itself."""

FLOORS: dict[str, list[set[str]]] = {
    "contract": [{"pictures", "weights", "machine", "script"}],
    "train": [{"model"}, {"data", "profiling"}, {"export"}, {"salvage", "script"}],
    "serve": [{"engines"}, {"workers"}, {"own", "classifier", "http"}, {"multi"}],
    "rules": [{"reading"}, {"checks"}, {"report"}],
    "scripts": [{"drawing", "files"}, {"aws"}, {"images", "notebooks"}, {"cli"}, {"verbs"}],
    "local_sagemaker": [
        {"storage"},
        {"protocol"},
        {"identity", "s3", "registry", "logs"},
        {"containers"},
        {"jobs", "endpoints"},
        {"transform"},
    ],
}
"""The sub-packages of each room, lowest first. A sub-package may import those on lower floors, and never a neighbour on its own.

Files of the room itself may import any sub-package; a sub-package may import those of them that import no sub-package above it.
"""

NEVER_TORCH = ["serve/__main__.py", "train/__main__.py"]
"""Programs that own a socket or are PID 1: a model's library must not be able to stall or kill them."""

ROOMS = [room for room in MAY_IMPORT if (ROOT / room).is_dir()]
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
LONGEST_FILE, LONGEST_FUNCTION = 350, 60


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_keeps_to_its_room(path: Path) -> None:
    tree = ast.parse(path.read_text())
    room = path.relative_to(ROOT).parts[0]
    assert len(path.relative_to(ROOT).parts) <= 3, "a room has sub-packages, and those have none"
    strangers = {name.split(".")[0] for name in imported(tree)} - MAY_IMPORT[room] - {room} - set(sys.stdlib_module_names)
    assert not strangers, f"{room} may not import {strangers}"
    assert ast.get_docstring(tree), "a module opens with what it is and is not"
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, f"{node.name} is over {LONGEST_FUNCTION} lines"
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv") and path.name != "config.py":
            assert not (isinstance(node.value, ast.Name) and node.value.id == "os"), "the environment is read in config.py only"


MODULES = {name: path for name, path in architecture.modules().items() if path in FILES}


def imports_of(module: str) -> set[str]:
    """The modules of this project that one imports anywhere in it, in a function too."""
    return {name for name in architecture.imports(module, MODULES[module], MODULES) if "." in name} - {module}


ARROWS = {module: imports_of(module) for module in MODULES}


def test_no_module_imports_itself_by_a_detour() -> None:
    """A lazy import counts: a circle that it hides is one all the same."""
    done: set[str] = set()

    def walk(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join([*way[way.index(module) :], module])
        if module not in done:
            for target in sorted(ARROWS[module]):
                walk(target, (*way, module))
            done.add(module)

    for module in sorted(MODULES):
        walk(module, ())


@pytest.mark.parametrize("room", ROOMS)
def test_sub_packages_import_downwards_only(room: str) -> None:
    floors = {name: height for height, names in enumerate(FLOORS[room]) for name in names}
    there = {module.split(".")[1] for module in MODULES if module.startswith(f"{room}.") and module.count(".") == 2}
    assert there == set(floors), "every sub-package has its floor in FLOORS, and each of those is there"
    lowest: dict[str, int] = {}

    def reach(module: str) -> int:
        """The highest floor that a module stands on: its own, or that of what it imports."""
        if module not in lowest:
            parts = module.split(".")
            own = floors[parts[1]] if len(parts) == 3 else -1
            lowest[module] = max([own, *(reach(target) for target in ARROWS[module] if target.startswith(f"{room}."))])
        return lowest[module]

    for module, targets in ARROWS.items():
        parts = module.split(".")
        if parts[0] != room or len(parts) != 3:
            continue
        for target in targets:
            name = target.split(".")
            if name[0] != room or (len(name) == 3 and name[1] == parts[1]):
                continue
            assert reach(target) < floors[parts[1]], f"{module} imports {target}, which is not below it"


@pytest.mark.parametrize("start", NEVER_TORCH)
def test_a_program_that_owns_a_socket_or_is_pid_1_never_imports_a_model_library(start: str) -> None:
    if not (ROOT / start).exists():
        pytest.fail(f"{start} is gone; name its successor here")
    todo, seen = [ROOT / start], set()
    while todo:
        path = todo.pop()
        seen.add(path)
        for name in _top_level(ast.parse(path.read_text())):
            assert name.split(".")[0] not in ("torch", "torchvision", "openvino", "smdebug"), f"{name_of(path)} imports {name}"
            ours = ROOT / (name.replace(".", "/") + ".py")
            if ours.exists() and ours not in seen:
                todo.append(ours)
    assert len(seen) > 3


def _top_level(tree: ast.Module) -> Iterator[str]:
    """Imports that run when the module is imported; one inside a function runs when it is called."""
    for node in tree.body:
        yield from imported(node) if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) else ()
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_tests_use_no_patches() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.Attribute) and node.attr == "patch"), f"{name_of(path)} patches"
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            assert not any("mock" in name for name in names), f"{name_of(path)} imports a mock"


def test_every_product_file_has_its_test() -> None:
    """One test file a noun, in the folder that mirrors its own; `__main__` is covered by running the program."""
    untested = []
    for path in FILES:
        if path.stem in ("__init__", "__main__", "errors"):
            continue
        room = path.relative_to(ROOT).parts[0]
        mirror = ROOT / "tests" / path.parent.relative_to(ROOT) / f"test_{path.stem}.py"
        others = [test for folder in (room, "faults", "images") for test in (ROOT / "tests" / folder).rglob("test_*.py")]
        named = mirror.exists() or any(_covers(test, path) for test in others)
        untested += [] if named else [name_of(path)]
    assert not untested, untested


def test_every_test_of_a_room_lies_where_its_file_does() -> None:
    """tests/ROOM/PART/ mirrors ROOM/PART/: a folder that no sub-package has is a move that was forgotten."""
    for room in ROOMS:
        folders = {test.parent.relative_to(ROOT / "tests") for test in (ROOT / "tests" / room).rglob("test_*.py")}
        strays = sorted(folder.as_posix() for folder in folders if not (ROOT / folder).is_dir())
        assert not strays, strays


def _covers(test: Path, path: Path) -> bool:
    if test.stem == f"test_{path.stem}" and test.parent.name == "images":
        return True
    text, module = test.read_text(), architecture.dotted(path)
    package, _, stem = module.rpartition(".")
    return module in text or f"from {package} import {stem}" in text


TOUCHES_FILES = {
    "containers/untrusted_folder.py": "the way to what a container may have made",
    "containers/folder_removal.py": "the way to remove that",
    "containers/container_init.py": "the first process of a container, which runs without this package",
    "containers/orphans.py": "the kernel's files in /proc, of processes that a container has left",
    "containers/port_owner.py": "the kernel's files in /proc, of sockets and of who holds them",
    "containers/disk_space.py": "how much room the disk has, on which the container's own folder lies",
    "storage": "databases of the root, the bytes of objects and of images: no container reaches them",
    "identity/certificate_authority.py": "the authority's own key and certificate in the root",
    "config.py": "the root's path, from the command line",
    "server.py": "the server's own two files in the root",
}
"""What of local_sagemaker may touch files by itself, and which: nothing that a container can make."""

PATH_METHODS = re.compile(
    r"absolute|chmod|copyfile|copytree|cwd|exists|expanduser|getsize|glob|hardlink_to|is_dir|is_fifo|is_file"
    r"|is_mount|is_socket|is_symlink|isdir|isfile|islink|iterdir|lchmod|lexists|link|lstat|mkdir|move|open"
    r"|read_bytes|read_text|readlink|realpath|rename|resolve|rglob|rmdir|rmtree|samefile|stat|symlink|symlink_to"
    r"|touch|unlink|write_bytes|write_text"
)
OS_FUNCTIONS = re.compile(
    r"access|chmod|chown|link|listdir|lstat|makedirs|mkdir|mkfifo|mknod|open|readlink|remove|removedirs|rename"
    r"|renames|replace|rmdir|scandir|stat|statvfs|symlink|truncate|unlink|utime|walk|fwalk"
)
OWN_METHODS = {"objects": {"open"}, "tarfile": {"open"}, "folder": {"rename", "link", "symlink"}}
"""Methods of ours, or without a path, that are called like Path's, by what they are called on."""


def test_what_a_container_may_have_made_is_touched_in_one_way() -> None:
    """Links, FIFOs and endless trees wait below a job's folder: nothing opens, lists or removes there but by descriptors."""
    room = ROOT / "local_sagemaker"
    found: dict[str, list[str]] = {}
    for path in sorted(room.rglob("*.py")):
        parts = path.relative_to(room).parts
        leave = next((name for name in ("/".join(parts), parts[0]) if name in TOUCHES_FILES), name_of(path))
        found.setdefault(leave, []).extend(_file_calls(ast.parse(path.read_text())))
    assert all(found[name] for name in TOUCHES_FILES), "what touches no file needs no leave"
    strangers = {name: calls for name, calls in found.items() if calls and name not in TOUCHES_FILES}
    assert not strangers, f"local_sagemaker.containers.untrusted_folder is the way: {strangers}"


def _file_calls(tree: ast.AST) -> Iterator[str]:
    """Every call that touches the file system by a path, and every import of a module that is there for that."""
    for name in imported(tree):
        if name.split(".")[0] in ("glob", "tempfile", "fileinput", "zipfile"):
            yield f"import {name}"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        on, _, method = called.rpartition(".")
        on = on.rpartition(".")[2]
        if (
            called == "open"
            or (on == "os" and OS_FUNCTIONS.fullmatch(method))
            or (on == "shutil" and method != "copyfileobj")
            or (on == "tarfile" and method == "open" and "fileobj" not in {keyword.arg for keyword in node.keywords})
            or (PATH_METHODS.fullmatch(method) and on not in ("", "os") and method not in OWN_METHODS.get(on, ()))
        ):
            yield called


@pytest.mark.parametrize(
    "code",
    [
        "open(path)",
        "path.open('rb')",
        "(folder / 'x').read_text()",
        "os.scandir(folder)",
        "os.replace(a, b)",
        "shutil.rmtree(folder)",
        "tarfile.open(path, 'w:gz')",
        "self.folder.path.iterdir()",
        "path.rename(other)",
        "import glob",
    ],
)
def test_a_way_around_it_is_seen(code: str) -> None:
    assert list(_file_calls(ast.parse(code)))
