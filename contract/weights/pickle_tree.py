"""A pickle read as data, without running it: no class or function that it names is looked up.

A pickle is a program for a small stack machine. `pickle` runs it by importing what it names and calling that; here the same
instructions only build a tree, in which an object is a Stub that remembers by what name it would have been made and from what.
What such a tree stands for is decided by its readers.
"""

import pickletools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from contract.errors import PickleError
from contract.reason import first_line

TORCH_MAGIC = 0x1950A86A20F9469CFC6C
"""First value of a file that torch before 1.6 wrote: a row of pickles."""
INSTRUCTIONS = 2_000_000
"""Instructions read at most; a checkpoint of a large network has a tenth."""
_LARGEST_KEY = 1 << 60
"""Of whole numbers as keys: below it their hashes cannot be made to collide."""
_MARK = object()


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function as the pickle names it."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True, eq=False)
class Stub:
    """An object that unpickling would have made: `maker` called with `arguments`, then given state, items and entries."""

    maker: Any
    arguments: Any
    state: Any = None
    items: list[Any] = field(default_factory=list)
    entries: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reference:
    """A persistent identity: something that lies beside the pickle."""

    identity: Any


def read(stream: BinaryIO, names: set[Name]) -> Any:
    """The tree of the one pickle that starts here; the stream is left behind its end. Adds to `names` all that it names.

    Takes no more memory than the pickle's own bytes and a few hundred more an instruction. Raises PickleError for anything
    that is not a whole pickle.
    """
    machine = _Machine(names)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if count >= INSTRUCTIONS:
                raise PickleError(f"a pickle of more than {INSTRUCTIONS:,} instructions; no checkpoint of a network has as many")
            machine.step(opcode.name, argument)
        return machine.pop()
    except PickleError:
        raise
    # Hostile or broken bytes make pickletools and the machine raise nearly anything.
    except Exception as error:
        raise PickleError(f"not a whole pickle: {first_line(error, 120)}") from None


def storages(tree: Any) -> Iterator[tuple[str, str]]:
    """The key of each of torch's storages that anything in a tree refers to, and the name of its kind, such as FloatStorage."""
    todo, seen = [tree], set()
    while todo:
        value = todo.pop()
        if id(value) in seen or not isinstance(value, list | tuple | dict | Stub | Reference):
            continue
        seen.add(id(value))
        if isinstance(value, Reference):
            parts = value.identity
            if isinstance(parts, tuple) and len(parts) >= 3 and isinstance(parts[1], Name) and isinstance(parts[2], str):
                yield parts[2], parts[1].name
        elif isinstance(value, Stub):
            todo += [value.maker, value.arguments, value.state, *value.items, *value.entries.values()]
        else:
            todo += value.values() if isinstance(value, dict) else value


class _Machine:
    """Stack and memo. Sets become lists and keys that are neither text, bytes nor numbers are dropped: hashing either can
    be made to cost without end."""

    def __init__(self, names: set[Name]) -> None:
        self._names = names
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._plain: dict[str, Callable[[], Any]] = {
            "NONE": lambda: None,
            "NEWTRUE": lambda: True,
            "NEWFALSE": lambda: False,
            "MARK": lambda: _MARK,
            "EMPTY_LIST": list,
            "EMPTY_SET": list,
            "EMPTY_DICT": dict,
            "EMPTY_TUPLE": tuple,
            "LIST": self._marked,
            "FROZENSET": self._marked,
            "TUPLE": lambda: tuple(self._marked()),
            "TUPLE1": lambda: self._last(1),
            "TUPLE2": lambda: self._last(2),
            "TUPLE3": lambda: self._last(3),
            "DICT": lambda: self._paired({}, self._marked()),
            "DUP": lambda: self._stack[-1],
            "STACK_GLOBAL": lambda: self._name(*self._last(2)),
            "REDUCE": lambda: Stub(*self._last(2)),
            "NEWOBJ": lambda: Stub(*self._last(2)),
            "NEWOBJ_EX": lambda: Stub(*self._last(3)[:2]),
            "OBJ": lambda: self._made(self._marked()),
            "BINPERSID": lambda: Reference(self.pop()),
        }
        self._changing: dict[str, Callable[[], Any]] = {
            "POP": self.pop,
            "POP_MARK": self._marked,
            "APPEND": lambda: self._append(self._last(1)),
            "APPENDS": lambda: self._append(self._marked()),
            "ADDITEMS": lambda: self._append(self._marked()),
            "SETITEM": lambda: self._set(self._last(2)),
            "SETITEMS": lambda: self._set(self._marked()),
            "BUILD": self._build,
            "MEMOIZE": lambda: self._memo.__setitem__(len(self._memo), self._stack[-1]),
            "PROTO": lambda: None,
            "FRAME": lambda: None,
            "STOP": lambda: None,
        }

    def pop(self) -> Any:
        return self._stack.pop()

    def step(self, name: str, argument: Any) -> None:
        """One instruction, by its name in pickletools."""
        if name in self._plain:
            self._stack.append(self._plain[name]())
        elif name in self._changing:
            self._changing[name]()
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self._memo[argument] = self._stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self._stack.append(self._memo[argument])
        elif name == "GLOBAL":
            self._stack.append(self._name(*argument.split(" ", 1)))
        elif name == "INST":
            self._stack.append(Stub(self._name(*argument.split(" ", 1)), tuple(self._marked())))
        elif name == "PERSID":
            self._stack.append(Reference(argument))
        elif isinstance(argument, str | bytes | bytearray | int | float) and not name.startswith("EXT"):
            self._stack.append(argument)
        else:
            raise PickleError(f"the pickle has the instruction {name}, which no checkpoint needs")

    def _name(self, module: Any, name: Any) -> Name:
        if not isinstance(module, str) or not isinstance(name, str):
            raise PickleError("the pickle names something by what is no name")
        found = Name(module, name)
        self._names.add(found)
        return found

    def _last(self, count: int) -> tuple[Any, ...]:
        taken = tuple(self._stack[-count:])
        if len(taken) < count:
            raise PickleError("not a whole pickle: its stack runs empty")
        del self._stack[-count:]
        return taken

    def _marked(self) -> list[Any]:
        taken = []
        while (value := self._stack.pop()) is not _MARK:
            taken.append(value)
        return taken[::-1]

    def _made(self, parts: list[Any]) -> Stub:
        return Stub(parts[0], tuple(parts[1:]))

    def _append(self, values: Any) -> None:
        target = self._stack[-1]
        (target.items if isinstance(target, Stub) else _of(target, list)).extend(values)

    def _set(self, values: Any) -> None:
        target = self._stack[-1]
        self._paired(target.entries if isinstance(target, Stub) else _of(target, dict), values)

    def _paired(self, target: dict[Any, Any], values: Any) -> dict[Any, Any]:
        for key, value in zip(values[::2], values[1::2], strict=True):
            if isinstance(key, str | bytes | None) or (isinstance(key, int) and abs(key) < _LARGEST_KEY):
                target[key] = value
        return target

    def _build(self) -> None:
        state = self.pop()
        _of(self._stack[-1], Stub).state = state


def _of(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise PickleError(f"the pickle treats a {type(value).__name__} as a {kind.__name__}")
    return value
