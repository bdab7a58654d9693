"""The line of a log that a metric's regex was probably meant for, where it matched none. Pure, and never runs that regex.

A regex is turned into the text it stands for, such as `Average loss: 0` for `Average loss: ([0-9\\.]+)`, and compared with the
lines, their numbers all alike.
"""

import difflib
import re
from collections.abc import Iterable

MOST_LINES = 5000
"""Lines that are looked at, of which those that differ in their numbers only count as one."""
LONGEST_LINE = 500
_ENOUGH = 0.5
"""Share of the text that a line has to have in common with it, in runs of three letters or more."""
_NUMBER = re.compile(r"[-+]?\d[\d.,]*(?:e[-+]?\d+)?", re.IGNORECASE)
_CLASSES = {"d": "0", "s": " ", "w": "a", "t": " "}
_NOTHING = "DSWbBAZn"


def nearest(regex: str, lines: Iterable[str]) -> str | None:
    """The first of the lines that come nearest; None when none comes near, or the regex has no text of its own."""
    wanted = _plain(sample(regex))
    if len(wanted.replace("0", "").strip()) < 3:
        return None
    distinct: dict[str, str] = {}
    for line in lines:
        distinct.setdefault(_plain(line[:LONGEST_LINE]), line)
        if len(distinct) >= MOST_LINES:
            break
    matcher = difflib.SequenceMatcher(None, autojunk=False)
    matcher.set_seq2(wanted)
    best, found = 0.0, None
    for plain, line in distinct.items():
        matcher.set_seq1(plain)
        common = sum(block.size for block in matcher.get_matching_blocks() if block.size >= 3) / len(wanted)
        if common > best:
            best, found = common, line
    return found if best >= _ENOUGH else None


def explained(regex: str, lines: Iterable[str]) -> str:
    """Why a metric has no value, for a person: the regex, and the line that it was probably meant for."""
    line = nearest(regex, lines)
    told = f"the nearest: {line.strip()[:LONGEST_LINE]}" if line is not None else "and none comes near"
    return f"no line of the log matches {regex!r}; {told}"


def sample(regex: str) -> str:
    """A text that the regex may stand for: groups and repetitions are taken once, a set of letters is a 0, a dot is nothing."""
    text, place = [], 0
    while place < len(regex):
        letter = regex[place]
        if letter == "\\" and place + 1 < len(regex):
            following = regex[place + 1]
            text.append("" if following in _NOTHING else _CLASSES.get(following, following))
            place += 2
        elif letter == "[":
            end = _end_of_set(regex, place)
            text.append("0")
            place = end
        elif letter == "(":
            opened = re.compile(r"\((\?(P?<\w+>|P=\w+|[a-zA-Z-]*[:)]|<?[=!]))?").match(regex, place)
            place = opened.end() if opened else place + 1
        elif letter == "{":
            place = regex.find("}", place) + 1 or len(regex)
        else:
            text.append("" if letter in ")^$*+?." else " " if letter == "|" else letter)
            place += 1
    return "".join(text)


def _end_of_set(regex: str, start: int) -> int:
    """The place behind the bracket that closes the set which opens at `start`."""
    place = start + 1
    if regex[place : place + 1] == "^":
        place += 1
    if regex[place : place + 1] == "]":
        place += 1  # a bracket that comes first is one of the set
    while place < len(regex) and regex[place] != "]":
        place += 2 if regex[place] == "\\" else 1
    return place + 1


def _plain(text: str) -> str:
    return " ".join(_NUMBER.sub("0", text).lower().split())
