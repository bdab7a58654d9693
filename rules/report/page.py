"""An HTML file that needs nothing beside itself: no network, no font, no script of another. Its policy forbids it any request.

What goes in as text is escaped here; what goes in as HTML was made by charts.py or by this file.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rules.report.charts import text
from rules.report.hover import JS
from rules.report.theme import CSS


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a page. `body` is HTML."""

    key: str
    title: str
    body: str


def document(title: str, under: str, sections: Sequence[Section], lead: str = "", foot: str = "") -> str:
    """The whole file. `under` is a line of text below the title, `lead` HTML before the first section."""
    script = base64.b64encode(hashlib.sha256(JS.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{script}'"
    links = "".join(f'<a href="#{part.key}">{text(part.title)}</a>' for part in sections)
    body = "".join(f'<section id="{part.key}"><h2>{text(part.title)}</h2>{part.body}</section>' for part in sections)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{policy}"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><title>{text(title)}</title><style>{CSS}</style></head><body><main><header><h1>{text(title)}</h1>'
        f'<p class="soft">{text(under)}</p><nav>{links}</nav></header>{lead}{body}<footer>{text(foot)}</footer></main>'
        f"<script>{JS}</script></body></html>\n"
    )


def paragraph(words: str, kind: str = "") -> str:
    return f'<p class="{kind}">{text(words)}</p>' if kind else f"<p>{text(words)}</p>"


def absent(words: str) -> str:
    """Said in place of a plot."""
    return paragraph(words, "absent")


def tiles(rows: Iterable[tuple[str, str]]) -> str:
    """The few numbers that matter: (value, what it is)."""
    shown = "".join(f'<div class="tile"><b>{text(value)}</b><span>{text(name)}</span></div>' for value, name in rows)
    return f'<div class="tiles">{shown}</div>' if shown else ""


def table(head: Sequence[str], rows: Iterable[Sequence[object]], figures: Sequence[int] = ()) -> str:
    """A table that scrolls by itself on a narrow screen. `figures`: the columns of numbers."""
    kinds = [' class="n"' if column in figures else "" for column in range(len(head))]
    top = "".join(f"<th{kind}>{text(name)}</th>" for kind, name in zip(kinds, head, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{text(cell)}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def folded(title: str, body: str) -> str:
    """HTML that is shown when a person asks for it."""
    return f"<details><summary>{text(title)}</summary>{body}</details>"


def pair(*figures: str) -> str:
    """Figures side by side where there is room."""
    return f'<div class="pair">{"".join(figures)}</div>'
