"""What went wrong, in one line and in so many bytes."""

import pytest

from contract.layout import FAILURE_LIMIT
from contract.reason import first_line, shortened
from local_sagemaker.endpoints import endpoint_state
from local_sagemaker.jobs import processing_state, training_state


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("first\nsecond"), "first"),
        (ValueError("\n  \n third"), "third"),
        (ValueError(), "ValueError"),
        (KeyError("a"), "'a'"),
        (ValueError("red \x1b[31m, a tab\t, é and \u202e"), "red ?[31m, a tab?, é and ?"),
    ],
)
def test_the_first_line_that_says_anything(error: Exception, line: str) -> None:
    assert first_line(error) == line


def test_a_line_is_cut_behind_its_limit() -> None:
    assert [len(first_line(ValueError("x" * count), 50)) for count in (49, 50, 51)] == [49, 50, 50]


@pytest.mark.parametrize("letter", ["x", "é", "犬", "🐶"])
def test_text_of_the_limit_stays_and_longer_text_is_cut_between_letters(letter: str) -> None:
    size = len(letter.encode())
    fits = letter * (FAILURE_LIMIT // size) + "x" * (FAILURE_LIMIT % size)
    assert len(fits.encode()) == FAILURE_LIMIT and shortened(fits) == fits
    cut = shortened(fits + "x")
    assert len(cut.encode()) <= FAILURE_LIMIT and cut.endswith("...") and fits.startswith(cut[:-3]) and len(cut) > 200


def test_what_cannot_be_utf_8_is_replaced() -> None:
    assert shortened("a\udcff") == "a?"


def test_the_local_servers_own_copies_are_the_same() -> None:
    """It obeys AWS and imports nothing of ours."""
    limits = {training_state.FAILURE_LIMIT, endpoint_state.FAILURE_LIMIT, processing_state.MESSAGE_LIMIT}
    assert limits == {FAILURE_LIMIT} == {1024}
