"""Who asks, and what they may ask: the owner of the root everything, a container with a key of its own what its job needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """What the key of a container may do, beside asking whose it is.

    `reads` and `writes` are how `bucket/key` of an object begins that may be read or written, `objects` are whole ones that
    may be read; what may be written may be read too. `log_group` and `log_streams` are the group of its log, and how the names
    of its streams begin. `calls` has the operations of SageMaker's API, each with the one name that it may be asked about;
    an empty name stands for any.
    """

    reads: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    log_group: str = ""
    log_streams: str = ""
    calls: Mapping[str, str] = field(default_factory=dict)

    def may_read(self, place: str) -> bool:
        """Whether the object `bucket/key` may be read."""
        return place in self.objects or place.startswith(self.reads + self.writes)

    def may_write(self, place: str) -> bool:
        """Whether the object `bucket/key` may be written and deleted."""
        return place.startswith(self.writes)

    def may_list(self, place: str) -> bool:
        """Whether the objects may be listed whose `bucket/key` begins so."""
        return place.startswith(self.reads + self.writes)

    def knows_bucket(self, bucket: str) -> bool:
        """Whether something in the bucket may be read."""
        return any(place.startswith(f"{bucket}/") for place in (*self.reads, *self.objects, *self.writes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The holder of a key. `permissions` is None for the owner of the root, who may do everything."""

    access_key: str
    secret_key: str
    arn: str
    user_id: str
    permissions: Permissions | None = None
