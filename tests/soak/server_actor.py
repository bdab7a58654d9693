"""What all actors on the local server share: the server, their random choices, and a name for each turn."""

import random
from dataclasses import dataclass, field

from tests.soak.killed_server import KilledServer


@dataclass(slots=True)
class ServerActor:
    """`count`: how many turns it has begun."""

    killed: KilledServer
    random: random.Random
    name: str
    count: int = field(default=0)

    def next_name(self) -> str:
        """A name that no turn before has had."""
        self.count += 1
        return f"{self.name.replace(' ', '-')}-{self.count}"
