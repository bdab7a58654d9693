"""`kennel init --from SCRIPT`: a project folder that trains a person's own script, with what the script says of itself.

The script is read and never run. What is guessed is marked as a guess, and nothing is overwritten.
"""

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

from scripts.aws.calls import Call
from scripts.aws.settings import FILE, HOME, kennel_command
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import CODE, InitConfig
from scripts.errors import LaunchError
from scripts.files.training_script import TrainingScript

DATA = "data"
"""The folder of the project's channels."""


def plan(config: InitConfig) -> list[Call]:
    """Nothing is sent to any service."""
    return []


def run(config: InitConfig, output: Terminal) -> int:
    """Write the project and say what it lacks. Raises LaunchError where the folder cannot be written."""
    folder, found = config.folder, config.found
    try:
        for name, path in config.files.items():
            (folder / CODE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, folder / CODE / name)
        (folder / FILE).write_text(project(config.script.name, found), "utf-8")
    except OSError as error:
        raise LaunchError(f"--to {folder}: cannot be written: {error.strerror}; give another folder, --to NAME") from None
    output.line(f"{folder / FILE}, and in {folder / CODE}: {', '.join(config.files)}")
    for line in _said(config):
        output.line(line)
    output.line(f"next  cd {shlex.quote(str(folder))} && {_typed(config, 'up')} && {_typed(config, 'train')}")
    return 0


def _typed(config: InitConfig, verb: str) -> str:
    """A kennel command as it can be typed in the project, where a path from here leads nowhere."""
    command = kennel_command(verb, replace(config.settings, home=HOME))
    return f"{shlex.quote(str(Path.cwd()))}/{command}" if command.startswith(".venv/") else command


def _said(config: InitConfig) -> list[str]:
    """What was found in the script, and what is missing, a line each."""
    found, file = config.found, config.folder / FILE
    lines = [f"hyperparameters: {', '.join(f'{name}={value}' for name, value in found.hyperparameters.items()) or 'none'}"]
    if not found.has_options:
        lines = [f"no argparse in it, so no hyperparameter was found: give them in {file}, [script.hyperparameters]"]
    if found.commands:
        step = "have it run without a command, or write a script that calls one"
        lines.append(f"it has the commands {', '.join(found.commands)}, and SageMaker gives options only: {step}")
    lines += [f"left out: {name}: {why}" for name, why in found.left_out.items()]
    if found.metrics:
        lines.append(f"metrics, guessed from what it prints: {', '.join(found.metrics)}; look at them in {file}")
    else:
        lines.append(f"no metric could be guessed from what it prints: give one in {file}, [script.metrics]")
    if not found.channels:
        lines.append(f"no SM_CHANNEL_ variable in it, so it gets no data: name a channel in {file}, [script.channels]")
    for name in found.channels:
        if not (config.folder / DATA / name).is_dir():
            where = f"put it there, or give another folder or s3://BUCKET/PREFIX in {file}"
            lines.append(f"missing: {config.folder / DATA / name}, the folder of channel {name}; {where}")
    return lines


def project(script: str, found: TrainingScript) -> str:
    """The kennel.toml of a script: JSON's texts and numbers are TOML's, too."""
    lines = ["# What kennel train and kennel tune run here; an option on the command line goes before it.", "[script]"]
    lines += [f"script = {json.dumps(script)}", f"source = {json.dumps(CODE)}", "", "[script.hyperparameters]"]
    lines += [f"{_key(name)} = {json.dumps(value, ensure_ascii=False)}" for name, value in found.hyperparameters.items()]
    lines += [f"# {name}: {' '.join(why.split())}" for name, why in found.left_out.items()]
    lines += ["", "[script.channels]", *(f"{_key(name)} = {json.dumps(f'{DATA}/{name}')}" for name in found.channels)]
    lines += ["", "[script.metrics]"]
    if found.metrics:
        lines.append("# A guess from what the script prints: check that each finds its number, or take it away.")
    lines += [f"{_key(name)} = {json.dumps(regex, ensure_ascii=False)}" for name, regex in found.metrics.items()]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else json.dumps(name, ensure_ascii=False)
