"""Whatever a job's data holds is shown as text: no markup, no template, nothing that turns or ends a line."""

import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from rules.reading.job_files import find
from rules.report import comparison_page, job_page, tuning, tuning_page
from rules.report.comparison import compare
from rules.report.job_report import gather
from rules.report.rendering import FOLDER, macro, whole
from tests.support import rule_jobs
from tests.support.tuning_job import search

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}{% raw %}</style>\x1b]52;c;aGk=\x07\x9b\u202e"
SHOWN = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}{% raw %}</style>\\x1b]52;c;aGk=\\x07\\x9b\\u202e"
TEMPLATES = "".join((FOLDER / name).read_text() for name in ("page.html", "parts.html", "charts.html"))
ELEMENTS = set(re.findall(r"<(\w+)", TEMPLATES))
WORDS_OF_OURS = {"status", "over", "mode", "kind", "written", "evaluated", "better"}
"""Keys whose values are a rule's or a job's state, not a job's own words."""


class Page(HTMLParser):
    """The elements of a page with their attributes, and all text outside the style sheet and the script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] not in ("style", "script"):
            self.text += data


def poisoned(value: Any, key: str = "") -> Any:
    """The data of a report with HOSTILE behind every text in it."""
    if isinstance(value, dict):
        return {name: poisoned(item, name) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(poisoned(item, key) for item in value)
    return value + HOSTILE if isinstance(value, str) and key not in WORDS_OF_OURS else value


def named(body: Any) -> Any:
    """The same, for names that are keys: of curves, metrics, settings, nodes and devices."""
    body = copy.deepcopy(body)
    for part in (body["learning"]["loss"], body["learning"]["saved"], *(body["settings"].values()), body["machine"]["nodes"]):
        part |= {f"{name}{HOSTILE}": value for name, value in part.items()}
    for row in body["learning"]["epochs"]:
        row[HOSTILE] = 1.0
    for node in body["machine"]["nodes"].values():
        for part in (node["activity"], node["other"], node["spread"], node["devices"]):
            part |= {f"{name}{HOSTILE}": value for name, value in part.items()}
    return body


def check(html: str, least: int) -> None:
    page = Page(html)
    tags = {tag for tag, _ in page.elements}
    assert [tag for tag, _ in page.elements].count("script") == 1 and html.count("<script>") == 1, "the page's own"
    assert tags <= ELEMENTS
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    sources = [attributes["src"] or "" for _, attributes in page.elements if "src" in attributes]
    assert all(source.startswith("data:image/") for source in sources)
    assert page.text.count(SHOWN) >= least and "49" + "{% raw" not in page.text
    assert not any(character in html for character in "\x1b\x07\x9b\u202e")


def test_the_page_of_a_job_shows_hostile_words_as_words(tmp_path: Path) -> None:
    job = find(str(rule_jobs.whole(tmp_path / "job")))
    body = named(poisoned(gather(job)))
    body["warnings"] = [HOSTILE]
    first, second = (row["picture"] for row in body["predictions"]["worst"])
    pictures = {first: HOSTILE, second: "data:image/jpeg;base64,AA"}
    check(job_page.page(body, pictures), 80)


def test_the_other_pages_too(tmp_path: Path) -> None:
    body = poisoned(gather(find(str(rule_jobs.whole(tmp_path / "job")))))
    other = copy.deepcopy(body)
    other["settings"]["hyperparameters"] = {HOSTILE: HOSTILE}
    check(comparison_page.page(compare(body, other)), 20)
    given = json.loads(json.dumps(search(20)).replace("weight-decay", json.dumps(HOSTILE)[1:-1]))
    given["TrainingJobs"][5]["FailureReason"] = HOSTILE
    found = tuning.gather(given)
    found["name"] = HOSTILE
    check(tuning_page.page(found), 5)


def test_html_is_only_what_a_template_made() -> None:
    assert macro("parts.html", "paragraph", words="<b>&", kind="") == "<p>&lt;b&gt;&amp;</p>"
    assert macro("parts.html", "folded", title="<b>", body=Markup("<b></b>")).count("<b>") == 1
    with pytest.raises(UndefinedError):
        whole("page.html", title="nothing else")
