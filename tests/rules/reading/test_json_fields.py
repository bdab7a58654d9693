"""A value of a job's JSON is taken as what it has to be, or refused."""

import pytest

from rules.reading.json_fields import LARGEST, finite, inner_path, text, whole


def test_numbers_are_taken_with_their_limits() -> None:
    assert finite(1) == finite("1") == finite(True) == 1.0
    assert whole(LARGEST) == LARGEST and whole(-LARGEST) == -LARGEST and whole(0, 0) == 0 and whole(2.9) == 2
    for value in (10**400, -(10**400), float("nan"), float("inf"), "x"):
        with pytest.raises(ValueError):
            finite(value)
    for value, least in ((LARGEST + 1, -LARGEST), (-LARGEST - 1, -LARGEST), (-1, 0)):
        with pytest.raises(ValueError, match="not between"):
            whole(value, least)
    for value in (None, [], {}):
        with pytest.raises(TypeError):
            whole(value)


def test_a_text_is_a_text() -> None:
    assert text("é") == "é"
    with pytest.raises(TypeError, match="a list where a text belongs"):
        text(["x"])


@pytest.mark.parametrize("name", ["", "/etc/hostname", "..", "a/../../b", "../b", "a\0b"])
def test_a_path_stays_inside(name: str) -> None:
    assert inner_path("events/a..b/c") == "events/a..b/c"
    with pytest.raises(ValueError):
        inner_path(name)
