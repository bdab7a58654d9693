"""The networks in a saved file: named tensors, of a pickled module or of a state dict. architecture.py says of which network.

A pickled module keeps its weights in plain dictionaries (`_parameters`, `_buffers`, `_modules`); hooks lie beside them in others
and are left where they are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contract.weights.pickle_tree import Name, Reference, Stub
from train.errors import SalvageError
from train.salvage.torch_file import Tensor, TorchFile

_PARTS = 20_000
"""Modules, or tensors, of one network at most; a tree that refers to itself has no end."""
_LONGEST = 500
"""Characters of a part's name."""
_DEPTH = 2
"""How deep in a checkpoint's dictionaries networks are looked for."""
_MAPPINGS = {Name("collections", "OrderedDict"), Name("collections", "defaultdict")}
_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


@dataclass(slots=True)
class SavedNetwork:
    """One network of a file. `place`: where in the file, by the keys that lead there. `kind`: what was saved, in words.

    `layers`: of a pickled module, each part's class and plain attributes, by the part's name.
    """

    place: str
    kind: str
    tensors: dict[str, Tensor] = field(default_factory=dict)
    layers: dict[str, tuple[Name, Mapping[str, Any]]] = field(default_factory=dict)
    hooks: int = 0

    def unwrapped(self) -> "SavedNetwork | None":
        """The network without the first part of every name (`module.` of DataParallel); None where the names do not share one."""
        first = {name.split(".")[0] for name in self.tensors}
        if len(first) != 1 or any("." not in name for name in self.tensors):
            return None
        start = f"{first.pop()}."
        layers = {name.removeprefix(start): layer for name, layer in self.layers.items() if f"{name}.".startswith(start)}
        layers = {("" if f"{name}." == start else name): layer for name, layer in layers.items()}
        tensors = {name.removeprefix(start): tensor for name, tensor in self.tensors.items()}
        return SavedNetwork(self.place, self.kind, tensors, layers, self.hooks)


def find(file: TorchFile) -> list[SavedNetwork]:
    """All networks of a file. Raises SalvageError for one with parts or tensors that cannot be."""
    return list(_below(file, file.root, "", _DEPTH))


def _below(file: TorchFile, value: Any, place: str, depth: int) -> Iterator[SavedNetwork]:
    if _is_module(value):
        yield _module(file, value, place)
        return
    entries = _mapping(value)
    if entries is None:
        return
    if len(entries) <= _PARTS and (found := _state_dict(file, entries)):
        yield SavedNetwork(place, "a state dict", found)
        return
    if depth:
        for key, inner in list(entries.items())[:_PARTS]:
            if isinstance(key, str):
                yield from _below(file, inner, f"{place}.{key}" if place else key, depth - 1)


def _mapping(value: Any) -> Mapping[Any, Any] | None:
    if isinstance(value, Stub) and value.maker in _MAPPINGS:
        return value.entries
    return value if isinstance(value, dict) else None


def _state_dict(file: TorchFile, entries: Mapping[Any, Any]) -> dict[str, Tensor]:
    """The tensors of a dictionary of nothing else; empty when it is not one of a network."""
    if not all(isinstance(key, str) for key in entries) or not any("." in key for key in entries):
        return {}
    found = {name: file.tensor(value) for name, value in entries.items()}
    return {name: tensor for name, tensor in found.items() if tensor} if all(found.values()) else {}


def _is_module(value: Any) -> bool:
    state = value.state if isinstance(value, Stub) else None
    return isinstance(state, dict) and "_parameters" in state and "_modules" in state


def _module(file: TorchFile, root: Stub, place: str) -> SavedNetwork:
    found = SavedNetwork(place, "")
    todo = [("", root)]
    while todo:
        name, module = todo.pop()
        if len(found.layers) >= _PARTS or len(name) > _LONGEST:
            raise SalvageError(f"a network of more than {_PARTS:,} parts, or one that contains itself")
        start = f"{name}." if name else ""
        state = module.state
        found.layers[name] = (_class(module), {key: value for key, value in state.items() if _is_plain(value)})
        found.hooks += sum(len(_mapping(state.get(hooks)) or ()) for hooks in _HOOKS)
        for group in ("_parameters", "_buffers"):
            for key, value in (_mapping(state.get(group)) or {}).items():
                if value is not None and not (group == "_buffers" and key in _unsaved(state)):
                    tensor = file.tensor(value)
                    if tensor is None:
                        raise SalvageError(f"{start}{key}: stands among the weights and is no tensor")
                    found.tensors[f"{start}{key}"] = tensor
        parts = [(f"{start}{key}", part) for key, part in (_mapping(state.get("_modules")) or {}).items() if _is_module(part)]
        todo += reversed(parts)
    found.kind = f"a pickled {found.layers[''][0]}"
    return found


def _class(module: Stub) -> Name:
    """What a module was an instance of: made by its class, or by copyreg with the class as the first argument."""
    arguments = module.arguments if isinstance(module.arguments, tuple) else ()
    for candidate in (*arguments[:1], module.maker):
        if isinstance(candidate, Reference) and isinstance(candidate.identity, tuple) and len(candidate.identity) > 1:
            candidate = candidate.identity[1]  # torch's old format keeps a module's source beside its class
        if isinstance(candidate, Name):
            return candidate
    return Name("", "object of an unnamed class")


def _unsaved(state: Mapping[str, Any]) -> list[Any]:
    """Names of the buffers that no state dict has."""
    value = state.get("_non_persistent_buffers_set")
    if isinstance(value, Stub):  # set([...]), as the protocols before 4 write it
        value = value.arguments[0] if isinstance(value.arguments, tuple) and value.arguments else value.items
    return value if isinstance(value, list) else []


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return len(value) <= 4 and all(type(part) in (int, float, bool) for part in value)
    return type(value) in (int, float, bool, str)
