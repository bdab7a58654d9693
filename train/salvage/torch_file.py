"""A file that `torch.save` or `pickle.dump` wrote, read as data: the tree of its objects, and its tensors.

It may be the zip that torch writes since 1.6, the row of pickles of older versions, or a bare pickle. Nothing in the file is run,
and nothing is unpacked to disk: a tensor's bytes are read when it is asked for.
"""

import io
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch

from contract.errors import PickleError
from contract.reason import first_line
from contract.weights import pickle_tree
from contract.weights.pickle_tree import Name, Reference, Stub
from train.errors import SalvageError

LARGEST = 4 << 30
"""Bytes of a file: the largest torchvision classifier has 2.5 GB."""
_MEMBERS = 100_000
_WRAPPERS = 8
_TYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_VIEWS = {Name("torch._utils", "_rebuild_tensor"), Name("torch._utils", "_rebuild_tensor_v2")}
_PARAMETERS = {Name("torch._utils", "_rebuild_parameter"), Name("torch._utils", "_rebuild_parameter_with_state")}
_TYPED = Name("torch._tensor", "_rebuild_from_type_v2")
_INLINE = Name("torch.storage", "_load_from_bytes")
UNDERSTOOD = frozenset({*_VIEWS, *_PARAMETERS, _TYPED, _INLINE, *(Name("torch", name) for name in _TYPES)})
"""The allow list: what has a meaning here. Of everything else only the name is kept."""


@dataclass(frozen=True, slots=True)
class Storage:
    """`count` numbers of one kind; `read` gives their bytes, or fewer when the file is damaged."""

    dtype: torch.dtype
    count: int
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor that is still in the file: a view of a storage, checked to lie within it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def load(self) -> torch.Tensor:
        """The numbers, contiguous and on the CPU. Raises SalvageError when the file does not have them all."""
        storage = self.storage
        data = storage.read()
        if len(data) != storage.count * storage.dtype.itemsize:
            raise SalvageError(f"damaged: {len(data):,} bytes where {storage.count:,} x {storage.dtype} should be")
        flat = torch.frombuffer(bytearray(data), dtype=storage.dtype) if data else torch.empty(0, dtype=storage.dtype)
        return flat.as_strided(self.shape, self.stride, self.offset).clone(memory_format=torch.contiguous_format)


@dataclass(slots=True)
class TorchFile:
    """`root`: what was saved. `names`: all classes and functions that it names. `format`: how it was written, in words."""

    root: Any
    format: str
    names: set[Name]
    _find: Callable[[str, torch.dtype, int], Storage]
    _inline: dict[int, Storage] = field(default_factory=dict)

    def tensor(self, value: Any) -> Tensor | None:
        """The tensor that a value of the tree stands for; None when it is none. Raises SalvageError for an impossible one."""
        for _ in range(_WRAPPERS):
            if not isinstance(value, Stub) or not isinstance(value.arguments, tuple):
                return None
            if value.maker in _VIEWS:
                return self._view(*value.arguments[:4])
            if value.maker in _PARAMETERS and value.arguments:
                value = value.arguments[0]
            elif value.maker == _TYPED and len(value.arguments) >= 3:
                value = Stub(value.arguments[0], value.arguments[2])
            else:
                return None
        raise SalvageError("a tensor wrapped in itself")

    def _view(self, storage: Any = None, offset: Any = None, shape: Any = None, stride: Any = None) -> Tensor:
        shape = tuple(shape.items) if isinstance(shape, Stub) else shape
        whole = isinstance(shape, tuple) and isinstance(stride, tuple) and len(shape) == len(stride) <= 8
        if not whole or not all(type(value) is int and 0 <= value < 1 << 48 for value in (offset, *shape, *stride)):
            raise SalvageError("a tensor without a proper shape")
        found = self._storage(storage)
        last = offset + sum((side - 1) * step for side, step in zip(shape, stride, strict=True))
        if 0 not in shape and (last >= found.count or math.prod(shape) > found.count):
            raise SalvageError(f"a tensor of shape {list(shape)} reaches beyond its {found.count:,} numbers")
        return Tensor(found, offset, shape, stride)

    def _storage(self, value: Any) -> Storage:
        if isinstance(value, Stub) and value.maker == _INLINE and isinstance(value.arguments, tuple):
            # A tensor in a bare pickle: its bytes are a small file of torch's own.
            if id(value) not in self._inline:
                inner = _pickles(io.BytesIO(bytes(value.arguments[0])), self.names)
                self._inline[id(value)] = inner._storage(inner.root)
            return self._inline[id(value)]
        identity = value.identity if isinstance(value, Reference) else None
        if not isinstance(identity, tuple) or len(identity) < 5 or identity[0] != "storage":
            raise SalvageError("a tensor without its storage")
        kind, key, count = identity[1], identity[2], identity[4]
        if not isinstance(kind, Name) or kind.name not in _TYPES or kind.module.split(".")[0] != "torch":
            raise SalvageError(f"numbers of the kind {str(kind)[:60]}; known are {', '.join(_TYPES)}")
        if not isinstance(key, str) or type(count) is not int or not 0 <= count < 1 << 48 or (identity[5:] not in ((), (None,))):
            raise SalvageError("a storage without a proper key and size")
        return self._find(key, _TYPES[kind.name], count)


def open_file(path: Path, stream: BinaryIO) -> TorchFile:
    """Read the tree of a file that was opened for reading. Raises SalvageError for one that torch or pickle did not write."""
    size = stream.seek(0, io.SEEK_END)
    if size > LARGEST:
        raise SalvageError(f"{path.name}: {size:,} bytes; at most {LARGEST:,} are read")
    stream.seek(0)
    start = stream.read(4)
    stream.seek(0)
    if start == b"PK\x03\x04":
        return _zip(stream, size)
    names: set[Name] = set()
    root = _read(stream, names)
    if root == pickle_tree.TORCH_MAGIC:
        stream.seek(0)
        return _pickles(stream, names)
    return TorchFile(root, "a bare pickle", names, _nowhere)


def _read(stream: BinaryIO, names: set[Name]) -> Any:
    try:
        return pickle_tree.read(stream, names)
    except PickleError as error:
        raise SalvageError(str(error)) from None


def _zip(stream: BinaryIO, size: int) -> TorchFile:
    try:
        archive = zipfile.ZipFile(stream)
        members = archive.infolist()
    # zipfile raises struct.error, ValueError and more on broken bytes, beside its own error.
    except Exception as error:
        raise SalvageError(f"a damaged zip: {first_line(error, 120)}") from None
    if any(member.filename.endswith("/constants.pkl") for member in members):
        raise SalvageError("a TorchScript program; torch.jit.load it and save its state_dict()")
    # torch stores without compressing, so the members together are no larger than the file: no bomb has room.
    if len(members) > _MEMBERS or sum(member.file_size for member in members) > size:
        raise SalvageError("a zip whose contents are larger than itself; torch writes none")
    if any(member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 for member in members):
        raise SalvageError("a compressed zip; torch writes none (if it is an archive with the file in it, unpack it first)")
    known = {member.filename: member for member in members}
    roots = [name for name in known if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(roots) != 1:
        raise SalvageError("a zip without torch's data.pkl; give the file that torch.save wrote")
    folder = roots[0].removesuffix("data.pkl")

    def member(name: str) -> bytes:
        try:
            return archive.read(known[name])
        except Exception as error:
            raise SalvageError(f"damaged: {name[-60:]}: {first_line(error, 120)}") from None

    if f"{folder}byteorder" in known and member(f"{folder}byteorder") != b"little":
        raise SalvageError("written on a big-endian machine; save it again on a little-endian one")
    names: set[Name] = set()
    root = _read(io.BytesIO(member(roots[0])), names)

    def find(key: str, dtype: torch.dtype, count: int) -> Storage:
        return Storage(dtype, count, lambda: member(f"{folder}data/{key}"))

    return TorchFile(root, "zip", names, find)


def _pickles(stream: BinaryIO, names: set[Name]) -> TorchFile:
    """Magic, version, a description of the machine, the tree, the keys of the storages; then each storage's length and bytes."""
    if _read(stream, names) != pickle_tree.TORCH_MAGIC:
        raise SalvageError("a tensor whose bytes torch did not write")
    version, machine = _read(stream, names), _read(stream, names)
    if version != 1001 or not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise SalvageError("a version of torch's old format that is not known")
    root, keys = _read(stream, names), _read(stream, names)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise SalvageError("torch's old format without its list of storages")
    kinds = {key: _TYPES.get(kind, torch.uint8) for key, kind in pickle_tree.storages(root)}
    places: dict[str, tuple[int, int]] = {}
    end = stream.tell()
    for key in keys:
        stream.seek(end)
        count = int.from_bytes(stream.read(8), "little")
        if key not in kinds or count >= 1 << 48:
            raise SalvageError(f"damaged: storage {key[:40]} is not used, or has {count:,} numbers")
        places[key] = (end + 8, count * kinds[key].itemsize)
        end = sum(places[key])

    def read(key: str) -> bytes:
        if key not in places:
            raise SalvageError(f"damaged: storage {key[:40]} is missing")
        stream.seek(places[key][0])
        return stream.read(places[key][1])

    def find(key: str, dtype: torch.dtype, count: int) -> Storage:
        return Storage(dtype, count, lambda: read(key))

    return TorchFile(root, "the format before torch 1.6", names, find)


def _nowhere(key: str, dtype: torch.dtype, count: int) -> Storage:
    raise SalvageError("a bare pickle that keeps its numbers elsewhere")
