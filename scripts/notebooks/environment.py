"""The Python with JupyterLab and a kernel, and the environment variables that its notebooks get."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from scripts.aws import client_environment, local_server
from scripts.aws.settings import Settings
from scripts.config import PROJECT, whole_environment
from scripts.errors import LaunchError

PLACE = PROJECT / ".kennel" / "notebook"
"""The virtual environment that `make notebook` makes from docker/locks/notebook.txt."""
_ANSWER = 60.0
_LACKS = "import sys, importlib.util as found; print('lacks', *[name for name in sys.argv[1:] if not found.find_spec(name)])"


def interpreter(given: Path | None, packages: Sequence[str]) -> Path:
    """The Python to use, which has `packages`: the one given, else the one of the environment. Raises LaunchError."""
    python = given or PLACE / "bin" / "python"
    named, need = f"--python {given}" if given else str(python), f"need the python of an environment with {', '.join(packages)}"
    if not os.access(python, os.X_OK) or python.is_dir():
        if given:
            raise LaunchError(f"{named}: no program; {need}")
        raise LaunchError(
            f"there is no environment for notebooks at {PLACE}; `make notebook` makes it, or --python names one of yours"
        )
    try:
        asked = [str(python), "-c", _LACKS, *packages]
        done = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, timeout=_ANSWER)
        lacks, *missing = done.stdout.decode("utf-8", "replace").split() or [""]
    except (OSError, subprocess.TimeoutExpired):
        lacks, missing = "", []
    if lacks != "lacks":
        raise LaunchError(f"{named}: this is no Python 3; {need}")
    if missing:
        raise LaunchError(f"{named}: {', '.join(missing)} missing there; {python} -m pip install {' '.join(missing)}")
    return python


def variables(settings: Settings, python: Path) -> dict[str, str]:
    """The person's own environment, with the local SageMaker in AWS's place unless the target is AWS. Raises RunError."""
    is_local = settings.target == "local"
    found = client_environment.whole(settings, local_server.ensure(settings)) if is_local else whole_environment()
    found["PATH"] = os.pathsep.join([str(python.parent.absolute()), found.get("PATH", os.defpath)])
    return found | {"JUPYTER_PREFER_ENV_PATH": "1", "PAPERMILL_EXECUTION": "1", "PYTHONUNBUFFERED": "1"}
