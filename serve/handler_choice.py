"""Which code answers the requests of an endpoint: a person's own, or our picture classifier. It only looks, and loads nothing.

What says so, in this order: KENNEL_HANDLER or the manifest of a model archive (MAR-INF/MANIFEST.json), which name a handler of
TorchServe's kind; SAGEMAKER_PROGRAM and SAGEMAKER_SUBMIT_DIRECTORY, or code/inference.py in the artefact, a script of functions;
model.json, a classifier that Kennel trained.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contract.layout import DEFAULT_BASE, Layout
from contract.manifest import MANIFEST
from contract.script.script_mode import PROGRAM, SUBMIT_DIRECTORY, is_entry_point
from serve.errors import ConfigError

CLASSIFIER, SCRIPT, HANDLER = "classifier", "script", "handler"
HANDLER_VARIABLE = "KENNEL_HANDLER"
_PROGRAM, _SUBMIT_DIRECTORY = PROGRAM.upper(), SUBMIT_DIRECTORY.upper()
_ARCHIVE_MANIFEST = "MAR-INF/MANIFEST.json"
_DEFAULT_PROGRAM = "inference.py"
_HANDLER = re.compile(r"[\w-]+(?:[./][\w-]+)*(?::\w*)?")
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerChoice:
    """`kind`: CLASSIFIER, SCRIPT or HANDLER. `name`: of a script its path below the code, of a handler `module:name`.
    `source`: where the code is, a folder, an archive or an s3:// URI."""

    kind: str = CLASSIFIER
    name: str = ""
    source: str = ""

    @property
    def own_code(self) -> bool:
        """Whether a person's own code answers."""
        return self.kind != CLASSIFIER


@dataclass(frozen=True, slots=True)
class OwnCode:
    """A person's code, ready to be loaded. `folder`: of its entry point. `python`: the interpreter that has its packages."""

    folder: Path
    python: str


def choose(layout: Layout, environ: Mapping[str, str]) -> HandlerChoice:
    """The choice for the artefact in `layout.model`: the classifier where nothing names code.

    Raises ConfigError for a variable or manifest that names no code, or code that is not there.
    """
    asked = environ.get(_SUBMIT_DIRECTORY)
    source = _remapped(asked, layout) if asked else str(layout.model / "code")
    is_fetched = source.startswith("s3://")
    if asked and not is_fetched and not Path(source).exists():
        beside = Path(source).parent
        there = f"{beside} has {_listed([path.name for path in _visible(beside)])}" if beside.is_dir() else f"no folder {beside}"
        raise ConfigError(
            f"{_SUBMIT_DIRECTORY} is {asked[:200]!r}, which is not there ({there}); give a folder, a tar.gz or its s3:// URI"
        )
    if name := environ.get(HANDLER_VARIABLE):
        return HandlerChoice(kind=HANDLER, name=_module(HANDLER_VARIABLE, name), source=source)
    if name := _archives_handler(layout.model):
        return HandlerChoice(kind=HANDLER, name=_module(f"{_ARCHIVE_MANIFEST}: model.handler", name), source=source)
    program = environ.get(_PROGRAM) or _DEFAULT_PROGRAM
    if not is_entry_point(program) or not program.endswith(".py"):
        raise ConfigError(f"{_PROGRAM} is {program[:200]!r}; need the path of a .py file inside the code, as in inference.py")
    if is_fetched or Path(source).is_file() or (Path(source) / program).is_file():
        return HandlerChoice(kind=SCRIPT, name=program, source=source)
    if asked or environ.get(_PROGRAM):
        raise no_program(program, Path(source), source)
    return HandlerChoice()


def no_program(program: str, folder: Path, source: str) -> ConfigError:
    """The error for code without its entry point. `folder`: the code; `source`: where that came from."""
    told = f"{_PROGRAM} is {program!r}, which is no file in {source}"
    top = _only_folder(folder)
    if top is not None and (top / program).is_file():
        return ConfigError(f"{told}: all of it lies below {top.name}/; pack what is in that folder, and not the folder itself")
    return ConfigError(f"{told}, which has {_found(folder)}; put the script there, or set {_PROGRAM} to its path below that")


def check(choice: HandlerChoice, model: Path) -> None:
    """Raises ConfigError where nothing answers: no code of a person's own, and no classifier in the folder `model`."""
    if choice.own_code or (model / MANIFEST).is_file():
        return
    top = _only_folder(model)
    if top is not None and any((top / name).is_file() for name in (MANIFEST, f"code/{_DEFAULT_PROGRAM}", _ARCHIVE_MANIFEST)):
        raise ConfigError(f"all of the model lies below {top.name}/; pack what is in that folder, and not the folder itself")
    raise ConfigError(
        f"nothing in the model says how it answers: looked for {MANIFEST}, code/{_DEFAULT_PROGRAM} and {_ARCHIVE_MANIFEST}, "
        f"found {_found(model)}; put the script at code/{_DEFAULT_PROGRAM}, or set {_PROGRAM} or {HANDLER_VARIABLE}"
    )


def _remapped(source: str, layout: Layout) -> str:
    """A path below /opt/ml as it lies below the layout's base; anything else as it is."""
    path = Path(source)
    return str(layout.base / path.relative_to(DEFAULT_BASE)) if path.is_relative_to(DEFAULT_BASE) else source


def _archives_handler(model: Path) -> str:
    """The handler that the manifest of a model archive names; empty where there is none. Raises ConfigError."""
    path = model / _ARCHIVE_MANIFEST
    if not path.is_file():
        return ""
    try:
        name = json.loads(path.read_bytes())["model"]["handler"]
    except (ValueError, KeyError, TypeError, RecursionError):
        name = None
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{_ARCHIVE_MANIFEST}: names no handler at model.handler; write one as in handler.py:handle")
    return name


def _module(what: str, name: str) -> str:
    """The name of a handler as it is. `what`: where it was given. Raises ConfigError for one that leads out of the code."""
    if not _HANDLER.fullmatch(name):
        raise ConfigError(
            f"{what} is {name[:200]!r}; need module:Class, module:function or module.py, of a module inside the code"
        )
    return name


def _visible(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")] if folder.is_dir() else []


def _only_folder(folder: Path) -> Path | None:
    """The one folder that all lies below, where an archive was packed with it."""
    inside = _visible(folder)
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else None


def _found(folder: Path) -> str:
    """What lies in a folder, one folder deep."""
    if not folder.is_dir():
        return f"no folder {folder}"
    inside = _visible(folder)
    names = [f"{path.name}/{below.name}" for path in inside if path.is_dir() for below in sorted(path.iterdir())]
    return _listed(names + [path.name for path in inside if not path.is_dir()])


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(name[:80] for name in names[:_SHOWN]) or "nothing") + more
