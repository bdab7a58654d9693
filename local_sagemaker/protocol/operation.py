"""An operation of the API: a plain function, and the members of its request that it acts on.

`Operation(create_thing, "ThingName Config.Size Tags")` says: ThingName, Config.Size and Tags (with all that is in them) are
supported. Whatever else the API's model has is refused by name before the function runs, so nothing is ignored in silence,
and a member that AWS adds tomorrow is refused until somebody lists it here. List and map positions are left out of a name:
`InputDataConfig.ChannelName` is the ChannelName of each channel.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from ..context import Platform
from ..errors import unsupported

Request = dict[str, Any]
Reply = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """`function(platform, request)` gets a checked request and returns the answer's members; it raises AwsError to refuse.

    It runs in a worker thread. Times in requests and answers are epoch seconds, blobs are bytes.
    `supported`: dotted names, parted by white space.
    """

    function: Callable[[Platform, Request], Reply]
    supported: str

    def refuse_unsupported(self, name: str, shape: StructureShape | None, request: Mapping[str, Any]) -> None:
        """Raises ValidationException naming the first member that this operation does not act on."""
        supported = frozenset(self.supported.split())
        inner = {".".join(member.split(".")[:depth]) for member in supported for depth in range(1, member.count(".") + 1)}
        for path in leaves(shape, request):
            parts = path.split(".")
            ancestors = (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
            if path not in inner and not any(ancestor in supported for ancestor in ancestors):
                raise unsupported(name, path)


def leaves(shape: Shape | None, value: Any, path: str = "") -> Iterator[str]:
    """The dotted names of what a request holds, down to scalars and empty values; list and map positions left out."""
    if isinstance(shape, StructureShape) and isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from leaves(shape.members.get(name), item, f"{path}.{name}" if path else name)
    elif isinstance(shape, ListShape) and value:
        for item in value:
            yield from leaves(shape.member, item, path)
    elif isinstance(shape, MapShape) and value:
        for item in value.values():
            yield from leaves(shape.value, item, path)
    elif path:
        yield path
