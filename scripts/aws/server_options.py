"""What `kennel up` was told of the local SageMaker: its account, and the commands of images that are not ours.

Both are kept in the server's folder, so that any launcher that starts it later starts the same. It starts nothing.
"""

import json
import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.errors import LaunchError

ACCOUNT = "000000000000"
FOLDER, FILE = "local", "options.json"
"""The server's root below `home`, and the file in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """`images`: (name or pattern, command line) each, in the order in which they were given."""

    account: str = ACCOUNT
    images: tuple[tuple[str, str], ...] = ()

    def changed(self, account: str | None, images: Iterable[str]) -> "ServerOptions":
        """With an account, where one is given, and more images, NAME=COMMAND each; `NAME=` takes one away.

        Raises LaunchError for an account that is none, an image without a name, a command that no shell could read.
        """
        if account is not None and not (len(account) == 12 and account.isascii() and account.isdigit()):
            raise LaunchError(f"--account {account}: an account number has 12 digits")
        commands = dict(self.images)
        for text in images:
            name, equals, command = text.partition("=")
            try:
                shlex.split(command)
            except ValueError as error:
                raise LaunchError(f"--image {text}: {error}") from None
            if not name.strip() or not equals:
                raise LaunchError(f"--image {text}: need NAME=COMMAND, such as '*/my-training:*=python train.py'")
            commands.pop(name, None)
            if command.strip():
                commands[name] = command
        return ServerOptions(account=account or self.account, images=tuple(commands.items()))


def root(home: Path) -> Path:
    """The folder of everything that the local SageMaker keeps."""
    return (home / FOLDER).absolute()


def read(home: Path) -> ServerOptions:
    """The options that are kept; the usual ones where none are, or something else is there."""
    try:
        kept = json.loads((root(home) / FILE).read_text("utf-8"))
        images = [f"{name}={command}" for name, command in kept["images"]]
        return ServerOptions().changed(kept["account"], images)
    except (OSError, ValueError, KeyError, TypeError, LaunchError):
        return ServerOptions()


def write(home: Path, options: ServerOptions) -> None:
    """Keeps the options for the next start, whole or not at all."""
    root(home).mkdir(0o700, parents=True, exist_ok=True)
    aside = root(home) / f".{FILE}"
    aside.write_text(json.dumps(asdict(options), indent=1), "utf-8")
    aside.replace(root(home) / FILE)
