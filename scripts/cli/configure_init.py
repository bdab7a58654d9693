"""Builds the frozen config of `kennel init`: what of the person's folder goes into the project, and what its script says."""

from collections.abc import Mapping
from pathlib import Path

from contract.reason import first_line
from contract.script.script_mode import is_entry_point
from scripts.aws.settings import FILE
from scripts.cli.validation import ParsedCommand
from scripts.cli.verb_config import CODE, InitConfig
from scripts.errors import LaunchError
from scripts.files import training_script
from scripts.files.training_script import TrainingScript

REQUIREMENTS = "requirements.txt"


def init(parsed: ParsedCommand) -> InitConfig:
    """Of `kennel init --from SCRIPT`. Raises LaunchError for what is no script, and for a project that is there already."""
    script: Path = parsed.line.script
    found, files = _read(script), _files(script)
    folder: Path = parsed.line.to or Path(script.stem)
    if parsed.line.to is None and folder.exists():
        raise LaunchError(f"{folder} is there already, nothing is overwritten; give a folder, --to NAME")
    for place in (folder / FILE, folder / CODE):
        if place.exists() or place.is_symlink():
            raise LaunchError(f"--to {folder}: {place} is there already, nothing is overwritten; give another folder, --to NAME")
    if folder.exists() and not folder.is_dir():
        raise LaunchError(f"--to {folder}: is no folder; give another one, --to NAME")
    return InitConfig(settings=parsed.settings, script=script, folder=folder, files=files, found=found)


def _read(script: Path) -> TrainingScript:
    if not script.is_file():
        what = "is no file" if script.exists() else "no such file"
        raise LaunchError(f"--from {script}: {what}; give the path of a training script")
    if script.suffix != ".py" or not is_entry_point(script.name):
        raise LaunchError(f"--from {script}: need a Python script, with a name of letters, digits, - and _ such as train.py")
    try:
        return training_script.read(script.read_bytes())
    except SyntaxError as error:
        raise LaunchError(f"--from {script}: line {error.lineno or 1}: {error.msg}; mend it, nothing was written") from None
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise LaunchError(f"--from {script}: Python cannot read it ({first_line(error, 100)}); nothing was written") from None


def _files(script: Path) -> Mapping[str, Path]:
    """The script, requirements.txt, and the modules and packages beside it that it imports, by their names in the project."""
    found, todo = {script.name: script}, [script]
    while todo:
        for name in sorted(training_script.imported(todo.pop().read_bytes())):
            beside = [script.parent / f"{name}.py", *sorted((script.parent / name).rglob("*.py"))]
            for path in beside:
                place = path.relative_to(script.parent).as_posix()
                if path.is_file() and place not in found:
                    found[place] = path
                    todo.append(path)
    if (script.parent / REQUIREMENTS).is_file():
        found[REQUIREMENTS] = script.parent / REQUIREMENTS
    return found
