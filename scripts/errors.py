"""The errors a launcher shows a person: one line, what, which value, what to do. Exit 2 is theirs to mend, 1 is a failed run."""


class LaunchError(Exception):
    """Something the person gave or lacks; nothing was started, or what was started is taken away again."""

    status = 2


class BrokenScript(LaunchError):
    """Python cannot compile a person's script; the message names the file and the line."""


class RunError(LaunchError):
    """What was started failed; the message says why, as far as it told."""

    status = 1


class LeftRunning(LaunchError):
    """The person stopped waiting. What they waited for goes on; the message says how to follow and how to stop it."""

    status = 130
