"""The HTML of a report comes from the templates beside this file, which escape every value that is not HTML already.

What is HTML has the type Markup: only templates make it. So a label, a log line or a job's name is shown as it is, whatever it
holds; characters that would turn, hide or end a line are shown as their numbers.
"""

import functools
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from contract.visible import visible

FOLDER = Path(__file__).parent / "templates"


def source(name: str) -> Markup:
    """The text of a file that goes into a page as it is: the style sheet, the script."""
    return Markup((FOLDER / name).read_text(encoding="utf-8"))


def whole(template: str, /, **values: object) -> str:
    """Renders a template."""
    return _environment().get_template(template).render(values)


def macro(template: str, name: str, /, **values: object) -> Markup:
    """Renders one macro of a template."""
    return Markup(getattr(_environment().get_template(template).module, name)(**values).strip())


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )


def _shown(value: Any) -> Any:
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value, lines=True)
