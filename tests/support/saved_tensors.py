"""Tensors written by smdebug's own writer, without a training: for vectors that are known, and for jobs that still run."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from smdebug.core.collection_manager import CollectionManager
from smdebug.core.modes import ModeKeys
from smdebug.core.save_config import SaveConfig
from smdebug.core.writer import FileWriter


def write_step(
    folder: Path,
    step: int,
    tensors: Mapping[str, object],
    mode: str = "GLOBAL",
    mode_step: int | None = None,
    worker: str = "worker_0",
) -> None:
    """One step of one worker, complete."""
    with FileWriter(trial_dir=str(folder), step=step, worker=worker) as writer:
        for name, value in tensors.items():
            writer.write_tensor(np.asarray(value), name, mode=ModeKeys[mode], mode_step=step if mode_step is None else mode_step)


def write_collections(folder: Path, workers: int = 1, *, interval: int | None = None, **collections: str) -> None:
    """The collections file: name to regex. `interval`: of steps, at which the hook saves all of them; None: not said."""
    manager = CollectionManager()
    for name, regex in {"losses": "loss", **collections}.items():
        manager.get(name).include(regex)
        if interval is not None:
            manager.get(name).save_config = SaveConfig(save_interval=interval)
    manager.set_num_workers(workers)
    manager.export(str(folder), "worker_0_collections.json")


def end(folder: Path) -> None:
    """The job's end mark."""
    (folder / "training_job_end.ts").touch()


def write(
    folder: Path,
    steps: Mapping[int, Mapping[str, object]],
    mode: str = "GLOBAL",
    *,
    interval: int | None = None,
    **collections: str,
) -> Path:
    """A whole job."""
    write_collections(folder, interval=interval, **collections)
    for step, tensors in steps.items():
        write_step(folder, step, tensors, mode)
    end(folder)
    return folder
