"""The shape of the project, held: import directions, sizes, where the environment is read, what tests may not do."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    },
    "rules": PICTURES | {"boto3", "botocore"},
    "scripts": PICTURES | {"contract", "boto3", "botocore", "rich"},
    "local_sagemaker": {"botocore", "boto3", "awscrt", "aiohttp", "optuna", "docker", "psutil"},
}
"""What each room may import beside the standard library and itself."""

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
    assert len(path.relative_to(ROOT).parts) == 2, "rooms are flat"
    strangers = {name.split(".")[0] for name in imported(tree)} - MAY_IMPORT[room] - {room} - set(sys.stdlib_module_names)
    assert not strangers, f"{room} may not import {strangers}"
    assert ast.get_docstring(tree), "a module opens with what it is and is not"
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, f"{node.name} is over {LONGEST_FUNCTION} lines"
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv") and path.name != "config.py":
            assert not (isinstance(node.value, ast.Name) and node.value.id == "os"), "the environment is read in config.py only"


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
    """One test file a noun; `__main__` is covered by running the program."""
    untested = []
    for path in FILES:
        if path.stem in ("__init__", "__main__", "errors"):
            continue
        tests = [test for room in (path.parent.name, "faults", "images") for test in (ROOT / "tests" / room).glob("test_*.py")]
        module = f"{path.parent.name}.{path.stem}"
        named = any(test.stem == f"test_{path.stem}" or _names(test, module) for test in tests)
        untested += [] if named else [name_of(path)]
    assert not untested, untested


def _names(test: Path, module: str) -> bool:
    text = test.read_text()
    room, stem = module.split(".")
    return module in text or f"from {room} import {stem}" in text
