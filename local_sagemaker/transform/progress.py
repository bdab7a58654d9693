"""How far a transform job has come, in its own folder: the objects that it was begun with, and those that are done.

So a server that is started after this one died neither sends an object twice that is done nor takes objects in that came later.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from ..containers.untrusted_folder import UntrustedFolder
from .input_objects import InputObject

PLAN, DONE = "objects", "done"


@dataclass(frozen=True, slots=True)
class Progress:
    """The two files, below `folder`: of each line a value of JSON. Lines of what is done begin with their line break, so that one
    of which a full disk or a killed server left half costs no other."""

    folder: UntrustedFolder

    def plan(self, objects: Iterable[InputObject]) -> None:
        """Writes down what the job reads, whole or not at all."""
        self.folder.make()
        aside = f"{PLAN}.part"
        self.folder.delete(aside)
        with self.folder.create(aside) as file:
            for one in objects:
                file.write(json.dumps(one).encode() + b"\n")
        self.folder.rename(aside, PLAN)

    def is_planned(self) -> bool:
        """Whether that was done."""
        try:
            return self.folder.has(PLAN)
        except FileNotFoundError:
            return False

    def objects(self) -> list[InputObject]:
        """What the job reads."""
        with self.folder.reader(PLAN) as file:
            return [InputObject(*json.loads(line)) for line in file]

    def note(self, key: str, failure: str = "") -> None:
        """An object is done; `failure` says why its output is not there."""
        with self.folder.appender(DONE) as file:
            file.write(b"\n" + json.dumps([key, failure]).encode())

    def done(self) -> dict[str, str]:
        """The failures of the objects that are done, by their keys; empty texts where there was none.

        Half a line is left out: that object is done again.
        """
        found: dict[str, str] = {}
        if self.folder.has(DONE):
            with self.folder.reader(DONE) as file:
                for line in file:
                    try:
                        key, failure = json.loads(line)
                    except ValueError:
                        continue
                    found[key] = failure
        return found
