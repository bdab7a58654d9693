"""`kennel data`: a set of pictures, drawn, fetched or given, checked and uploaded. What is there already is not sent again."""

from collections.abc import Mapping
from pathlib import Path

from contract.pictures.picture_listing import Listing, listing
from contract.splits import TRAIN
from scripts.aws import uploads
from scripts.aws.api import Target, connect
from scripts.aws.calls import Call
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import DataConfig
from scripts.errors import LaunchError
from scripts.files import state
from scripts.files.download import fetch
from scripts.files.unzip import SPLITS, unzip


def plan(config: DataConfig) -> list[Call]:
    """Of a set that is not on this disk yet only the listing is known."""
    folder = config.folder or _place(config)
    return list(uploads.plan(config.settings, _prefix(config), files_of(folder) if folder.is_dir() else {}))


def run(config: DataConfig, output: Terminal) -> int:
    folder = gather(config, output)
    send(connect(config.settings), config, folder, output)
    output.next(config.settings, ("weights", "pretrained weights, for photographs"), ("tune", "search the hyperparameters"))
    return 0


def gather(config: DataConfig, output: Terminal) -> Path:
    """The folder with the pictures, fetched or drawn when it has to be. Raises LaunchError when it is not what it should be."""
    folder = config.folder or _place(config)
    if config.url and not folder.is_dir():
        archive = fetch(config.url, config.settings.home / "downloads" / f"{config.name}.zip", output)
        unzip(archive, folder, output)
    elif config.folder is None and not config.url:
        from scripts.drawing import draw

        with output.progress("drawing", "pictures") as show:
            draw.write_set(folder, seed=config.seed, progress=show)
    classes, counts = count(folder, output)
    if config.expected and (classes, sum(counts.values())) != config.expected:
        wanted = f"{config.expected[0]} classes and {config.expected[1]:,} pictures"
        raise LaunchError(
            f"{folder}: {classes} classes and {sum(counts.values()):,} pictures where {wanted} belong; "
            f"remove {folder} and {folder}.zip, then fetch them again"
        )
    output.line(f"{classes} classes: {', '.join(f'{number:,} {split}' for split, number in counts.items())}   ({folder})")
    return folder


def count(folder: Path, output: Terminal | None = None) -> tuple[int, Mapping[str, int]]:
    """Classes, and pictures of each split; `output` is told what is left out. Raises LaunchError for a split or class without."""
    found = {split: _listed(folder / split) for split in SPLITS}
    for split, listed in found.items():
        if not listed.usable:
            raise LaunchError(f"{folder / split}: no pictures in it; need CLASS/PICTURE.jpg, .png or .webp there{_why(listed)}")
        if strange := sorted(set(listed.classes) - set(found[TRAIN].classes)):
            raise LaunchError(f"{folder / split}: class {strange[0]!r} is not in train")
    for split, listed in found.items():
        for name, problem in listed.empty().items():
            told = f": {problem}" if problem else "; put some there or remove its folder"
            raise LaunchError(f"{folder / split}: class {name!r} has no pictures that can be used{told}")
        if output is not None and (left := "; ".join(filter(None, (listed.left_out_words(), listed.problem_words())))):
            output.line(f"left out of {split}: {left}")
    return len(found[TRAIN].classes), {split: len(listed.usable) for split, listed in found.items()}


def _listed(folder: Path) -> Listing:
    return listing(folder) if folder.is_dir() else Listing((), (), {})


def _why(listed: Listing) -> str:
    left = "; ".join(filter(None, (listed.left_out_words(), listed.problem_words())))
    return f"; left out: {left}" if left else ""


def files_of(folder: Path) -> dict[str, Path]:
    """Every usable picture by its name below the set: SPLIT/CLASS/PICTURE."""
    return {f"{split}/{found.name}": found.path for split in SPLITS for found in _listed(folder / split).usable}


def send(target: Target, config: DataConfig, folder: Path, output: Terminal) -> uploads.Done:
    """Upload what changed and remember the set for tune and train."""
    with state.changing(config.settings.state) as remembered:
        remembered["uploading"] = sorted({*remembered.get("uploading", []), config.name})
    done = uploads.upload(target, config.settings, _prefix(config), files_of(folder), output)
    output.line(f"s3://{config.settings.bucket}/{_prefix(config)}: {done}")
    with state.changing(config.settings.state) as remembered:
        remembered["data"] = config.name
        remembered["uploading"] = [name for name in remembered.get("uploading", []) if name != config.name]
    return done


def _place(config: DataConfig) -> Path:
    return config.settings.home / "data" / config.name


def _prefix(config: DataConfig) -> str:
    return config.settings.key("data", config.name)
