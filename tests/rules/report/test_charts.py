"""Plots hold the numbers they were given, and nothing is drawn of nothing."""

import re

from rules.report.charts import SIDE, Axes, Line, bars, histogram, matrix, plot, stack
from rules.report.page import Section, document, table


def path(svg: str, name: str) -> list[tuple[float, float]]:
    """The places of a line's points in its plot."""
    found = re.search(rf'data-name="{re.escape(name)}" d="([^"]*)"', svg)
    assert found
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", found[1])]


def test_a_line_is_where_its_numbers_are() -> None:
    svg = plot([Line(name="loss", points=[(0, 0.0), (5, 5.0), (10, 10.0)])], Axes(x="step", y="", low=0.0, high=10.0), "Loss")
    assert path(svg, "loss") == [(0, SIDE), (SIDE / 2, SIDE / 2), (SIDE, 0)]
    assert "Loss. loss from 0 to 10" in svg, "said for those who do not see it"


def test_a_logarithmic_axis_leaves_out_what_it_has_no_place_for() -> None:
    svg = plot([Line(name="a", points=[(1, 0.0), (2, 1e-4), (3, 1e-2)])], Axes(x="", y="", log_y=True), "t")
    assert path(svg, "a") == [(0, SIDE), (SIDE, 0)]


def test_nothing_is_said_in_words_and_not_drawn() -> None:
    for points in ([], [(0, float("nan"))], [(float("inf"), 1.0)]):
        assert plot([Line(name="a", points=points)], Axes(x="", y=""), "Loss") == (
            '<p class="absent">Loss: no finite value to plot.</p>'
        )


def test_a_single_point_and_a_constant_are_drawn() -> None:
    assert "h0" in plot([Line(name="a", points=[(3, 7.0)])], Axes(x="", y=""), "t")
    heights = {y for _, y in path(plot([Line(name="a", points=[(0, 7.0), (1, 7.0)])], Axes(x="", y=""), "t"), "a")}
    assert len(heights) == 1 and 0 < heights.pop() < SIDE


def test_text_cannot_become_markup() -> None:
    evil = '"><script>alert(1)</script>'
    axes = Axes(x=evil, y=evil, limits=[(1.0, evil)], names=[evil])
    shown = plot([Line(name=evil, points=[(0, 1), (1, 2)]), Line(name="b", points=[(0, 1)])], axes, evil)
    shown += bars([(evil, 1.0, evil)], evil) + stack([(evil, 100.0, evil)], evil) + matrix([evil, "b"], [[1, 0], [1, 1]], evil)
    shown += table((evil,), [(evil,)])
    assert "<script" not in shown and "&lt;script&gt;" in shown
    page = document(evil, evil, [Section("a", evil, "")], foot=evil)
    assert page.count("<script") == 1, "the page's own"


def test_a_histogram_counts_every_value_the_largest_too() -> None:
    values = [0.0, 1.0, 2.0, 100.0, 100.0]
    svg = histogram(values, Axes(x="", y="steps", low=0.0), "t", bins=10)
    heights = [round(2 * 1.05 * (SIDE - y) / SIDE * 3 / 2) for _, y in path(svg, "steps")]
    assert max(heights) == 3 and heights[-2] == 2, "three in the first bin, two in the last"


def test_a_large_confusion_matrix_draws_only_what_happened() -> None:
    names = [f"class {index}" for index in range(133)]
    counts = [[7 if row == column else 0 for column in range(133)] for row in range(133)]
    counts[3][9] = 2
    svg = matrix(names, counts, "t")
    assert svg.count("<rect") == 134 and "class 3: 2 of 9 taken for class 9" in svg and len(svg) < 40_000
