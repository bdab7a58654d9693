"""Which code answers the requests of an endpoint: a person's own, or our picture classifier. It only looks, and loads nothing.

What says so, in this order: KENNEL_HANDLER or the manifest of a model archive (MAR-INF/MANIFEST.json), which name a handler of
TorchServe's kind; SAGEMAKER_PROGRAM and SAGEMAKER_SUBMIT_DIRECTORY, or code/inference.py in the artefact, a script of functions;
model.json, a classifier that Kennel trained.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contract.layout import DEFAULT_BASE, Layout
from contract.manifest import MANIFEST
from contract.script_mode import PROGRAM, SUBMIT_DIRECTORY, is_entry_point
from serve.errors import ConfigError

CLASSIFIER, SCRIPT, HANDLER = "classifier", "script", "handler"
HANDLER_VARIABLE = "KENNEL_HANDLER"
_PROGRAM, _SUBMIT_DIRECTORY = PROGRAM.upper(), SUBMIT_DIRECTORY.upper()
_ARCHIVE_MANIFEST = "MAR-INF/MANIFEST.json"
_DEFAULT_PROGRAM = "inference.py"
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
    """The choice for the artefact in `layout.model`: the classifier where nothing names code. Raises ConfigError."""
    source = _remapped(environ.get(_SUBMIT_DIRECTORY) or str(layout.model / "code"), layout)
    if name := environ.get(HANDLER_VARIABLE) or _archives_handler(layout.model):
        return HandlerChoice(kind=HANDLER, name=name, source=source)
    program = environ.get(_PROGRAM) or _DEFAULT_PROGRAM
    if not is_entry_point(program) or not program.endswith(".py"):
        raise ConfigError(f"{_PROGRAM} is {program[:200]!r}; need the path of a .py file inside the code, as in inference.py")
    if source.startswith("s3://") or source.endswith((".tar.gz", ".tgz")) or (Path(source) / program).is_file():
        return HandlerChoice(kind=SCRIPT, name=program, source=source)
    return HandlerChoice()


def check(choice: HandlerChoice, model: Path) -> None:
    """Raises ConfigError where nothing answers: no code of a person's own, and no classifier in the folder `model`."""
    if choice.own_code or (model / MANIFEST).is_file():
        return
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


def _found(model: Path) -> str:
    """What lies in the artefact, one folder deep."""
    if not model.is_dir():
        return f"no folder {model}"
    inside = [path for path in sorted(model.iterdir()) if not path.name.startswith(".")]
    names = [f"{path.name}/{below.name}" for path in inside if path.is_dir() for below in sorted(path.iterdir())]
    names += [path.name for path in inside if not path.is_dir()]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(name[:80] for name in names[:_SHOWN]) or "nothing") + more
