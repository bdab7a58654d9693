"""The files of a processing container before it starts: its folders, its inputs, and the two config files, in AWS's shapes.

config/processingjobconfig.json   the request, with the job's ARN
config/resourceconfig.json        the hosts: one
processing/...                    inputs and outputs, at their LocalPath
output/message                    what the program leaves there is the job's ExitMessage
"""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from ..errors import validation
from ..storage.objects import Objects
from .channels import place_prefix
from .config_files import ML, below_ml, seen
from .untrusted_folder import UntrustedFolder

PROCESSING = f"{ML}/processing"
HOST = "algo-1"


def check_local_path(what: str, path: str) -> None:
    """Raises ValidationException for a LocalPath that is not below /opt/ml/processing."""
    found = PurePosixPath(path)
    if not found.is_relative_to(PROCESSING) or found == PurePosixPath(PROCESSING) or ".." in found.parts or "\0" in path:
        raise validation(f"{what} {path!r}: the path has to begin with {PROCESSING}/.")


def inputs(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The S3Input of each input."""
    return [one["S3Input"] for one in request.get("ProcessingInputs", [])]


def outputs(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The S3Output of each output."""
    return [one["S3Output"] for one in request.get("ProcessingOutputConfig", {}).get("Outputs", [])]


def prepare_files(
    objects: Objects,
    base: UntrustedFolder,
    request: Mapping[str, Any],
    arn: str,
    *,
    live: bool,
    seen_base: str,
    network_interface: str,
    link: bool,
) -> None:
    """Makes all of it below `base`; `link` is as in channels.download_channel. Raises CannotDownload.

    `live`: the inputs are those of a rule's evaluator, which gets what is there, and what comes, while it runs.
    """
    for folder in ("config", "output", *(below_ml(one["LocalPath"]) for one in outputs(request))):
        base.make(folder)
    for one in request.get("ProcessingInputs", []):
        source = one["S3Input"]
        inputs_folder = base / below_ml(source["LocalPath"])
        inputs_folder.make()
        if not live:
            place_prefix(objects, source["S3Uri"], inputs_folder, what=f"input {one['InputName']!r}", link=link)
    body = {"ProcessingJobArn": arn, **request}
    resources = {
        "current_host": HOST,
        "current_instance_type": request["ProcessingResources"]["ClusterConfig"]["InstanceType"],
        "hosts": [HOST],
        "network_interface_name": network_interface,
    }
    for name, content in (("processingjobconfig", body), ("resourceconfig", resources)):
        base.write(f"config/{name}.json", json.dumps(seen(content, seen_base), ensure_ascii=False))


def read_message(base: UntrustedFolder, limit: int) -> str:
    """The first characters of output/message; empty where there is none. Raises Refused."""
    try:
        return (base.read("output/message", 4 * limit) or b"").decode("utf-8", "replace")[:limit].strip()
    except OSError:
        return ""
