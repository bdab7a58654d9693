"""A worker process, `python -m serve.worker FD SETTINGS`: loads the model, then answers the batches that the frontend sends.

FD is its end of a socket to the frontend, and the only thing that it reads: one frame is a batch, one frame the answers to it.
The first frame it sends says `ready` with its precision, or `failed` with the reason. The prediction is the handler's.
"""

import contextlib
import faulthandler
import json
import os
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

from contract.errors import ContractError
from contract.machine.process import end_with_parent
from serve import log
from serve.context import Context
from serve.errors import ServeError
from serve.workers import frame

_PIECE = 1 << 18
"""Bytes read at a time: somewhat more than a Unix socket holds."""


def main() -> int:
    connection, properties = socket.socket(fileno=int(sys.argv[1])), json.loads(sys.argv[2])
    end_with_parent()  # in whatever it is just then; idle, it would see so itself
    _be_killed_first()
    connection.set_inheritable(False)
    os.set_inheritable(properties["output"], False)
    os.register_at_fork(after_in_child=connection.close)  # or a child that outlives this process would keep it open
    try:
        handler = _handler(properties)
        handler.initialize(Context(properties))
    except Exception as error:
        reason = _reason(error)
        log.flush()  # before it is known: the program ends with it, and kills this process
        connection.sendall(frame.pack([({"failed": reason}, b"")]))
        return 1
    own = os.getpid()
    _print_to(properties["output"])
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(frame.pack([({"ready": handler.precision}, b"")]))
        frames = frame.Frames()
        while data := connection.recv(_PIECE):
            for batch in frames.feed(data):
                context = Context(properties, [fields for fields, _ in batch])
                bodies = handler.handle([{"body": body} for _, body in batch], context)
                if os.getpid() != own:
                    return 0  # a handler has forked, and this is the child: the answer is its parent's to send
                connection.sendall(frame.pack(list(zip(context.answers, bodies, strict=True))))
    return 0


def _handler(properties: dict[str, Any]) -> Any:
    """Imported here, so that an import error is told to the frontend like any other."""
    if "program" not in properties:
        from serve.classifier.handler import PictureClassifier

        return PictureClassifier()
    from serve.handler_choice import SCRIPT

    faulthandler.enable(all_threads=False)  # the place of a crash in a library is told, too
    os.chdir(properties["model_dir"])  # where a script looks for its files
    if properties["compat"]:
        from contract.script import old_names

        old_names.main({})
    sys.path[:0] = [properties["code"], properties["model_dir"]]
    if properties["handler"] == SCRIPT:
        from serve.own.script_handler import ScriptHandler

        return ScriptHandler()
    from serve.own.custom_handler import CustomHandler

    return CustomHandler()


def _print_to(output: int) -> None:
    """From here on what this process prints is read by no pipe's reader."""
    log.flush()
    os.dup2(output, log.STDOUT)
    os.dup2(output, log.STDERR)
    os.close(output)


def _be_killed_first() -> None:
    """When memory runs out, the kernel is to take the worker with the large picture, not the frontend."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _reason(error: Exception) -> str:
    if isinstance(error, ServeError | ContractError):
        return " ".join(str(error).split())
    log.event("load_failed", "error", traceback=traceback.format_exc())
    return f"the model cannot be loaded: {type(error).__name__}: {' '.join(str(error).split())[:200]}"


if __name__ == "__main__":
    status = main()
    log.flush()
    os._exit(status)  # an engine's threads have nothing to finish, and some take their time over it
