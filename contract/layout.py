"""Where everything lies under /opt/ml, as SageMaker lays it out. Not a reader of what the files hold.

Source: the container contract of SageMaker training and hosting (AWS developer guide, "How Amazon SageMaker AI provides
training information" and "Use your own inference code with hosting services").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BASE_DIR_VARIABLE = "SAGEMAKER_BASE_DIR"
DEFAULT_BASE = Path("/opt/ml")
FAILURE_LIMIT = 1024
"""Bytes of `output/failure` that SageMaker shows as FailureReason."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one container. `base` is /opt/ml on SageMaker and any private folder elsewhere."""

    base: Path = DEFAULT_BASE

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Layout":
        """The layout that `SAGEMAKER_BASE_DIR` names, /opt/ml without it."""
        return cls(Path(environ.get(BASE_DIR_VARIABLE) or DEFAULT_BASE).absolute())

    @property
    def config(self) -> Path:
        return self.base / "input" / "config"

    @property
    def hyperparameters(self) -> Path:
        return self.config / "hyperparameters.json"

    @property
    def input_data_config(self) -> Path:
        return self.config / "inputdataconfig.json"

    @property
    def resource_config(self) -> Path:
        return self.config / "resourceconfig.json"

    @property
    def checkpoint_config(self) -> Path:
        return self.config / "checkpointconfig.json"

    @property
    def debug_hook_config(self) -> Path:
        return self.config / "debughookconfig.json"

    @property
    def profiler_config(self) -> Path:
        return self.config / "profilerconfig.json"

    def channel(self, name: str) -> Path:
        """The folder of one input channel; it exists only when the job has that channel."""
        return self.base / "input" / "data" / name

    @property
    def model(self) -> Path:
        return self.base / "model"

    @property
    def output(self) -> Path:
        return self.base / "output"

    @property
    def output_data(self) -> Path:
        return self.output / "data"

    @property
    def failure(self) -> Path:
        return self.output / "failure"

    @property
    def tensors(self) -> Path:
        return self.output / "tensors"

    @property
    def profiler(self) -> Path:
        """The default of ProfilingParameters.LocalPath: what lies in it goes to S3 as it comes, where the job has a profiler."""
        return self.output / "profiler"

    @property
    def output_profiler(self) -> Path:
        """What the training program measures of itself; it arrives in output.tar.gz."""
        return self.output_data / "profiler"

    @property
    def checkpoints(self) -> Path:
        """The default of CheckpointConfig.LocalPath."""
        return self.base / "checkpoints"
