"""A classifier's artefact before it is loaded: whether it is whole and unaltered. No engine is asked."""

from pathlib import Path
from typing import Any

from contract import manifest
from contract.weights import safetensors_header


def verified(model: Path) -> dict[str, Any]:
    """The `architecture` of the artefact in the folder `model`, and how many `classes` it tells apart. Raises ContractError."""
    found = manifest.verify(model)
    safetensors_header.check(model / manifest.WEIGHTS)
    return {"architecture": found.architecture, "classes": len(found.classes)}
