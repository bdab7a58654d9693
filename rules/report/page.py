"""A page is one HTML file that needs nothing beside itself: no network, no font, no script of another.

The functions return the parts that all pages share, as HTML.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from rules.report.rendering import macro, source, whole

PARTS = "parts.html"


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a page with its heading. `key`: its id in the page, for links."""

    key: str
    title: str
    body: Markup


def document(title: str, under: str, sections: Sequence[Section], lead: Markup = Markup(), foot: str = "") -> str:
    """The whole file. `under` is a line of text below the title, `lead` stands before the first section."""
    script = source("hover.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = Markup(f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'")
    return whole(
        "page.html",
        title=title,
        under=under,
        sections=sections,
        lead=lead,
        foot=foot,
        policy=policy,
        css=source("theme.css"),
        script=script,
    )


def paragraph(words: str, kind: str = "") -> Markup:
    """A paragraph of text. `kind`: a class of the style sheet."""
    return macro(PARTS, "paragraph", words=words, kind=kind)


def absent(words: str) -> Markup:
    """A paragraph in place of a figure or a section that cannot be shown."""
    return paragraph(words, "absent")


def heading(words: str) -> Markup:
    """A heading within a section."""
    return macro(PARTS, "heading", words=words)


def tiles(rows: Iterable[tuple[str, str]]) -> Markup:
    """The few numbers that matter: (value, what it is)."""
    shown = list(rows)
    return macro(PARTS, "tiles", rows=shown) if shown else Markup()


def table(head: Sequence[str], rows: Iterable[Sequence[object]], figures: Sequence[int] = ()) -> Markup:
    """A table that scrolls by itself on a narrow screen. `figures`: the columns of numbers. Raises ValueError for a row of
    another length than `head`."""
    cells = [list(row) for row in rows]
    if any(len(row) != len(head) for row in cells):
        raise ValueError(f"a row of the table {tuple(head)} has another number of cells")
    return macro(PARTS, "table", head=head, rows=cells, figures=figures)


def folded(title: str, body: Markup) -> Markup:
    """HTML that is shown when a person asks for it."""
    return macro(PARTS, "folded", title=title, body=body)


def pair(*figures: Markup) -> Markup:
    """Figures side by side where there is room."""
    return macro(PARTS, "pair", figures=figures)
