"""The extras of this package (pip's `kennel[train]`) that a verb needs on this machine, and whether they are installed.

Only where images stand for programs does a verb need more than the core packages: what it starts then runs in this environment.
"""

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution, requires
from urllib.parse import unquote, urlsplit

from scripts.aws.defaults import programs
from scripts.aws.settings import Settings
from scripts.errors import LaunchError

PACKAGE = "kennel"
_TRAIN, _SERVE = ("train_image", ("train",)), ("serve_image", ("serve", "serve-torch"))
_RENAMED = "CFLAGS=-DPyEval_CallObject=PyObject_CallObject "
"""For the C extension of pyinstrument 3, which smdebug wants: newer Pythons lack the old name of a function that it calls."""
NEEDS = {
    "train": (_TRAIN,),
    "tune": (_TRAIN,),
    "deploy": (_SERVE,),
    "demo": (_TRAIN, _SERVE),
    "salvage": ((None, ("train",)),),
    "serve-local": ((None, ("serve", "serve-torch")),),
}
"""For each verb: the settings of the images whose programs it starts, each with the extras of which it needs any one."""


def check(verb: str, settings: Settings) -> None:
    """Raises LaunchError, with the pip command, when packages are missing that the verb's programs need on this machine."""
    wanted: list[str] = []
    missing: set[str] = set()
    for image, extras in NEEDS.get(verb, ()):
        if image is None or _runs_here(image, settings):
            lacking = [absent(extra) for extra in extras]
            if all(lacking):
                wanted.append(extras[0])
                missing |= lacking[0]
    if wanted:
        flags = _RENAMED if sys.version_info >= (3, 13) and "train" in wanted else ""
        pip = f"{flags}{sys.executable} -m pip install {_source(','.join(wanted))}"
        raise LaunchError(f"not installed: {', '.join(sorted(missing))}; {pip}")


def absent(extra: str) -> set[str]:
    """The packages that an extra needs, or with `""` those of the core, and that are not installed.

    Empty where the source tree alone is on the path: then no metadata says what belongs to it.
    """
    if not _installed(PACKAGE):
        return set()
    marker = f'extra == "{extra}"' if extra else ""
    lines = [line.partition(";") for line in requires(PACKAGE) or ()]
    names = {re.split(r"[^\w.-]", requirement)[0] for requirement, _, condition in lines if condition.strip() == marker}
    return {name for name in names if not _installed(name)}


def _runs_here(image: str, settings: Settings) -> bool:
    """Whether the image of this setting stands for a program of this package."""
    here = settings.target == "local" and settings.backend == "process"
    return here and getattr(settings, image) == programs()[image]


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _source(extras: str) -> str:
    """What to give pip: the folder, the file or the address that this package was installed from, else its name."""
    came = json.loads(distribution(PACKAGE).read_text("direct_url.json") or "{}")
    url = urlsplit(came.get("url", ""))
    if url.scheme == "file":
        return f"{'-e ' * bool(came.get('dir_info', {}).get('editable'))}'{unquote(url.path)}[{extras}]'"
    if url.scheme:
        return f"'{PACKAGE}[{extras}] @ {came['vcs_info']['vcs'] + '+' if 'vcs_info' in came else ''}{came['url']}'"
    return f"'{PACKAGE}[{extras}]'"
