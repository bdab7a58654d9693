"""A part of a report that cannot be shown is replaced by the reason and what to do about it."""

from typing import TypedDict, final


@final
class Absent(TypedDict):
    """`absent`: why the job has no such part, as a sentence or two for the page."""

    absent: str
