"""A person's modules may have the names of this program's own: `import contract` finds theirs, and ours work on."""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

from contract.script.script_mode import PACKAGES

_ROOT = str(Path(__file__).resolve().parents[2])


def give_way() -> None:
    """Has the names of this program's packages lead to the person's, where their code, or what they installed, has such.

    What is loaded of this program works on, and nothing more of it can be imported: called when all of it is loaded.
    """
    theirs = [folder for folder in sys.path if folder != _ROOT]
    sys.path[:] = [*theirs, _ROOT]
    for ours in PACKAGES:
        spec = PathFinder.find_spec(ours, theirs)
        if spec is None:
            continue
        for name in [name for name in sys.modules if name.partition(".")[0] == ours]:
            del sys.modules[name]
        if spec.origin is None:  # a folder without __init__.py, before which Python takes a package anywhere on its path
            sys.modules[ours] = module_from_spec(spec)
        if ours == "serve":  # a process that multiprocessing spawns would import serve.worker again
            main = sys.modules["__main__"]
            main.__spec__ = None
            vars(main).pop("__file__", None)
