"""What the names of images stand for on this machine, as the command line of the server says. It starts nothing.

A name that is in the table itself goes first; after it the names with a `*`, in the order in which they were given.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

START = "python -m local_sagemaker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What an image name stands for in the process backend: an entry point, and the image's own ENV.

    `runs_commands`: the entry point runs what a training job's ContainerEntrypoint and ContainerArguments say, which are its
    arguments then. Without, ContainerEntrypoint is started in its place.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    runs_commands: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTable:
    """The images that the server was told of.

    `commands`: what the process backend runs for a name or pattern. `aliases`: the image that runs in the place of those that a
    name or pattern stands for; `serving_aliases`: the same for a model's image, looked at before. `remarks`: what a job is told
    of the image that runs in the place of its own. `start`: what a person types to start this server, for messages.
    """

    commands: Mapping[str, Image] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    serving_aliases: Mapping[str, str] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)
    start: str = START

    def stands_for(self, name: str, *, serves: bool = False) -> tuple[str, bool]:
        """The entry of `commands`, or the image, that runs when this image is asked for; whether that is another image.

        `serves`: it is a model's.
        """
        if (entry := _match(name, self.commands)) is not None:
            return entry, False
        for aliases in (self.serving_aliases, self.aliases) if serves else (self.aliases,):
            if (entry := _match(name, aliases)) is not None:
                return aliases[entry], True
        return name, False

    def remark(self, name: str, instead: str) -> str:
        """The sentence that says which image runs in the place of `name`: without registry, with what was said of it."""
        about = self.remarks.get(instead)
        return f"{name.rpartition('/')[2]} runs as {instead}{f': {about}' if about else ''}."

    def remedy(self, name: str) -> str:
        """What a person can do about an image that nothing here can run: which images are known, and how to make one known."""
        known = ", ".join(sorted({*self.commands, *self.aliases, *self.serving_aliases})) or "none"
        return f"Images known here: {known}. To run this one as a process: {self.start} --image '{name}=COMMAND'"


def _match(name: str, entries: Iterable[str]) -> str | None:
    """The entry for a name: the one that is equal to it, else the first of those with a `*` that fits."""
    patterns = list(entries)
    if name in patterns:
        return name
    return next((pattern for pattern in patterns if "*" in pattern and fnmatchcase(name, pattern)), None)
