"""The pages in a real browser: nothing on the console, no request, every plot drawn, readable on a phone and in the dark."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rules.reading.job_files import find
from rules.report import comparison, comparison_page, tuning, tuning_page
from rules.report.job_page import page
from rules.report.job_report import gather, pictures_of, save
from rules.report.rendering import source
from tests.support import rule_jobs
from tests.support.browser import PROGRAM, Browser
from tests.support.tuning_job import search

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no chromium on this machine")

EVERY_PLOT = """[...document.querySelectorAll('.plot')].map(plot => [plot.querySelector('b').textContent,
    [...plot.querySelectorAll('path[data-name]')].map(path => {
      const area = plot.querySelector('svg').getBoundingClientRect(), box = path.getBoundingClientRect();
      return path.getTotalLength() >= 0 && box.left >= area.left - 4 && box.right <= area.right + 4
        && box.top >= area.top - 4 && box.bottom <= area.bottom + 4 && path.getAttribute('d').length > 3;
    }), plot.querySelectorAll('.tx').length, plot.querySelectorAll('.ty').length])"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    made = Browser()
    yield made
    made.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    job = find(str(rule_jobs.whole(folder / "a-job")))
    body = gather(job)
    other = gather(find(str(rule_jobs.whole(folder / "another-job"))))
    both, searched = comparison.compare(body, other), tuning.gather(search())
    return {
        "job": save(folder / "job", page(body, pictures_of(job, body)), body),
        "comparison": save(folder / "comparison", comparison_page.page(both), both),
        "tuning": save(folder / "tuning", tuning_page.page(searched), searched),
    }


@pytest.mark.parametrize("kind", ["job", "comparison", "tuning"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_page_is_drawn_without_a_complaint_or_a_request(
    kind: str, dark: bool, browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages[kind], dark=dark)
    plots = browser.run(EVERY_PLOT)
    assert len(plots) >= 3 and all(drawn and all(drawn) and across and up for _, drawn, across, up in plots), plots
    assert browser.complaints == []
    assert [url for url in browser.requests if not url.startswith("data:")] == [pages[kind].as_uri()]
    text = browser.run("getComputedStyle(document.body).color")
    paper = browser.run("getComputedStyle(document.body).backgroundColor")
    light = [sum(int(part) for part in colour[4:-1].split(",")) for colour in (text, paper)]
    assert (light[0] > light[1] + 300) if dark else (light[1] > light[0] + 300), (text, paper)


def test_pictures_bars_and_the_matrix_are_there(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["job"])
    assert browser.run("[...document.images].length") == 2
    assert browser.run("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert browser.run(
        "[...document.querySelectorAll('.whole')].every(whole => whole.offsetWidth > 100 && whole.children.length)"
    )
    assert browser.run("document.querySelectorAll('.matrix rect').length") == 4
    parts = "[...document.querySelector('.whole').children].reduce((sum, part) => sum + part.getBoundingClientRect().width, 0)"
    assert browser.run(parts) == pytest.approx(browser.run("document.querySelector('.whole').offsetWidth"), abs=1), "all of it"


@pytest.mark.parametrize("kind", ["job", "comparison", "tuning"])
def test_a_phone_shows_it_without_scrolling_sideways(kind: str, browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages[kind], width=360, height=740)
    assert browser.run("document.documentElement.scrollWidth") <= 360
    sizes = "[...document.querySelectorAll('.tx, .ty, .key')].map(label => parseFloat(getComputedStyle(label).fontSize))"
    assert min(browser.run(sizes)) >= 11, "a label keeps its size however narrow the plot is"


def test_the_pointer_shows_values(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["job"])
    box = "document.querySelector('.area').getBoundingClientRect()"
    place = f"(() => {{ const box = {box}; return [box.left, box.top, box.width]; }})()"
    left, top, width = browser.run(place)
    browser.move(left + width / 2, top + 20)
    lines = browser.run("[...document.querySelectorAll('.tip div')].map(line => line.textContent)")
    assert lines[0] == "30" and lines[1].startswith("train, running median  0.06") and lines[2].startswith("validation  1.25"), (
        lines
    )
    browser.move(1, 1)
    assert browser.run("document.querySelectorAll('.tip, .cross').length") == 0


def test_without_script_nothing_is_missing(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["job"], script=False)
    assert browser.run("document.querySelectorAll('.plot path[data-name]').length") > 10
    assert browser.complaints == []


def test_the_file_names_no_place_to_fetch_from(pages: dict[str, Path]) -> None:
    for path in pages.values():
        html = path.read_text()
        assert "http://" not in html and "https://" not in html and " src=" not in html.replace(' src="data:image/jpeg', "")
        assert "default-src 'none'" in html and html.count("<script>") == 1 and source("hover.js") in html
    assert "url(" not in source("theme.css") and "@import" not in source("theme.css") and "eval" not in source("hover.js")
