"""Text of unknown origin is shown, and steers nothing."""

import pytest

from contract.visible import is_utf8, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred", "a\\x1b[31mred"),
        ("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
        ("\x9b2J\x7f", "\\x9b2J\\x7f"),
        ("invoice\u202egnp.exe", "invoice\\u202egnp.exe"),
        ("\u2066a\u2069\u200f\u061c", "\\u2066a\\u2069\\u200f\\u061c"),
        ("a\nb\r\u2028", "a\\nb\\r\\u2028"),
        ("\udcff\ufeff\U000e0041", "\\udcff\\ufeff\\U000e0041"),
    ],
)
def test_what_steers_a_terminal_or_a_line_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(text).encode("utf-8") and visible(visible(text)) == shown


@pytest.mark.parametrize("text", ["Golden retriever", "Köter", "שלום", "柴犬", "👩\u200d🚀", "[/red] {{7*7}} <script>", ""])
def test_other_text_stays_what_it_is(text: str) -> None:
    assert visible(text) == text


def test_lines_and_tabs_stay_where_they_are_wanted() -> None:
    assert visible("a\n\tb\x1b", lines=True) == "a\n\tb\\x1b"


def test_names_of_other_bytes_are_told_apart() -> None:
    assert all(map(is_utf8, ("", "a", "Épagneul", "\ud7ff", "\ue000", "\U0001f415")))
    assert not any(map(is_utf8, ("\ud800", "a\udcff", "\udfffb")))
