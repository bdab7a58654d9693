"""`python -m train.salvage OLD.pth` makes an artefact that serves from a network that was pickled whole, hooks and all.

Nothing in the file is run (contract.weights). Options give what it does not hold: the classes' names, the pictures' size.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from contract import archive
from contract.errors import ContractError
from contract.manifest import digest
from contract.pictures.picture_listing import class_folders
from contract.pictures.preprocess import Preprocessing
from contract.visible import NOT_UTF8, is_utf8, visible
from train import config, hyperparameter_types
from train.errors import ConfigError, SalvageError, TrainError
from train.export import artefact
from train.model import network
from train.report import Report
from train.salvage import architecture, saved_network, torch_file
from train.salvage.architecture import Fit
from train.salvage.saved_network import SavedNetwork
from train.salvage.torch_file import TorchFile

_ORDINARY = ("torch.nn.", "torch._utils", "torch._tensor", "torch.storage", "torchvision.", "collections", "copyreg", "copy_reg")
"""Modules whose names any pickled network holds; they are not reported."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 with one line on standard error for a file or an option to mend."""
    given = _parser().parse_args(arguments)
    try:
        salvage(given.file, given.out, classes=given.classes, arch=given.arch, entry=given.entry, side=given.picture_size)
        return 0
    except (TrainError, ContractError) as error:
        print(f"salvage: {_plain(str(error))}", file=sys.stderr)
    except OSError as error:
        print(f"salvage: {error.filename or given.file}: {error.strerror}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m train.salvage", description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("file", type=Path, help="what torch.save or pickle.dump wrote")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the model.tar.gz to write")
    parser.add_argument("--classes", type=Path, help="the pictures' folder, or a file with the names, one a line or as JSON")
    parser.add_argument("--arch", help="what torchvision calls the network (default: told by its weights)")
    parser.add_argument("--entry", help="which network, where the file holds several")
    parser.add_argument("--picture-size", type=int, default=224, help="side of the network's input (default: %(default)s)")
    return parser


def salvage(file: Path, out: Path, *, classes: Path | None, arch: str | None, entry: str | None, side: int) -> None:
    """Writes the artefact to `out`, and prints what was found. Raises TrainError or ContractError with one line."""
    if arch is not None and arch not in hyperparameter_types.architectures():
        raise ConfigError(f"--arch {arch[:60]}: no torchvision classifier; such as resnet18")
    spec = Preprocessing(resize=config.Config(picture_size=side).resize, crop=side)
    if not file.is_file():
        raise SalvageError(f"{file}: no such file, or not a regular one")
    with open(file, "rb") as stream:
        try:
            opened = torch_file.open_file(file, stream)
            found = _chosen(saved_network.find(opened), entry)
            fit = architecture.match(found, arch)
            place = f" ({found.place})" if found.place else ""
            _say("found", f"{found.kind}{place}, {len(found.tensors)} tensors, {opened.format}")
            _say("taken as", f"{fit.arch} with {fit.classes} classes, pictures of {side} pixels")
            _say("left out", _left_out(opened, found))
            names = _names(classes, fit.classes)
            state = _loaded(fit, side)
        except SalvageError as error:
            raise SalvageError(f"{file}: {error}") from None
    provenance = {"salvaged_from": visible(file.name), "sha256": digest(file), "saved_as": found.kind[:200]}
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".salvage-", dir=out.parent) as aside:
        folder = Path(aside)
        artefact.export(
            folder,
            state,
            arch=fit.arch,
            classes=names,
            spec=spec,
            metrics={},
            provenance=provenance,
            samples=None,
            report=Report(True),
        )
        archive.pack(folder, out)
    _say("written", f"{out} ({out.stat().st_size / 1e6:.1f} MB)")


def _chosen(networks: list[SavedNetwork], entry: str | None) -> SavedNetwork:
    places = {found.place: found for found in networks}
    if not places:
        raise SalvageError("no network in it: neither a pickled torch.nn.Module nor a state dict")
    shown = ", ".join(ascii(place[:60])[1:-1] for place in list(places)[:8])
    if entry is not None and entry not in places:
        raise SalvageError(f"--entry {entry[:60]}: not there; it has {shown}")
    if entry is None and len(places) > 1:
        raise SalvageError(f"{len(places)} networks in it: choose one with --entry, of {shown}")
    return places[entry] if entry is not None else networks[0]


def _left_out(file: TorchFile, found: SavedNetwork) -> str:
    """The number of hooks, and the names of functions and classes in the file that belong to no network."""
    strange = sorted(str(name) for name in file.names - torch_file.UNDERSTOOD if not str(name).startswith(_ORDINARY))
    hooks = f"{found.hooks} hook(s)" if found.hooks else "no hooks"
    if not strange:
        return f"{hooks}; nothing else"
    shown = ", ".join(ascii(name[:80])[1:-1] for name in strange[:6])
    return f"{hooks}; named in the file and never called: {shown}{f' and {len(strange) - 6} more' if len(strange) > 6 else ''}"


def _loaded(fit: Fit, side: int) -> dict[str, torch.Tensor]:
    """The whole state of the network, each tensor in the number format that the network has."""
    own, state = network.build(fit.arch, fit.classes, side).state_dict(), {}
    converted = set()
    for name, tensor in own.items():
        if name not in fit.tensors:  # a counter that nothing reads
            state[name] = torch.zeros_like(tensor)
            continue
        loaded = fit.tensors[name].load()
        if not torch.isfinite(loaded).all():
            raise SalvageError(f"{name}: holds NaN or infinity; the training had failed")
        converted |= {str(loaded.dtype)} if loaded.dtype != tensor.dtype else set()
        state[name] = loaded.to(tensor.dtype)
    if converted:
        _say("changed", f"{', '.join(sorted(converted))} to float32")
    return state


def _names(path: Path | None, count: int) -> tuple[str, ...]:
    """The classes' names, in the order of the outputs."""
    if path is None:
        _say("classes", f"not in the file: called class-000 to class-{count - 1:03}; give the names with --classes")
        return tuple(f"class-{place:03}" for place in range(count))
    names = _folders(path) if path.is_dir() else _listed(path)
    if len(names) != count or len(set(names)) != count:
        raise SalvageError(f"--classes {path}: {len(set(names))} different names, and the network has {count} outputs")
    for name in names:
        if not is_utf8(name):
            raise SalvageError(f"--classes {path}: {visible(name)} {NOT_UTF8}")
    _say("classes", f"{names[0]} to {names[-1]}, of {path}")
    return tuple(names)


def _folders(path: Path) -> list[str]:
    """The folders of the training pictures, sorted, as torchvision's ImageFolder numbers them."""
    folder = path / "train" if (path / "train").is_dir() else path
    return class_folders(folder)


def _listed(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8")
        body = (
            json.loads(text) if path.suffix.lower() == ".json" else [line.strip() for line in text.splitlines() if line.strip()]
        )
    except ValueError as error:
        raise SalvageError(f"--classes {path}: {str(error)[:120]}") from None
    if isinstance(body, dict):  # ImageFolder's class_to_idx, or the other way round
        rows = [
            (key, value) if isinstance(value, int) else (value, int(key)) for key, value in body.items() if _is_row(key, value)
        ]
        body = [name for name, _ in sorted(rows, key=lambda row: row[1])]
    if not isinstance(body, list) or not all(isinstance(name, str) and name for name in body):
        raise SalvageError(f"--classes {path}: need a list of names, or an object of names and numbers")
    return body


def _is_row(key: str, value: object) -> bool:
    return isinstance(value, int) or (key.isdecimal() and isinstance(value, str))


def _say(what: str, text: str) -> None:
    print(f"{what:<9} {_plain(text)}", flush=True)


def _plain(text: str) -> str:
    """One line without what steers a terminal: some of it comes out of the file."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


if __name__ == "__main__":
    sys.exit(main())
