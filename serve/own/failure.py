"""What goes wrong in a person's own code: one line when it cannot be loaded, an error for each request that it fails on.

The traceback goes to the log, with the requests' ids; what is told names the error and its place, and nothing of the requests.
"""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from sagemaker_inference.errors import BaseInferenceToolkitError, UnsupportedFormatError

from contract.reason import first_line
from serve import log
from serve.engines import engine
from serve.errors import RequestError, ServeError
from serve.workers.answer import STATUSES

_MESSAGE = 500
"""Characters of a message that is the person's own."""
_OURS = Path(__file__).parents[1]
SALVAGE = "the model holds hooks of smdebug; `kennel salvage MODEL.tar.gz` makes one without"


class HandlerError(ServeError):
    """A person's code cannot be loaded; the message names the error and its place in that code."""


def check_name(module: str) -> None:
    """Raises ValueError for a module of the person's that could not be imported beside what this program has loaded."""
    if module in sys.modules:
        raise ValueError(f"{module}.py has the name of a module that is loaded already; give it another name")


def of_load(error: BaseException, what: str, code: Path) -> HandlerError:
    """The line that ends the program. `what`: the script or handler; `code`: the folder of the person's code."""
    log.event("load_failed", "error", traceback="".join(traceback.format_exception(error)))
    place = _place(error.__traceback__, code)
    hint = f"; {SALVAGE}" if _from_hooks(error) else ""
    return HandlerError(f"{what} cannot be loaded: {type(error).__name__}: {first_line(error, 300)}{place}{hint}")


def of_requests(error: BaseException, ids: Sequence[str], code: Path) -> RequestError:
    """What requests that a handler failed on are answered, logged here."""
    log.event("handler_failed", "error", request_ids=list(ids), traceback="".join(traceback.format_exception(error)))
    if isinstance(error, RequestError):
        return error
    try:
        return _told(error, code)
    except Exception:  # an error class of a person's may fail at being told, too
        return RequestError(500, "HandlerFailed", "the model's code failed; the log has the traceback under this request_id")


def _told(error: BaseException, code: Path) -> RequestError:
    if isinstance(error, UnsupportedFormatError):
        return RequestError(415, "UnsupportedContentType", "the model does not take this content type")
    if isinstance(error, BaseInferenceToolkitError):
        return RequestError(_status(error.status_code), "HandlerError", str(error.message)[:_MESSAGE])
    if type(error).__name__ == "PredictionException":  # of multi-model-server and of TorchServe, which need not be installed
        return RequestError(_status(getattr(error, "error_code", 500)), "HandlerError", str(error)[:_MESSAGE])
    if isinstance(error, Exception) and engine.out_of_memory(error):
        return RequestError(507, "OutOfMemory", "not enough memory for this request")
    place = _place(error.__traceback__, code)
    message = f"the model's code failed: {type(error).__name__}{place}; the log has the traceback under this request_id"
    return RequestError(500, "HandlerFailed", message)


def _status(code: object) -> int:
    return code if isinstance(code, int) and code in STATUSES and code >= 400 else 500


def _place(trace: TracebackType | None, code: Path) -> str:
    """The innermost line of the person's own code, else of anybody's but this program's; as ` (file.py:3 in model_fn)`."""
    frames = [frame for frame in traceback.extract_tb(trace) if not Path(frame.filename).is_relative_to(_OURS)]
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(code)]
    if not (chosen := own or frames):
        return ""
    last = chosen[-1]
    function = "" if last.name == "<module>" else f" in {last.name}"
    return f" ({Path(last.filename).name}:{last.lineno}{function})"


def _from_hooks(error: BaseException) -> bool:
    """Whether a pickled module's hooks of smdebug are the reason: there is no smdebug, or its hook has lost its state."""
    missing = isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] == "smdebug"
    return missing or "smdebug" in str(error) or "'Hook' object has no attribute" in str(error)
