"""The requests of jobs that run a person's own script, with the hyperparameters that the SageMaker SDK's PyTorch estimator sends.

The archive lies in S3 by its own digest, so the same script is sent once. A container that is cut off the network cannot fetch
it: there it comes as the channel `code`, as it does from the SDK.
"""

import json
from collections.abc import Mapping
from dataclasses import replace

from contract.script.script_mode import PROGRAM, SOURCE_ARCHIVE, SUBMIT_DIRECTORY
from scripts.aws import uploads
from scripts.aws.api import Target
from scripts.aws.api_requests import create_training_job, create_tuning_job
from scripts.aws.calls import Call
from scripts.aws.idempotent import AnyJob
from scripts.aws.job_config import JobConfig, Script, TrainConfig, TuneConfig
from scripts.aws.settings import Settings
from scripts.output import Output

CODE = "code"
"""The channel that brings the archive to a container without a network."""
LOCAL = f"/opt/ml/input/data/{CODE}/{SOURCE_ARCHIVE}"
LOG_LEVEL = 20
"""Python's INFO, the SDK's default."""
_ESTIMATOR = {"sagemaker_estimator_class_name": "PyTorch", "sagemaker_estimator_module": "sagemaker.pytorch.estimator"}
"""What the SDK adds for tuning, and reads when it attaches to a tuning job."""


def training_job(config: TrainConfig) -> Call:
    """CreateTrainingJob; the classifier's where no script is given."""
    return create_training_job(_as_framework(config))


def tuning_job(config: TuneConfig) -> Call:
    """CreateHyperParameterTuningJob; the classifier's where no script is given."""
    return create_tuning_job(_as_framework(config, _ESTIMATOR))


def wire(value: object) -> str:
    """A hyperparameter's value as framework estimators send it: as JSON, so text has quotation marks."""
    return json.dumps(value)


def plan(config: JobConfig) -> list[Call]:
    """The uploads before the job: the archive's, and those of its channels. What is there already is not sent."""
    if config.script is None:
        return []
    calls = [call for prefix, files in config.script.folders.items() for call in uploads.plan(config.settings, prefix, files)]
    folder = _folder(config.settings, config.script)
    return [
        *calls,
        uploads.listing(config.settings, folder),
        uploads.put(config.settings, folder + SOURCE_ARCHIVE, config.script.archive),
    ]


def send(target: Target, config: JobConfig, output: Output) -> None:
    """Tell what there is to tell of the script, and upload what its job reads. Without a script nothing happens."""
    script, settings = config.script, config.settings
    if script is None:
        return
    for note in script.notes:
        output.line(note)
    for prefix, files in script.folders.items():
        output.line(f"s3://{settings.bucket}/{prefix}: {uploads.upload(target, settings, prefix, files, output)}")
    # A listing, because who may list below a prefix only is answered 403 when asking for an object that is not there.
    if not any(True for _ in uploads.listed(target, settings, _folder(settings, script))):
        target.send(uploads.put(settings, _folder(settings, script) + SOURCE_ARCHIVE, script.archive))


def _folder(settings: Settings, script: Script) -> str:
    return settings.key("scripts", script.digest[:16], "source")


def _as_framework(config: AnyJob, extra: Mapping[str, str] | None = None) -> AnyJob:
    script, settings = config.script, config.settings
    if script is None:
        return config
    folder = f"s3://{settings.bucket}/{_folder(settings, script)}"
    own: dict[str, object] = {
        SUBMIT_DIRECTORY: LOCAL if settings.network_isolation else folder + SOURCE_ARCHIVE,
        PROGRAM: script.program,
        "sagemaker_container_log_level": LOG_LEVEL,
        "sagemaker_job_name": config.name,
        "sagemaker_region": settings.region,
    } | dict(extra or {})
    hyperparameters = dict(config.hyperparameters) | {name: wire(value) for name, value in own.items()}
    channels = dict(config.channels) | ({CODE: folder} if settings.network_isolation else {})
    return replace(config, hyperparameters=hyperparameters, channels=channels)
