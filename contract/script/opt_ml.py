"""Shows a script its container's private folder at /opt/ml, and a job's hosts, in a mount namespace of its own. Linux only.

    python -I -S opt_ml.py asked|needed BASE COMMAND...

So scripts work that name /opt/ml/model by itself, and not by SM_MODEL_DIR, where /opt/ml is no folder of the container; and
algo-1 is a name there, too: of this machine, on which all hosts of a job are. Root needs a mount namespace for that, and anybody
else a user namespace too, which some machines refuse: then the command runs without, and the log says so, or where the folder is
needed there, the command does not run. This file is run by its path, without the rest of the package.
"""

import ctypes
import json
import os
import sys
import tempfile
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
PLACE, HOSTS = Path("/opt/ml"), Path("/etc/hosts")
ASKED, NEEDED = "asked", "needed"
REMEDIES = {
    ASKED: "a script that names it by itself needs os.environ['SM_MODEL_DIR'] and its like",
    NEEDED: "the job's command names it and is not run; start the local SageMaker as root, or have the machine allow user "
    "namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)",
}


def command(base: Path, words: list[str], *, needed: bool = False) -> list[str]:
    """The same command, to which `base` is /opt/ml as well. `needed`: it is not to run where that cannot be."""
    return [sys.executable, "-I", "-S", __file__, NEEDED if needed else ASKED, str(base), *words]


def main(arguments: list[str]) -> None:
    need, base, *words = arguments
    # A child tries first: what fails half-way must not leave this process in another namespace.
    child = os.fork()
    if not child:
        try:
            show(base)
        except OSError as error:
            told = f"{PLACE} is not the job's folder here ({error}): {REMEDIES[need]}\n"
            os.write(2 if need == NEEDED else 1, told.encode(errors="replace"))
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        show(base)
    elif need == NEEDED:
        os._exit(1)
    try:
        os.execvp(words[0], words)
    except OSError as error:
        os.write(2, f"{words[0]}: {error.strerror}\n".encode())
        os._exit(127)


def show(base: str) -> None:
    """Puts this process in a namespace of its own, in which `base` is at /opt/ml. Raises OSError."""
    user, group, here = os.geteuid(), os.getegid(), os.getcwd()
    unshare(CLONE_NEWNS | (CLONE_NEWUSER if user else 0))
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    if not PLACE.is_dir():
        _make_place(base)
    mount(base, str(PLACE), None, MS_BIND | MS_REC)
    _name_hosts(base)
    os.chdir(here)


def _name_hosts(base: str) -> None:
    """Has the names of the job's hosts lead to this machine."""
    try:
        with open(f"{base}/input/config/resourceconfig.json", encoding="utf-8") as file:
            names = [name for name in json.load(file)["hosts"] if name.replace("-", "").isalnum()]
    except FileNotFoundError:
        return  # an endpoint's container, which has no other hosts
    known = HOSTS.read_text(encoding="utf-8", errors="replace") if HOSTS.is_file() else ""
    with tempfile.NamedTemporaryFile("w", prefix="hosts-", encoding="utf-8") as file:  # once mounted, it needs no name
        file.write(f"{known}\n127.0.0.1 {' '.join(names)}\n")
        file.flush()
        os.chmod(file.name, 0o644)
        mount(file.name, str(HOSTS), None, MS_BIND)


def _make_place(base: str) -> None:
    """An /opt in memory with all that is in the real one, and an empty ml. `base` stays where it is seen, even below /opt."""
    opt = PLACE.parent
    if Path(base) == opt or not opt.is_dir():
        raise OSError(f"{opt} cannot have it")
    entries = [(path, os.open(path, os.O_PATH | os.O_NOFOLLOW)) for path in sorted(opt.iterdir())]
    links = {path: os.readlink(path) for path, _ in entries if path.is_symlink()}
    folders = {path for path, _ in entries if path.is_dir() and path not in links}
    mount("tmpfs", str(opt), "tmpfs", 0)
    for path, descriptor in entries:
        if path in links:
            path.symlink_to(links[path])
        else:
            path.mkdir() if path in folders else path.touch()
            mount(f"/proc/self/fd/{descriptor}", str(path), None, MS_BIND | MS_REC)
        os.close(descriptor)
    PLACE.mkdir()


def unshare(flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        raise _error("unshare")


def mount(source: str, target: str, kind: str | None, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), target.encode(), kind.encode() if kind else None, ctypes.c_ulong(flags), None):
        raise _error(f"mount {target}")


def _error(what: str) -> OSError:
    """The error of the C library's last call."""
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), what)


if __name__ == "__main__":
    main(sys.argv[1:])
