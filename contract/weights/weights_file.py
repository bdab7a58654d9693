"""A look at a file of pretrained weights before it is uploaded or loaded: what it is instead, and whether its numbers are finite.

Nothing in the file is run or unpickled. A file in which nothing is found may still be of another network; training says so.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from contract.errors import PickleError, SafetensorsError
from contract.reason import first_line
from contract.weights import pickle_tree, safetensors_header
from contract.weights.pickle_tree import Name, Stub

_LFS = b"version https://git-lfs.github.com/spec/"
_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")
_PLAIN = ("torch", "torch._utils", "torch._tensor", "torch.storage", "torch.serialization", "torch.nn.parameter", "collections")
"""Modules of the names in a state dict; a pickled network names its classes' own."""
_FLOATS = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "BFloat16Storage": "bf16"}
_WIDTHS = {"DoubleStorage": 8, "LongStorage": 8, "FloatStorage": 4, "IntStorage": 4}
_WIDTHS |= dict.fromkeys(("ByteStorage", "CharStorage", "BoolStorage"), 1)
"""Bytes of a number of each kind; of any other kind 2."""
_SAFETENSORS = {"F32": "<f4", "F64": "<f8", "F16": "<f2", "BF16": "bf16"}
_CHUNK = 1 << 20


def problem(path: Path) -> str:
    """What the file is instead of usable weights, to be read after its name; empty where nothing was found. Raises OSError.

    Reads the file once. Weights that hold NaN or infinity are named by their tensor.
    """
    with open(path, "rb") as stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        head = stream.read(512)
        stream.seek(0)
        if not head:
            return "is empty; download it again"
        if head.startswith(_LFS):
            return "is a Git LFS pointer, not the weights that it stands for; run git lfs pull where it came from"
        if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_PAGES):
            return "is a web page, not weights; the link leads to a page about the file: download the file itself"
        try:
            if head.startswith(b"PK\x03\x04"):
                return _of_zip(stream, size)
            if head.startswith(b"\x80"):
                return _of_pickles(stream)
            if 2 <= int.from_bytes(head[:8], "little") <= size - 8 and head[8:9] == b"{":
                return _of_safetensors(stream)
        except PickleError as error:
            return f"is damaged, or no state dict: {error}"
    return "is neither what torch.save wrote nor safetensors; give a file such as torchvision's resnet18-f37072fd.pth"


def _of_zip(stream: BinaryIO, size: int) -> str:
    try:
        with zipfile.ZipFile(stream) as archive:
            members = {member.filename: member for member in archive.infolist()}
            roots = [name for name in members if name.endswith("/data.pkl") and name.count("/") == 1]
            if any(name.endswith("/constants.pkl") for name in members):
                return "is a TorchScript program; load it with torch.jit.load and save its state_dict()"
            if len(roots) != 1 or sum(member.file_size for member in members.values()) > size:
                return "is a zip that torch.save did not write; unpack it and give the file in it"
            names: set[Name] = set()
            root = pickle_tree.read(io.BytesIO(archive.read(roots[0])), names)
            if found := _pickled(names):
                return found
            folder = roots[0].removesuffix("data.pkl")
            for key, kind in _formats(root).items():
                member = members.get(f"{folder}data/{key}")
                if member is None:
                    return f"is damaged: the numbers of {_owner(root, key)} are missing; download it again"
                with archive.open(member) as numbers:
                    if not _finite(numbers, kind, member.file_size):
                        return _not_finite(_owner(root, key))
    except PickleError:
        raise
    # zipfile and zlib raise nearly anything on damaged bytes.
    except Exception as error:
        return f"is a damaged zip ({first_line(error, 100)}); download it again"
    return ""


def _of_pickles(stream: BinaryIO) -> str:
    """torch's format before 1.6: magic, version, the machine, the tree, the storages' keys, then each one's count and bytes."""
    names: set[Name] = set()
    first = pickle_tree.read(stream, names)
    if first != pickle_tree.TORCH_MAGIC:
        return _pickled(names) or "was written by pickle.dump; save model.state_dict() with torch.save"
    pickle_tree.read(stream, names), pickle_tree.read(stream, names)
    root, keys = pickle_tree.read(stream, names), pickle_tree.read(stream, names)
    if found := _pickled(names):
        return found
    kinds, widths = _formats(root), {key: _WIDTHS.get(kind, 2) for key, kind in pickle_tree.storages(root)}
    for key in keys if isinstance(keys, list) else ():
        count = int.from_bytes(stream.read(8), "little")
        length = count * widths.get(key, 0)
        if key in kinds and not _finite(stream, kinds[key], length):
            return _not_finite(_owner(root, key))
        if key not in kinds:
            stream.seek(length, io.SEEK_CUR)
    return ""


def _of_safetensors(stream: BinaryIO) -> str:
    try:
        entries = safetensors_header.read(stream)
    except SafetensorsError as error:
        return f"is damaged: {error}; download it again"
    for entry in entries:
        if entry.dtype in _SAFETENSORS:
            stream.seek(entry.start)
            if not _finite(stream, _SAFETENSORS[entry.dtype], entry.length):
                return _not_finite(entry.name)
    return ""


def _pickled(names: set[Name]) -> str:
    builtin = ("builtins", "__builtin__", "copyreg", "copy_reg")
    foreign = sorted(
        (str(name) for name in names if name.module not in _PLAIN), key=lambda name: (name.startswith(builtin), name)
    )
    if not foreign:
        return ""
    shown = ", ".join(ascii(name[:60])[1:-1] for name in foreign[:2])
    return (
        f"holds pickled Python objects ({shown}{', ...' if len(foreign) > 2 else ''}), not a state dict, and none is run here; "
        "save model.state_dict(), or make a model of it with kennel salvage"
    )


def _not_finite(name: str) -> str:
    return f"holds NaN or infinity in {name!r:.60}: the training that it is from had failed; take another file"


def _formats(root: Any) -> dict[str, str]:
    """The format of the numbers in each storage of floating-point numbers, by the storage's key."""
    return {key: _FLOATS[kind] for key, kind in pickle_tree.storages(root) if kind in _FLOATS}


def _owner(root: Any, key: str) -> str:
    """The name in the state dict of the tensor with a storage."""
    entries: Mapping[Any, Any] = root.entries if isinstance(root, Stub) else root if isinstance(root, dict) else {}
    owners = (str(name) for name, value in entries.items() if any(key == found for found, _ in pickle_tree.storages(value)))
    return next(owners, "a tensor")


def _finite(stream: BinaryIO | IO[bytes], kind: str, length: int) -> bool:
    """Whether the next `length` bytes are finite numbers of a kind; what is cut short is left to the loader."""
    width = 2 if kind == "bf16" else np.dtype(kind).itemsize
    while length > 0 and (chunk := stream.read(min(_CHUNK, length))):
        length -= len(chunk)
        whole = chunk[: len(chunk) // width * width]
        if kind == "bf16":
            finite = (np.frombuffer(whole, "<u2") & 0x7F80) != 0x7F80
        else:
            finite = np.isfinite(np.frombuffer(whole, kind))
        if not finite.all():
            return False
    return True
