"""With what a job ran: hyperparameters, versions, data, image, machine, times; of its description and of model.json."""

from collections.abc import Mapping
from typing import Any

from rules.reading.job_files import Places
from rules.report.number_format import number, span
from rules.report.operators import machine
from rules.report.time_breakdown import moment

ABSENT = "Neither a description of the job nor a model.json was given, so its settings are not known."


def settings(places: Places) -> dict[str, Any]:
    """Groups of names and values: `hyperparameters`, `versions`, `data`, `job`, `machine`. Or `absent`."""
    made = places.manifest.get("provenance") or {}
    found = {
        "hyperparameters": _texts(made.get("hyperparameters") or places.job.get("HyperParameters") or {}),
        "versions": _texts(made.get("versions") or {}),
        "data": _data(places),
        "job": _job(places.job),
        "machine": _machine(machine(places.files)),
    }
    return found if any(found.values()) else {"absent": ABSENT}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): "–" if value is None else str(value) for name, value in sorted(values.items())}


def _data(places: Places) -> dict[str, str]:
    made = places.manifest.get("provenance") or {}
    found = {f"{split} pictures": f"{count:,}" for split, count in (made.get("pictures") or {}).items()}
    if places.manifest:
        found["classes"] = str(len(places.manifest.get("classes") or ()))
        found["architecture"] = str(places.manifest.get("architecture"))
    for name, key in (("pictures left out", "bad_pictures"), ("pretrained file (SHA-256)", "pretrained_sha256")):
        if made.get(key):
            found[name] = str(made[key])
    for row in places.job.get("InputDataConfig") or ():
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
    began, ended = moment(job.get("TrainingStartTime")), moment(job.get("TrainingEndTime"))
    found = {
        "status": job.get("TrainingJobStatus"),
        "reason of the failure": job.get("FailureReason"),
        "image": algorithm.get("TrainingImage"),
        "instances": f"{resources.get('InstanceCount')} × {resources.get('InstanceType')}" if resources else None,
        "began": job.get("TrainingStartTime"),
        "ended": job.get("TrainingEndTime"),
        "from start to end": span(ended - began) if began and ended else None,
        "billable": span(job["BillableTimeInSeconds"]) if job.get("BillableTimeInSeconds") else None,
        "model": (job.get("ModelArtifacts") or {}).get("S3ModelArtifacts"),
        "tuning job": (job.get("TuningJobArn") or "").rpartition("/")[2] or None,
    }
    return {name: str(value) for name, value in found.items() if value}
