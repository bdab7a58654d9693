"""The errors of a training job that a person can act on; a bug of this program is never one of them.

Each message is one line: what, which value, what to do. It becomes the job's FailureReason.
"""


class TrainError(Exception):
    """A job that cannot go on, for a reason outside the program."""


class ConfigError(TrainError):
    """Hyperparameters, channels or platform files that no job can be made from."""


class SourceError(TrainError):
    """The code of a person's own script cannot be fetched or unpacked, or has no such entry point."""


class DataError(TrainError):
    """The input channels do not hold what training needs."""


class PretrainedError(TrainError):
    """The `pretrained` channel does not hold weights of this architecture."""


class FeaturesError(TrainError):
    """Features of a frozen network cannot be computed, written or read."""


class CheckpointError(TrainError):
    """No checkpoint can be read, or none can be written."""


class NotFiniteError(TrainError):
    """The loss or a gradient is NaN or infinite."""


class SharedMemoryError(TrainError):
    """/dev/shm is too small for what the loader workers hand over."""


class LoaderError(TrainError):
    """A loader worker died."""


class HostError(TrainError):
    """Another host of the job cannot be reached."""


class ExportError(TrainError):
    """The exported model does not answer as the trained network does."""


class SalvageError(TrainError):
    """A file from which no network can be recovered, or not without being told more."""
