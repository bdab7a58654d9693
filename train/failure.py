"""The failure of a job, and the file output/failure that tells it in the 1,024 bytes that SageMaker shows.

The cause comes first: type and message on the first line, then the last frames. Values of environment variables never get
into it, whatever a message quotes. Never imports torch.
"""

import json
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from contract.files import write_whole
from contract.reason import shortened
from train.errors import TrainError

_READ = 1 << 16
"""Characters of a message that are looked at; no more than a fraction of it fits."""
_SHORTEST_SECRET = 6
_FRAMES = 4
_HARMLESS = frozenset(
    {"SAGEMAKER_BASE_DIR", "PWD", "OLDPWD", "HOME", "PATH", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "SHELL", "TERM", "LANG", "_"}
    | {"LC_ALL", "HOSTNAME", "USER", "LOGNAME", "AWS_REGION", "SAGEMAKER_REGION", "SAGEMAKER_JOB_NAME", "CURRENT_HOST"}
    | {"MASTER_ADDR"}
    | {"TRAINING_JOB_NAME", "TRAINING_JOB_ARN", "SAGEMAKER_PROGRAM", "SAGEMAKER_SUBMIT_DIRECTORY", "KENNEL_CACHE"}
)
"""Variables that name places of the platform and no secrets; scrubbing them would make paths unreadable."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a process failed. `frames`: innermost first, as `file:line in function`. `status`: what `train` then exits with.
    `kind` is empty where the message is one that a person's own command wrote."""

    kind: str
    message: str
    frames: tuple[str, ...] = ()
    status: int = 1

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """The failure of an exception. One that a person can act on needs no frames."""
        if isinstance(error, TrainError):
            return cls(type(error).__name__, str(error))
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        shown = tuple(f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno} in {frame.name}" for frame in reversed(frames))
        return cls(type(error).__name__, str(error), shown)

    def save(self, path: Path) -> None:
        """Writes the failure for the parent process to read; the file appears whole or not at all."""
        write_whole(path, json.dumps(asdict(Failure(self.kind, self.message[:_READ], self.frames))))

    @classmethod
    def load(cls, path: Path) -> "Failure":
        body = json.loads(path.read_text(encoding="ascii"))
        return cls(body["kind"], body["message"], tuple(body["frames"]))


def write(path: Path, failure: Failure, environ: Mapping[str, str]) -> str:
    """Writes output/failure, replacing an earlier attempt's, and returns the text written."""
    text = render(failure, environ)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return text


def render(failure: Failure, environ: Mapping[str, str]) -> str:
    """The failure in at most 1,024 bytes of UTF-8, without any value of `environ` of six characters or more."""
    first = f"{failure.kind}: {failure.message[:_READ]}" if failure.kind else failure.message[:_READ]
    text = scrubbed("\n".join([_printable(first), *(f"  at {frame}" for frame in failure.frames)]), environ)
    return shortened(text)


def _printable(text: str) -> str:
    """Without lone surrogates and control characters, on as few lines as it needs."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in clean).strip()


def scrubbed(text: str, environ: Mapping[str, str]) -> str:
    """The text with the name of a variable, in brackets, for each value of six characters or more.

    A text that is cut is scrubbed before: what is left of a value that was cut would not be found.
    """
    secrets: dict[str, str] = {}
    for name, value in environ.items():
        if name not in _HARMLESS:
            pieces = {value, value.strip(), *value.split("\n"), _printable(value)}
            secrets |= {piece: name for piece in pieces if len(piece) >= _SHORTEST_SECRET}
    # The longest first: a value may hold another one.
    for value in sorted(secrets, key=len, reverse=True):
        text = text.replace(value, f"[{secrets[value]}]")
    return text
