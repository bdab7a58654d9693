"""The number format of a training step: float32, or bfloat16 by autocast where the machine computes that faster.

Weights, gradients, loss and every evaluation stay float32. smdebug cannot write bfloat16, so a hook that saves layers' outputs
keeps the step in float32.
"""

import json
from pathlib import Path

import torch

from train.errors import ConfigError

_IN_FLOAT32 = {"weights", "gradients", "biases", "losses"}
"""smdebug's collections whose tensors autocast leaves in float32."""


def chosen(wanted: str, device: torch.device, hook: Path | None) -> torch.dtype:
    """The number format of the forward pass. Raises ConfigError where bfloat16 is asked for and the hook cannot save it."""
    if wanted == "float32":
        return torch.float32
    if others := _saved(hook):
        if wanted == "bfloat16":
            raise ConfigError(f"precision: debughookconfig.json saves {others}, and smdebug cannot write bfloat16; use float32")
        return torch.float32
    gains = torch.cuda.is_bf16_supported() if device.type == "cuda" else cpu_computes_bfloat16()
    return torch.bfloat16 if wanted == "bfloat16" or gains else torch.float32


def cpu_computes_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; emulated, it is slower than float32."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)


def _saved(hook: Path | None) -> str:
    """The collections that a hook saves and autocast changes, by name; empty where there are none."""
    if hook is None:
        return ""
    try:
        body = json.loads(hook.read_bytes())
        if str((body.get("HookParameters") or {}).get("save_all", "")).lower() == "true":
            return "everything"
        names = {row["CollectionName"] for row in body.get("CollectionConfigurations") or []}
    except (ValueError, AttributeError, KeyError, TypeError):
        return "what cannot be read"
    return ", ".join(sorted(names - _IN_FLOAT32))
