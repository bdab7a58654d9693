"""The result of one check of `kennel doctor` or `kennel lint-image`; cli/terminal.py shows a list of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`level` is ok, warn or fail; `text` says what was found, `fix` what to do where that is needed."""

    level: str
    text: str
    fix: str = ""
