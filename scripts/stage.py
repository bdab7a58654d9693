"""Laying out a private /opt/ml as SageMaker does before it starts a container: config files, channels, empty folders."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from contract.layout import Layout


def stage_training(layout: Layout, hyperparameters: Mapping[str, str], channels: Mapping[str, Path]) -> None:
    """Make the folders and files of one training job; whatever lay at the base is removed.

    `channels`: name to a folder or a single file. Files are hard-linked where the file system allows, else copied.
    """
    shutil.rmtree(layout.base, ignore_errors=True)
    for folder in (layout.config, layout.model, layout.output_data, layout.checkpoints):
        folder.mkdir(parents=True)
    for name, source in channels.items():
        _fill(layout.channel(name), source)
    described = {
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
    }
    host = {"current_host": "algo-1", "current_instance_type": "local", "current_group_name": "homogeneousCluster"}
    group = {"instance_group_name": "homogeneousCluster", "instance_type": "local", "hosts": ["algo-1"]}
    _write(layout.hyperparameters, dict(hyperparameters))
    _write(layout.input_data_config, dict.fromkeys(channels, described))
    _write(layout.resource_config, host | {"hosts": ["algo-1"], "instance_groups": [group], "network_interface_name": "lo"})


def _fill(channel: Path, source: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, channel, copy_function=_link, ignore=shutil.ignore_patterns(".*"))
    else:
        channel.mkdir(parents=True)
        _link(source, channel / source.name)


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2))
