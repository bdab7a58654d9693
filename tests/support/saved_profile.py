"""What a job's profiler writes, for machines that this one is not: system metrics in the agent's format, and steps by smdebug's
own writer of timelines."""

import json
import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

START = 1_700_000_000.0
INTERVAL = 0.5
HOST = socket.gethostname()
"""What smdebug calls the node of a timeline that it writes here."""


def sample(
    folder: Path, devices: Mapping[str, Mapping[str, Iterable[float]]], node: str = "algo-1", start: float = START
) -> Path:
    """Samples by dimension and device, two a second, a file each minute; then the end mark."""
    lines: dict[int, list[str]] = {}
    for dimension, by_device in devices.items():
        for device, values in by_device.items():
            for index, value in enumerate(values):
                at = start + INTERVAL * index
                row = {"Type": device[:3], "Name": device, "Dimension": dimension, "Value": float(value), "NodeId": node}
                lines.setdefault(int(at - at % 60), []).append(json.dumps(row | {"Timestamp": at}) + "\n")
    for minute, rows in lines.items():
        file = folder / "system" / "incremental" / "2023111422" / f"{minute:010d}.{node}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(sorted(rows, key=lambda line: json.loads(line)["Timestamp"])))
    end(folder)
    return folder


def end(folder: Path) -> None:
    (folder / "system").mkdir(parents=True, exist_ok=True)
    (folder / "system" / "training_job_end.ts").touch()


def events(folder: Path, rows: Iterable[tuple[str, float, float, int]], process: int = 7) -> Path:
    """Events (phase, start in seconds after START, seconds, step) written by smdebug's TimelineFileWriter."""
    from smdebug.core.tfevent.timeline_file_writer import TimelineFileWriter
    from smdebug.core.utils import FRAMEWORK
    from smdebug.profiler.profiler_config_parser import ProfilerConfigParser

    config = folder / "profilerconfig.json"
    folder.mkdir(parents=True, exist_ok=True)
    parameters = {
        "ProfilerEnabled": True,
        "LocalPath": str(folder).lower(),
        "RotateMaxFileSizeInBytes": "100000000",
        "RotateFileCloseIntervalInSeconds": "100000000",
        "FileOpenFailThreshold": "50",
        "DetailedProfilingConfig": "{}",
    }
    config.write_text(json.dumps({"ProfilingParameters": parameters}))
    before = os.environ.get("SMPROFILER_CONFIG_PATH")
    os.environ["SMPROFILER_CONFIG_PATH"] = str(config)
    try:
        parser = ProfilerConfigParser(FRAMEWORK.PYTORCH)
        parser.load_config()
        writer = TimelineFileWriter(profiler_config_parser=parser)
        for phase, start, seconds, step in rows:
            writer.write_trace_events(
                training_phase=phase, op_name=phase, timestamp=START + start, duration=seconds, pid=process, step_num=str(step)
            )
        writer.close()
    finally:
        os.environ.pop("SMPROFILER_CONFIG_PATH") if before is None else os.environ.update(SMPROFILER_CONFIG_PATH=before)
        config.unlink()
    return folder


def steps(durations: Iterable[float], mode: str = "TRAIN", **parts: Iterable[float]) -> list[tuple[str, float, float, int]]:
    """Rows of `events` for whole steps; `parts` are the seconds of phases of each."""
    rows, at, by_step = [], 0.0, {name: list(values) for name, values in parts.items()}
    for number, seconds in enumerate([*durations, 0.0]):
        rows.append((f"Step:ModeKeys.{mode}", at, 0.25 * seconds, number))
        rows += [(name, at, values[number], number) for name, values in by_step.items() if number < len(values)]
        at += seconds
    return rows
