"""The `serve` command: read the configuration, then run the program. SageMaker starts the image as `IMAGE serve`."""

import signal
import sys
from types import FrameType


def _leave(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    sys.exit(0)


# PID 1 ignores SIGTERM until it has a handler, and the imports below take a moment.
for _number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(_number, _leave)

from serve import config, log, program  # noqa: E402
from serve.errors import ConfigError  # noqa: E402


def main() -> int:
    """Exit status of one whole run."""
    log.hold_standard_streams()
    if sys.argv[1:] not in ([], ["serve"]):
        log.last_line(f"serve: takes no argument but `serve`, not {' '.join(sys.argv[1:])[:80]!r}")
        return 2
    try:
        settings = config.from_environ()
    except ConfigError as error:
        log.last_line(f"serve: {error}")
        return 1
    if settings.multi:
        from serve.multi import program as multi_program  # a classifier's own front loads nothing of it

        return multi_program.run(settings)
    return program.run(settings)


if __name__ == "__main__":
    sys.exit(main())
