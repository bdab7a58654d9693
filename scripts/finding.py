"""One check's result and how a list of them is shown. What is checked is doctor.py's and lint_image.py's."""

from collections.abc import Iterable
from dataclasses import dataclass

from scripts.say import Say

_STYLES = {"ok": "", "warn": "yellow", "fail": "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """`level` is ok, warn or fail; `text` says what was found, `fix` what to do where that is needed."""

    level: str
    text: str
    fix: str = ""


def show(findings: Iterable[Finding], say: Say) -> int:
    """Prints each as it comes, with its remedy below. Returns how many failed."""
    failed = 0
    for found in findings:
        say.line(f"{found.level:<5} {found.text}", style=_STYLES[found.level])
        if found.level != "ok" and found.fix:
            say.line(f"      {found.fix}")
        failed += found.level == "fail"
    return failed
