"""How a transform job sends its requests: what CreateTransformJob says, else what the container says, else the defaults."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MEGABYTE = 1 << 20
MOST_MEGABYTES = 100
"""MaxPayloadInMB, and MaxConcurrentTransforms times MaxPayloadInMB, at most."""
DEFAULTS = {"MaxConcurrentTransforms": 1, "MaxPayloadInMB": 6, "BatchStrategy": "MULTI_RECORD"}
STRATEGIES = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}
"""What a request calls a strategy, and what a container calls it."""
VARIABLES = {
    "MaxConcurrentTransforms": "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS",
    "MaxPayloadInMB": "SAGEMAKER_MAX_PAYLOAD_IN_MB",
    "BatchStrategy": "SAGEMAKER_BATCH_STRATEGY",
}
TIMEOUT, RETRIES = 600, 3
MOST_CONCURRENT = 256
"""Requests that an instance gets at the same time, at most, whatever is asked for: each takes a descriptor of the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`concurrent`: requests that an instance gets at the same time. `payload_bytes`: of a body; 0 is no limit."""

    concurrent: int
    payload_bytes: int
    multi_record: bool

    def told(self) -> str:
        """As SageMaker writes it to the job's log."""
        strategy = STRATEGIES["MultiRecord" if self.multi_record else "SingleRecord"]
        payload = self.payload_bytes // MEGABYTE
        return f"MaxConcurrentTransforms={self.concurrent}, MaxPayloadInMB={payload}, BatchStrategy={strategy}"


def asked(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a CreateTransformJob request says, in the container's words. MaxConcurrentTransforms 0 says nothing."""
    found = {member: request[member] for member in DEFAULTS if member in request}
    if "BatchStrategy" in found:
        found["BatchStrategy"] = STRATEGIES[found["BatchStrategy"]]
    if not found.get("MaxConcurrentTransforms", 1):
        del found["MaxConcurrentTransforms"]
    return found


def environment(request: Mapping[str, Any]) -> dict[str, str]:
    """The variables that tell a container of a transform job how it will be asked: what the request says, and no defaults."""
    return {"SAGEMAKER_BATCH": "true", **{VARIABLES[member]: str(value) for member, value in asked(request).items()}}


def choose(request: Mapping[str, Any], told: Mapping[str, Any]) -> Settings:
    """The settings of a job; `told`: what its container answered to /execution-parameters."""
    chosen = {**DEFAULTS, **told, **asked(request)}
    return Settings(
        concurrent=min(chosen["MaxConcurrentTransforms"], MOST_CONCURRENT),
        payload_bytes=chosen["MaxPayloadInMB"] * MEGABYTE,
        multi_record=chosen["BatchStrategy"] == STRATEGIES["MultiRecord"],
    )


def parse_parameters(body: bytes) -> dict[str, Any]:
    """The container's answer to /execution-parameters. Raises ValueError, naming what is wrong with it."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(found, dict):
        raise ValueError("it is not an object of JSON")
    told = {member: found[member] for member in DEFAULTS if member in found}
    for member, least, most in (("MaxConcurrentTransforms", 1, None), ("MaxPayloadInMB", 0, MOST_MEGABYTES)):
        value = told.get(member, least)
        if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
            raise ValueError(f"{member} is {json.dumps(value)[:40]}, not a whole number from {least} on{_up_to(most)}")
    if told.get("BatchStrategy", "MULTI_RECORD") not in STRATEGIES.values():
        raise ValueError(f"BatchStrategy is {json.dumps(told['BatchStrategy'])[:40]}, not {' or '.join(STRATEGIES.values())}")
    return told


def _up_to(most: int | None) -> str:
    return "" if most is None else f" up to {most}"
