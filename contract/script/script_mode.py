"""SageMaker's script mode: how a job names a person's own script, and where scripts of one machine keep what they download.

Source: what sagemaker-training 4.9.0 and version 2 of the SageMaker SDK call these things.
"""

import re
from pathlib import Path

PROGRAM, SUBMIT_DIRECTORY = "sagemaker_program", "sagemaker_submit_directory"
"""Hyperparameters, or in capitals environment variables: the entry point, and where its code is."""
SOURCE_ARCHIVE = "sourcedir.tar.gz"
PACKAGES = ("contract", "local_sagemaker", "rules", "scripts", "serve", "train")
"""Our own, whose names a person's code may have as well."""
CACHE_VARIABLE = "KENNEL_CACHE"
"""Names the folder that all jobs of a machine share."""
_ENTRY_POINT = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._+-]*(?:/[A-Za-z0-9._][A-Za-z0-9._+-]*)*")


def is_entry_point(program: str) -> bool:
    """Whether a name is one of a file inside the source folder, and one that SageMaker's toolkit runs."""
    return bool(_ENTRY_POINT.fullmatch(program)) and ".." not in program.split("/")


def torch_home(cache: Path) -> Path:
    """TORCH_HOME of the jobs that share a cache; torchvision looks for weights in its hub/checkpoints."""
    return cache / "torch"
