"""Builds the frozen config of `kennel train --script` and `kennel tune --script`: what is packed, asked for and told."""

import argparse
import hashlib
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from scripts.aws import builtin_rules
from scripts.aws.api_requests import names_of
from scripts.aws.job_config import Script, TrainConfig, TuneConfig
from scripts.aws.script_requests import CODE
from scripts.cli import configure_jobs, script_values
from scripts.cli.script_table import NONE
from scripts.cli.validation import ParsedCommand, pictures, refuse_both, set_name
from scripts.errors import LaunchError
from scripts.files import source_archive, state
from scripts.files.plain_files import plain_files
from scripts.files.source_archive import SourceArchive

ONLY_SCRIPT = ("source", "channel", "metric", "range", "minimize", "maximize")
ONLY_CLASSIFIER = ("no_weights", "fine_tune", "plain")
MOST_CHANNELS = 19
"""Of a job's 20; one more brings the script to a container without a network."""
_MOST_FILES = 1_000_000
"""Of a folder that is uploaded as a channel."""
_CHANNEL = re.compile(r"[A-Za-z0-9._-]{1,64}")


def train(parsed: ParsedCommand) -> TrainConfig:
    """Of `kennel train`, with a script or without."""
    line, settings = parsed.line, parsed.settings
    if not _has_script(line):
        return configure_jobs.train(parsed)
    shared, archive = _shared(parsed)
    script: Script = shared["script"]
    best: state.BestTrial = {}
    if not line.no_best:
        best = state.read(state.best_of_scripts(settings.home)).get(str(script.path), best)
    rules = builtin_rules.chosen(line.rules or NONE, settings, hooks=not line.no_hooks)
    notes = [_about(script, archive), *_warnings(parsed, archive)]
    if not rules:
        notes.append("no rule looks into it; ask for some, such as --rules VanishingGradient,ProfilerReport")
    if not shared["metrics"]:
        notes.append("no metric is taken from its log; ask for some, such as --metric 'loss=Average loss: ([0-9.]+)'")
    return TrainConfig(
        name=parsed.name("train"),
        previous=parsed.state.get("training_job"),
        hyperparameters=line.preset | best.get("hyperparameters", {}) | script_values.hyperparameters(line.set),
        tuned_by=best.get("tuning_job"),
        rules=rules,
        **configure_jobs.looking(parsed),
        **shared | {"script": _noted(script, notes)},
    )


def tune(parsed: ParsedCommand) -> TuneConfig:
    """Of `kennel tune`, with a script or without."""
    line = parsed.line
    if not _has_script(line):
        return configure_jobs.tune(parsed)
    shared, archive = _shared(parsed)
    searched = script_values.ranges(line.range) if line.range or not line.follow else {}
    chosen = script_values.hyperparameters(line.set)
    refuse_both(chosen, names_of(searched))
    chosen = {name: value for name, value in line.preset.items() if name not in names_of(searched)} | chosen
    if not shared["metrics"] and not line.follow:
        raise LaunchError("--metric: a tuning needs one to compare its jobs by, such as --metric 'loss=Average loss: ([0-9.]+)'")
    objective = next(iter(shared["metrics"]), "")
    better = "low" if line.follow else script_values.better(objective, line.minimize, line.maximize)
    if line.strategy == "Grid" and set(searched) - {"CategoricalParameterRanges"}:
        raise LaunchError("--strategy Grid: tries values, not intervals; give each --range as NAME=A,B,C")
    if line.strategy == "Hyperband" and not chosen.get("epochs", "").isdigit():
        raise LaunchError("--strategy Hyperband: needs to know how many reports a job makes; give --set epochs=N")
    script: Script = shared["script"]
    says = f"{'lower' if better == 'low' else 'higher'} {objective} is better"
    return TuneConfig(
        name=parsed.name("tune", longest=32),
        previous=parsed.state.get("tuning_job"),
        hyperparameters=chosen,
        ranges=searched,
        objective=objective,
        better=better,
        **configure_jobs.searching(parsed, searched),
        **shared | {"script": _noted(script, [_about(script, archive), *_warnings(parsed, archive), says])},
    )


def _has_script(line: argparse.Namespace) -> bool:
    """Raises LaunchError for an option of the other kind of job."""
    strangers = ONLY_SCRIPT if line.script is None else ONLY_CLASSIFIER
    for name in strangers:
        if getattr(line, name, None):
            told = "goes with --script" if line.script is None else "is for the picture classifier; leave it out with --script"
            raise LaunchError(f"--{name.replace('_', '-')}: {told}")
    if line.script is not None and line.channel and line.data_name:
        raise LaunchError(f"--data-name {line.data_name}: --channel says what the script reads; leave one of them out")
    return line.script is not None


def _shared(parsed: ParsedCommand) -> tuple[dict[str, Any], SourceArchive]:
    """The fields that both kinds of job have, the script without its notes, and what was packed."""
    line = parsed.line
    archive = source_archive.pack(line.script, line.source)
    folders: dict[str, Mapping[str, Path]] = {}
    if line.channel:
        channels = _channels(parsed, folders)
    else:
        channels = pictures(parsed, otherwise=", or give --channel NAME=FOLDER, or --channel none")
    path = line.source / archive.program if line.source else line.script
    typed = ["--script", str(line.script), *(["--source", str(line.source)] if line.source else [])]
    typed += [word for channel in line.channel for word in ("--channel", channel)]
    typed += [word for metric in line.metric for word in ("--metric", metric)]
    script = Script(
        path=path.resolve(),
        options=shlex.join(typed),
        program=archive.program,
        archive=archive.content,
        digest=archive.digest,
        folders=folders,
    )
    metrics = script_values.metric_regexes(line.metric)
    return configure_jobs.shared(parsed) | {"channels": channels, "script": script, "metrics": metrics}, archive


def _noted(script: Script, notes: list[str]) -> Script:
    return replace(script, notes=tuple(notes))


def _about(script: Script, archive: SourceArchive) -> str:
    more = len(archive.files) - 1
    count = f"and {more:,} more file{'s' * (more > 1)}" if more else "alone"
    left = f"; left out: {archive.left_out}" if archive.left_out else ""
    return f"script {script.program} {count}, {archive.size:,} bytes{left}"


def _warnings(parsed: ParsedCommand, archive: SourceArchive) -> list[str]:
    settings = parsed.settings
    if not settings.network_isolation or (settings.target, settings.backend) == ("local", "process"):
        return []
    fails = "the packages of requirements.txt" if "requirements.txt" in archive.files else "pretrained weights, for one"
    return [f"its container is cut off the network and can fetch nothing ({fails}); --no-network-isolation lets it"]


def _channels(parsed: ParsedCommand, folders: dict[str, Mapping[str, Path]]) -> dict[str, str]:
    """--channel NAME=PLACE, again and again. What has to be uploaded is added to `folders`. Raises LaunchError."""
    found: dict[str, str] = {}
    if parsed.line.channel == [NONE]:
        return found
    for pair in parsed.line.channel:
        name, equals, place = pair.partition("=")
        if not equals or not place or not _CHANNEL.fullmatch(name):
            raise LaunchError(
                f"--channel {pair}: need NAME=FOLDER or NAME=s3://BUCKET/PREFIX, such as --channel train=data/train"
            )
        if name in found or name == CODE:
            raise LaunchError(f"--channel {name}: {'brings the script itself' if name == CODE else 'given more than once'}")
        found[name] = _place(parsed, name, place, folders)
    if len(found) > MOST_CHANNELS:
        raise LaunchError(f"--channel: {len(found)} of them; at most {MOST_CHANNELS}")
    return found


def _place(parsed: ParsedCommand, name: str, place: str, folders: dict[str, Mapping[str, Path]]) -> str:
    if re.match(r"[a-z0-9]+://", place):
        if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+(?:/.*)?", place):
            raise LaunchError(f"--channel {name}={place}: need s3://BUCKET/PREFIX, or a folder on this machine")
        return place
    folder = Path(place)
    if folder.exists() and not folder.is_dir():
        raise LaunchError(
            f"--channel {name}={place}: is a file, and a channel is a folder; put it in one of its own, and give that folder"
        )
    if not folder.is_dir():
        raise LaunchError(f"--channel {name}={place}: no such folder; give one, or s3://BUCKET/PREFIX")
    files = plain_files(f"--channel {name}", folder, _MOST_FILES).files
    if not files:
        raise LaunchError(f"--channel {name}={place}: no file in it")
    # Two folders of one name are two places; the same folder is the same place, so only what changed is sent again.
    own = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
    folders[parsed.settings.key("channels", f"{set_name(folder)}-{own}")] = files
    return parsed.settings.uri("channels", f"{set_name(folder)}-{own}")
