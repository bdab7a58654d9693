"""A worker that first makes a person's code ready, `python -m serve.own.prepared_worker FD SETTINGS`, then becomes a worker.

Of the models behind one port each has code and packages of its own; while they are fetched and installed the others answer.
"""

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from contract.layout import Layout
from contract.machine.process import end_with_parent
from serve.config import child_environ
from serve.errors import ServeError
from serve.handler_choice import HandlerChoice, OwnCode
from serve.own.preparation import Preparation
from serve.workers import frame


def main() -> int:
    descriptor, settings = int(sys.argv[1]), json.loads(sys.argv[2])
    end_with_parent()
    try:
        own = _ready(settings)
    except (ServeError, OSError) as error:
        with socket.socket(fileno=descriptor) as connection:
            connection.sendall(frame.pack([({"failed": str(error)}, b"")]))
        return 1
    properties = json.dumps(settings | {"code": str(own.folder)})
    os.execve(own.python, [own.python, "-m", "serve.worker", str(descriptor), properties], child_environ())


def _ready(settings: dict[str, Any]) -> OwnCode:
    preparation = Preparation(
        layout=Layout(Path(settings["model_dir"]).parent),
        environ=child_environ(),
        cache=Path(settings["cache"]) if settings["cache"] else None,
        stopped=lambda: False,  # it is killed, with all that it has started
        end=time.monotonic() + settings["seconds"],
        folder=Path(settings["own_folder"]),
        own_group=False,
    )
    own = preparation.run(HandlerChoice(kind=settings["handler"], name=settings["program"], source=settings["source"]))
    assert own is not None
    return own


if __name__ == "__main__":
    sys.exit(main())
