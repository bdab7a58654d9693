"""`kennel VERB`, or `python -m scripts VERB`: one command a verb, one line an error. What a verb does is in its own file.

Exit status: 0 done, 1 a job or server failed, 2 something of the person's to mend, 130 they stopped waiting.
"""

import sys
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module

from scripts.cli.arguments import parse
from scripts.errors import LaunchError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Only what its verb needs is imported."""
    line = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(line)
    except KeyboardInterrupt:
        return _complain(line.verb, "stopped", 130)
    except LaunchError as error:
        if line.debug:
            raise
        return _complain(line.verb, str(error), error.status)
    except BrokenPipeError:
        from scripts.output import discard_output

        discard_output()  # the reader of our output has gone, as `head` does
        return 141
    except Exception as error:
        if line.debug:
            raise
        from scripts.aws.error_messages import explain

        known = explain(error)
        if known:
            return _complain(line.verb, str(known), known.status)
        return _complain(line.verb, f"a fault of kennel's own: {type(error).__name__}: {error}; --debug shows where", 1)


def _run(line: Namespace) -> int:
    from datetime import UTC, datetime

    from scripts.cli.configure import build

    config = build(line, datetime.now(UTC))
    module = import_module(f"scripts.verbs.{line.verb.replace('-', '_')}")
    if line.dry_run:
        from scripts.aws.calls import render
        from scripts.output import emit

        emit(render(module.plan(config)))
        return 0
    from scripts.cli.extras import check
    from scripts.cli.terminal import Terminal

    check(line.verb, config.settings)
    return module.run(config, Terminal())


def _complain(verb: str, text: str, status: int) -> int:
    from scripts.output import complain

    complain(f"{verb}: {text}")
    return status


if __name__ == "__main__":
    sys.exit(main())
