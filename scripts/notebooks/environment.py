"""The Python with JupyterLab and a kernel, and the environment variables that its notebooks get."""

import os
from pathlib import Path

from scripts.aws import client_environment, local_server
from scripts.aws.settings import Settings
from scripts.config import PROJECT, whole_environment
from scripts.errors import LaunchError

PLACE = PROJECT / ".kennel" / "notebook"
"""The virtual environment that `make notebook` makes from docker/locks/notebook.txt."""


def interpreter(given: Path | None) -> Path:
    """The Python to use: the one given, else the one of the environment. Raises LaunchError."""
    python = given or PLACE / "bin" / "python"
    if not os.access(python, os.X_OK) or python.is_dir():
        if given:
            raise LaunchError(f"--python {given}: no program; give the python of an environment with JupyterLab")
        raise LaunchError(
            f"there is no environment for notebooks at {PLACE}; `make notebook` makes it, or --python names one of yours"
        )
    return python


def variables(settings: Settings, python: Path) -> dict[str, str]:
    """The person's own environment, with the local SageMaker in AWS's place unless the target is AWS. Raises RunError."""
    is_local = settings.target == "local"
    found = client_environment.whole(settings, local_server.ensure(settings)) if is_local else whole_environment()
    found["PATH"] = os.pathsep.join([str(python.parent.absolute()), found.get("PATH", os.defpath)])
    return found | {"JUPYTER_PREFER_ENV_PATH": "1", "PAPERMILL_EXECUTION": "1", "PYTHONUNBUFFERED": "1"}
