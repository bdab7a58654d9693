"""The `serve` command: read the configuration, then run the program. SageMaker starts the image as `IMAGE serve`."""

import signal
import sys
from types import FrameType


def main() -> int:
    """Exit status of one whole run."""
    # PID 1 ignores SIGTERM until it has a handler; the imports below take a moment, so this comes first.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    from serve import config, program
    from serve.errors import ConfigError

    if sys.argv[1:] not in ([], ["serve"]):
        print(f"serve: takes no argument but `serve`, not {' '.join(sys.argv[1:])[:80]!r}", file=sys.stderr)
        return 2
    try:
        settings = config.from_environ()
    except ConfigError as error:
        print(f"serve: {error}", file=sys.stderr)
        return 1
    return program.run(settings)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
