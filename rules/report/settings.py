"""A job ran with these settings: hyperparameters, versions, data, image, machine; from its description and model.json."""

from collections.abc import Mapping
from typing import Any, TypedDict, final

from rules.reading.job_files import JobFiles, plain
from rules.report.absent import Absent
from rules.report.number_format import duration, number
from rules.report.operators import machine_info
from rules.report.time_breakdown import epoch_seconds

ABSENT = "Neither a description of the job nor a model.json was given, so its settings are not known."


@final
class JobSettings(TypedDict):
    """Names and values of each group, as text; an empty group is not known."""

    hyperparameters: dict[str, str]
    versions: dict[str, str]
    data: dict[str, str]
    job: dict[str, str]
    machine: dict[str, str]


def job_settings(job: JobFiles) -> JobSettings | Absent:
    """Collects the settings from DescribeTrainingJob, model.json and machine.json."""
    made = job.manifest.get("provenance") or {}
    found: JobSettings = {
        "hyperparameters": _texts(made.get("hyperparameters") or _sent(job)),
        "versions": _texts(made.get("versions") or {}),
        "data": _data(job),
        "job": ({"script": job.script} if job.script else {}) | _job(job.description),
        "machine": _machine(machine_info(job.output_files)),
    }
    return found if any(found.values()) else {"absent": ABSENT}


def _sent(job: JobFiles) -> Mapping[str, Any]:
    """The hyperparameters of the description; of a script's job its arguments, without what the SDK tells the toolkit."""
    sent = job.description.get("HyperParameters") or {}
    if not job.script:
        return sent
    return {name: plain(value) for name, value in sent.items() if not name.startswith(("sagemaker_", "_tuning_"))}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): "–" if value is None else str(value) for name, value in sorted(values.items())}


def _data(job: JobFiles) -> dict[str, str]:
    made = job.manifest.get("provenance") or {}
    found = {f"{split} pictures": f"{count:,}" for split, count in (made.get("pictures") or {}).items()}
    if job.manifest:
        found["classes"] = str(len(job.manifest.get("classes") or ()))
        found["architecture"] = str(job.manifest.get("architecture"))
    for name, key in (("pictures left out", "bad_pictures"), ("pretrained file (SHA-256)", "pretrained_sha256")):
        if made.get(key):
            found[name] = str(made[key])
    for row in job.description.get("InputDataConfig") or ():
        source = (row.get("DataSource") or {}).get("S3DataSource") or {}
        if source.get("S3Uri"):
            found[f"channel {row.get('ChannelName')}"] = str(source["S3Uri"])
    return found


def _machine(told: Mapping[str, Any]) -> dict[str, str]:
    peaks = told.get("peak_flops") or {}
    found = {
        name.replace("_", " "): told.get(name)
        for name in ("gpu", "gpus", "processor", "cpus", "threads", "system", "python", "cuda")
    }
    memory = {"memory": told.get("memory_bytes"), "GPU memory": told.get("gpu_memory_bytes")}
    found |= {name: f"{count / 1e9:.3g} GB" for name, count in memory.items() if count}
    found |= {f"measured peak, {kind}": f"{number(value / 1e9)} GFLOP/s" for kind, value in peaks.items()}
    return {name: str(value) for name, value in found.items() if value is not None}


def _job(job: Mapping[str, Any]) -> dict[str, str]:
    if not job:
        return {}
    resources, algorithm = job.get("ResourceConfig") or {}, job.get("AlgorithmSpecification") or {}
    began, ended = epoch_seconds(job.get("TrainingStartTime")), epoch_seconds(job.get("TrainingEndTime"))
    found = {
        "status": job.get("TrainingJobStatus"),
        "reason of the failure": job.get("FailureReason"),
        "image": algorithm.get("TrainingImage"),
        "instances": f"{resources.get('InstanceCount')} × {resources.get('InstanceType')}" if resources else None,
        "began": job.get("TrainingStartTime"),
        "ended": job.get("TrainingEndTime"),
        "from start to end": duration(ended - began) if began and ended else None,
        "billable": duration(job["BillableTimeInSeconds"]) if job.get("BillableTimeInSeconds") else None,
        "model": (job.get("ModelArtifacts") or {}).get("S3ModelArtifacts"),
        "tuning job": (job.get("TuningJobArn") or "").rpartition("/")[2] or None,
    }
    return {name: str(value) for name, value in found.items() if value}
