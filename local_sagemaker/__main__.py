"""`python -m local_sagemaker --root DIR --port N`: starts the server. Exit 0 after SIGTERM, 2 when it cannot start."""

import asyncio
import sys
from collections.abc import Sequence

from .config import read_config
from .containers import orphans
from .errors import AwsError, StartError
from .server import serve


def main(arguments: Sequence[str]) -> int:
    """Runs the server until it is told to stop."""
    orphans.adopt()
    try:
        asyncio.run(serve(read_config(arguments)))
    except (StartError, AwsError) as error:
        message = error.message if isinstance(error, AwsError) else str(error)
        print(f"error: {message}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
