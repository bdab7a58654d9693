"""The files of one training job are located in a folder, below an S3 prefix, or where its DescribeTrainingJob says.

A part that is missing is None or empty, and the report says so. This module does not interpret what the files hold.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from contract import output_data
from contract.script.script_mode import PROGRAM
from contract.splits import TEST, VALIDATION
from rules.errors import SourceError
from rules.reading.archive import InMemory, members
from rules.reading.source import Source, json_object, open_source

OUTPUTS = (output_data.STEPS, output_data.HISTORY, *(output_data.predictions(split) for split in (TEST, VALIDATION)))
RECORDS = (output_data.OPERATORS, output_data.MACHINE)
"""What the report reads of output/data, beside the profile that the program may have left there."""
PROFILE = f"{output_data.PROFILE}/"
PROFILED = ("system/", "framework/", "train/system/")
"""The folders of a profile."""
MANIFEST = "model.json"
"""As contract.manifest calls it, which loads Pillow."""
SMALL = 64 << 20
"""Bytes of one such file that are read at most."""
ALL_CHANNELS = ""
"""The name, among the channels, of a folder that holds all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFiles:
    """Where the files of one job are, and the small ones themselves.

    `tensors`, `profile`, `rule_outputs`: what smdebug's hook, the profiler and the rules wrote. `output_files`: small files of
    output/data by name. `manifest`: model.json. `description`: DescribeTrainingJob. `channels`: the pictures of each channel.
    `warnings`: what could not be read.
    """

    name: str
    location: str
    tensors: Source | None = None
    profile: Source | None = None
    rule_outputs: tuple[Source, ...] = ()
    output_files: Mapping[str, bytes] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)
    description: Mapping[str, Any] = field(default_factory=dict)
    channels: Mapping[str, Source] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def script(self) -> str:
        """The entry point of a job that runs a person's own script; empty for any other, and without a description."""
        parameters, environment = (self.description.get(name) or {} for name in ("HyperParameters", "Environment"))
        return str(plain(parameters.get(PROGRAM) or environment.get(PROGRAM.upper()) or ""))


def find(place: str, pictures: str | None = None, results: str | None = None) -> JobFiles:
    """Locates the files of a job.

    `place`: a folder, an s3:// prefix, or a .json file with DescribeTrainingJob's answer. `pictures`: a folder or prefix that
    holds the channels, where it is not the job's own. `results`: one below which <job>/rule-output may hold what rules found
    that the job itself does not know of. Raises SourceError when there is nothing at all.
    """
    job = read_description(place)
    if job is not None:
        found = _of_job(job, results)
    elif not place.startswith("s3://") and not Path(place).is_dir():
        raise SourceError(f"{place}: no such folder. Give a job's folder, s3://bucket/prefix, or DescribeTrainingJob as JSON.")
    else:
        found = _below(place, place.rstrip("/").rpartition("/")[2] or place)
        if not (found.tensors or found.profile or found.output_files or found.manifest or found.rule_outputs):
            raise SourceError(f"{place}: nothing of a job is there: no debug-output, profiler-output, output or rule-output.")
    return replace(found, channels={ALL_CHANNELS: open_source(pictures)}) if pictures else found


def read_description(place: str) -> dict[str, Any] | None:
    """The object in a .json file; None for another kind of place. Raises SourceError."""
    path = Path(place)
    if place.startswith("s3://") or path.suffix != ".json" or not path.is_file():
        return None
    return json_object(path.name, path.read_bytes())


def plain(value: Any) -> Any:
    """What a hyperparameter of a script's job says: the SDK sends each value as JSON, text in quotation marks."""
    try:
        return json.loads(value)
    except (ValueError, TypeError, RecursionError):
        return value


def inside(place: str, *names: str) -> str:
    """A place below another."""
    return "/".join([place.rstrip("/"), *names])


def _of_job(job: Mapping[str, Any], more: str | None) -> JobFiles:
    try:
        name, output = job["TrainingJobName"], job["OutputDataConfig"]["S3OutputPath"]
        sources = {row["ChannelName"]: row["DataSource"].get("S3DataSource") for row in job.get("InputDataConfig") or ()}
        tensors = _written(job, "DebugHookConfig", name, "debug-output")
        profile = _written(job, "ProfilerConfig", name, "profiler-output")
        results = [
            inside(place, name, "rule-output") for place in sorted(_results(job) | ({more.rstrip("/")} if more else set()))
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"this is no answer of DescribeTrainingJob: {error!r}.") from None
    found = _below(inside(output, name), name, tensors, profile, results)
    channels = {channel: open_source(source["S3Uri"].rstrip("/")) for channel, source in sources.items() if source}
    return replace(found, channels=channels, description=job)


def _results(job: Mapping[str, Any]) -> set[str]:
    """Where the job's rules may have left their results: their own S3OutputPath, else that of what they looked at."""
    rules = [*(job.get("DebugRuleConfigurations") or ()), *(job.get("ProfilerRuleConfigurations") or ())]
    configs = [job["OutputDataConfig"], job.get("DebugHookConfig") or {}, job.get("ProfilerConfig") or {}]
    return {row["S3OutputPath"].rstrip("/") for row in [*rules, *configs] if row.get("S3OutputPath")}


def _written(job: Mapping[str, Any], config: str, name: str, folder: str) -> list[str] | None:
    place = (job.get(config) or {}).get("S3OutputPath")
    return [inside(place, name, folder)] if place else None


def _below(
    base: str,
    name: str,
    tensors: Sequence[str] | None = None,
    profile: Sequence[str] | None = None,
    rules: Sequence[str] | None = None,
) -> JobFiles:
    """The parts as SageMaker lays them out in S3, as they lie under /opt/ml, and `base` itself where it is one of them."""
    warnings: list[str] = []
    packed, loose = _outputs(open_source(base), warnings)

    def under(*folders: str) -> list[str]:
        return [inside(base, folder) if folder else base for folder in folders]

    return JobFiles(
        name=name,
        location=base,
        tensors=_first(tensors or under("debug-output", "output/tensors", "tensors", ""), "index/", "collections/"),
        profile=_first(profile or under("profiler-output", "output/profiler", "profiler", ""), *PROFILED)
        or _first(under("output/data/profiler", "data/profiler"), *PROFILED)
        or (InMemory(packed) if packed else None),
        rule_outputs=tuple(source for place in rules or under("rule-output") if (source := _first([place], ""))),
        output_files=loose,
        manifest=_manifest(open_source(base), warnings),
        channels={ALL_CHANNELS: open_source(inside(base, "input/data"))},
        warnings=tuple(warnings),
    )


def _first(places: Sequence[str], *folders: str) -> Source | None:
    """The first place that has a file in one of the folders."""
    for place in places:
        source = open_source(place)
        if any(next(iter(source.files(folder)), None) for folder in folders):
            return source
    return None


def _outputs(source: Source, warnings: list[str]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Of output.tar.gz the profile's files by their names below it; and the small files by bare name."""
    found: dict[str, bytes] = {}
    names = [*OUTPUTS, *(PROFILE + name for name in RECORDS)]
    for folder in ("output/data/", "data/", ""):
        there = {name.removeprefix(PROFILE): folder + name for name in names if source.has(folder + name)}
        found |= {name: source.read(path, 0, SMALL) for name, path in there.items() if name not in found}
    if found:
        return {}, found
    inner = _packed(source, "output.tar.gz", lambda name: name.rpartition("/")[2] in OUTPUTS or PROFILE in name, warnings)
    profile = {name.split(PROFILE, 1)[1]: body for name, body in inner.items() if PROFILE in name}
    loose = {name.rpartition("/")[2]: body for name, body in inner.items() if PROFILE not in name}
    return profile, loose | {name: profile.pop(name) for name in RECORDS if name in profile}


def _manifest(source: Source, warnings: list[str]) -> dict[str, Any]:
    for name in ("model/model.json", "output/model/model.json", MANIFEST):
        if source.has(name):
            body = source.read(name, 0, SMALL)
            break
    else:
        body = _packed(source, "model.tar.gz", lambda name: name == MANIFEST, warnings, first=True).get(MANIFEST, b"")
    try:
        return json_object(MANIFEST, body) if body else {}
    except SourceError as error:
        warnings.append(str(error))
        return {}


def _packed(
    source: Source, archive: str, wanted: Callable[[str], bool], warnings: list[str], *, first: bool = False
) -> dict[str, bytes]:
    """Members of an archive. One that cannot be read is told, and the report goes on without it."""
    for name in (f"output/{archive}", archive):
        if source.has(name):
            try:
                return members(source, name, wanted, first=first)
            except SourceError as error:
                warnings.append(str(error))
    return {}
