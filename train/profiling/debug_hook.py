"""smdebug's hook on the network, made from debughookconfig.json where the job has one. No other module imports smdebug.

Without that file smdebug is not imported. The artefact is made of weights only, so the hook never gets into it.
"""

import json
from pathlib import Path
from typing import Any

from torch import nn

from contract.layout import Layout
from train.config import hide_profiler_config, remap
from train.errors import ConfigError

_END = "training_job_end.ts"


class Hook:
    """Saves tensors as the job's debugger configuration asks; the loop tells it whether it trains or evaluates."""

    def __init__(self, config: Path, layout: Layout, folder: Path, network: nn.Module, loss: nn.Module) -> None:
        """`folder`: a private place for the config as it holds under `layout`. Raises ConfigError for one smdebug refuses."""
        body = _read(config)
        out = remap(Path(body.get("LocalPath") or "/opt/ml/output/tensors"), layout.base)
        # smdebug refuses a folder of a job that has ended; this job goes on with it.
        (out / _END).unlink(missing_ok=True)
        own = folder / "debughookconfig.json"
        own.write_text(json.dumps(body | {"LocalPath": str(out)}), encoding="utf-8")
        hide_profiler_config()
        import smdebug.pytorch as smdebug

        self._modes = smdebug.modes
        try:
            self._hook: Any = smdebug.Hook.create_from_json_file(str(own))
            if _losses_only(body):
                # One hook that tells when a pass begins, instead of one on every layer and every parameter at every step.
                begin = nn.Identity()
                self._hook.register_module(begin)
                network.register_forward_pre_hook(lambda *_: begin(None))
            else:
                self._hook.register_module(network)
            self._hook.register_loss(loss)
        # Whatever the file holds, smdebug meets it with exceptions of every kind.
        except Exception as error:
            raise ConfigError(f"debughookconfig.json: smdebug refuses it: {type(error).__name__}: {str(error)[:300]}") from None

    def training(self) -> None:
        self._hook.set_mode(self._modes.TRAIN)

    def evaluating(self) -> None:
        self._hook.set_mode(self._modes.EVAL)

    def close(self) -> None:
        """Write out what the last step left."""
        self._hook.close()


class NoHook:
    """The hook of a job without debughookconfig.json."""

    def training(self) -> None:
        pass

    def evaluating(self) -> None:
        pass

    def close(self) -> None:
        pass


def _losses_only(body: dict[str, Any]) -> bool:
    """Whether nothing is asked for of the network itself: without collections smdebug saves losses alone."""
    collections = body.get("CollectionConfigurations") or []
    parameters = [
        *(body.get("HookParameters") or {}),
        *(key for one in collections for key in one.get("CollectionParameters") or {}),
    ]
    wider = {"save_all", "include_regex"} & {name.rpartition(".")[2] for name in parameters}
    return all(one["CollectionName"] == "losses" for one in collections) and not wider


def _read(config: Path) -> dict[str, Any]:
    try:
        body = json.loads(config.read_bytes())
    except ValueError as error:
        raise ConfigError(f"debughookconfig.json is not JSON: {str(error)[:200]}") from None
    if not isinstance(body, dict):
        raise ConfigError("debughookconfig.json is not an object")
    return body
