"""The first process of a container in the process backend. It is run by its path, without the rest of this package.

    python -I -S container_init.py EXIT_FILE COMMAND...

It starts COMMAND, hands it SIGTERM, and when COMMAND has ended it ends everything COMMAND left behind (as a container dies
with its first process) and writes the exit code to EXIT_FILE. So the code is known even to a server that did not start it.
SIGUSR1 ends everything at once. It waits for one byte on stdin before it starts anything: a server that died before it
wrote our process id down leaves nothing running.
"""

import contextlib
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
CODE_BYTES = 4
"""Digits of an exit code, and spaces."""


def prctl(option: int, value: int) -> None:
    """Linux only; elsewhere grandchildren that leave the process group are not caught."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def start(command: list[str]) -> int:
    """Forks and execs the command in a process group of its own; returns its process id."""
    child = os.fork()
    if child:
        return child
    os.setpgid(0, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"exec {command[0]}: {error.strerror}\n".encode())
        os._exit(127)


def children() -> list[int]:
    """Our direct children, adopted ones included."""
    found = []
    for name in os.listdir("/proc") if sys.platform == "linux" else []:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            if parent == os.getpid():
                found.append(int(name))
    return found


def end(process_group: int) -> None:
    """SIGKILL to the command's group, then to what is handed up to us, until nothing is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process_group, signal.SIGKILL)
    while True:
        for child in children():
            os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def wait_for(child: int) -> int:
    """Waits for the command, reaping what it leaves to us; returns its exit code, 128 + N for signal N."""
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def reserve(part: str) -> int | None:
    """Opens the file that becomes the exit file, its bytes taken already: the program may leave the disk full. None where
    there is no room for it now."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(part)
    try:
        file = os.open(part, NEW_FILE, 0o644)
        os.write(file, b" " * CODE_BYTES)
    except OSError:
        return None
    return file


def write_code(exit_file: str, part: str, file: int | None, code: int) -> None:
    """Writes the exit code down, in what was reserved, or in a new file where the program has put something else in its place."""
    text = str(code).ljust(CODE_BYTES).encode()
    with contextlib.suppress(OSError):
        if file is not None and os.path.samestat(os.fstat(file), os.lstat(part)):
            os.pwrite(file, text, 0)
            os.replace(part, exit_file)
            return
    with contextlib.suppress(FileNotFoundError):
        os.unlink(part)  # nothing of the container lives any more that could put a link there again
    with open(os.open(part, NEW_FILE, 0o644), "wb") as new:
        new.write(text)
    os.replace(part, exit_file)


def main(arguments: list[str]) -> int:
    """Returns the command's exit code."""
    exit_file, command = arguments[0], arguments[1:]
    if not sys.stdin.buffer.read(1):
        return 1
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    part = exit_file + ".part"
    reserved = reserve(part)
    handled = {signal.SIGTERM, signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, handled)
    child = start(command)

    def forward(number: int, frame: object) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if number == signal.SIGTERM:
                os.kill(child, signal.SIGTERM)
            else:
                os.killpg(child, signal.SIGKILL)

    for number in handled:
        signal.signal(number, forward)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, handled)
    code = wait_for(child)
    signal.pthread_sigmask(signal.SIG_BLOCK, handled)
    end(child)
    with contextlib.suppress(OSError):  # on a full disk; the server that started us has it from our own exit code
        write_code(exit_file, part, reserved, code)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
