"""Why a script failed, in the words of SageMaker's toolkit: ExitCode, ErrorMessage and Command, the cause first.

Source: the texts that sagemaker_training writes to output/failure, with the error's last line and innermost frame put first, so
that they survive the 1,024 bytes that SageMaker shows.
"""

import re
import shlex
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from contract.machine import cgroup, process
from contract.reason import shortened
from train.failure import Failure, scrubbed
from train.supervisor import STOP_LIMIT, Ended

_COMMAND = 240
"""Bytes of the command that are told."""
_MESSAGE = 600
_OWN = Path(__file__).parent
NO_DOWNLOAD = (
    "nothing can be downloaded here; on this machine kennel weights FILE puts pretrained weights where torchvision looks"
)
_MISSING = re.compile(r"ModuleNotFoundError: No module named '(\w+)")
_OPENING = "Traceback (most recent call last):"
_RANK = re.compile(r"\[(?:rank|default)\d+\]: ?")
"""What PyTorch and torchrun put before each line of a rank's error."""
_SDK_TRACEBACK = "Command failed with exit code "
"""How the driver of version 3 of the SageMaker SDK begins its own error, after all that the script printed."""
_XTRACE = re.compile(r"\++ ")
"""What a shell that is told to prints before each command that it runs."""
_FRAME = re.compile(r'\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<name>\S+))?')
_ERROR = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning|Iteration|Stop)\b")


def of(kind: str, ended: Ended, command: Sequence[str], environ: Mapping[str, str]) -> Failure | None:
    """The failure of a command that ended, None where it ended well.

    `kind`: as the toolkit names it; `environ`: the job's, whose values are not told.
    """
    if ended.status == 0:
        return None
    code = ended.status if ended.status > 0 else 128 - ended.status
    message, extra = scrubbed(told(ended.tail.decode("utf-8", "replace")), environ), ""
    if ended.overdue:
        extra = f"the script did not end within {STOP_LIMIT} s of the stop signal and was killed"
    elif ended.status == -signal.SIGKILL and ended.memory_kills:
        limit = cgroup.memory_limit()
        extra = f"OutOfMemory: killed by the kernel at the memory limit{f' of {limit >> 20:,} MiB' if limit else ''}"
    elif ended.status < 0:
        extra = f"killed by {process.signal_name(-ended.status)}"
    elif "urlopen error" in message or "ConnectionError" in message:
        extra = NO_DOWNLOAD
    elif missing := _MISSING.match(message):
        extra = f"no {missing[1]} here: requirements.txt beside the entry point installs packages, and source_dir sends files"
    lines = [f"ExitCode {code}", f'ErrorMessage "{shortened(message, _MESSAGE)}"']
    lines += [f'ExtraInfo "{extra}"'] if extra else []
    lines.append(f'Command "{shortened(shlex.join(scrubbed(word, environ) for word in command), _COMMAND)}"')
    return Failure(kind, "\n".join(lines), status=code)


def told(tail: str) -> str:
    """The error that the last of standard error tells: its own line, the innermost frame, then what was printed before it."""
    lines = [_plain(line) for line in tail.replace("\r\n", "\n").split("\n")]
    # Newer Pythons mark the place below each line of a frame.
    lines = [line for line in lines if line.strip(" \t~^") and not _XTRACE.match(line)]
    lines = lines[: next((number for number, line in enumerate(lines) if line.startswith(_SDK_TRACEBACK)), None)]
    if not lines:
        return "it printed nothing to standard error"
    first = next((number for number, line in enumerate(lines) if line.strip() == _OPENING), None)
    several = first is not None and any("torch.distributed.elastic" in line for line in lines)
    end = _error_line(lines, first or 0, first_one=several)
    if end is None:
        return "\n".join([lines[-1], *lines[-6:-1]])
    frames = [found for line in lines[:end] if (found := _FRAME.match(line))]
    if not frames:
        return "\n".join([lines[end], *lines[max(0, end - 5) : end]])
    frame = next((found for found in reversed(frames) if not _is_foreign(found["file"])), frames[-1])
    place = f"{Path(frame['file']).name}:{frame['line']}" + (f" in {frame['name']}" if frame["name"] else "")
    return "\n".join([f"{lines[end]} ({place})", *lines[end + 1 : end + 3], *lines[max(0, end - 6) : end]])


def _plain(line: str) -> str:
    """A line as it was printed last over itself, without its rank."""
    shown = line.rpartition("\r")[2].rstrip()
    rank = _RANK.match(shown)
    return shown[rank.end() :] if rank else shown


def _is_foreign(file: str) -> bool:
    """Whether a frame's file is none of the script's: a package's, Python's own, or of what runs in the process beside it."""
    return "site-packages" in file or file.startswith("<frozen ") or Path(file).parent == _OWN


def _error_line(lines: Sequence[str], begin: int, *, first_one: bool) -> int | None:
    """The line that names the error: the last one, or with torchrun, whose own error comes after the script's, the first."""
    found = [number for number in range(begin, len(lines)) if _ERROR.match(lines[number])]
    return (found[0] if first_one else found[-1]) if found else None
