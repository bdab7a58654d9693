"""What is kept of the local server for its next start."""

from pathlib import Path

import pytest

from scripts.aws import server_options
from scripts.aws.server_options import ServerOptions
from scripts.errors import LaunchError


def test_options_are_changed_one_by_one_and_kept(tmp_path: Path) -> None:
    assert server_options.read(tmp_path) == ServerOptions(account="000000000000", images=())
    options = ServerOptions().changed("123456789012", ["a=one two=3", "b/*=two"])
    server_options.write(tmp_path, options)
    kept = server_options.read(tmp_path)
    assert kept == options == ServerOptions(account="123456789012", images=(("a", "one two=3"), ("b/*", "two")))
    changed = kept.changed(None, ["a=", "c=three", "b/*=other", "gone="])
    assert changed == ServerOptions(account="123456789012", images=(("c", "three"), ("b/*", "other")))


@pytest.mark.parametrize(
    "text", ["", "[]", '{"account": 1, "images": []}', '{"account": "1", "images": []}', '{"images": [["a"]]}']
)
def test_what_is_no_options_is_as_if_none_were_kept(tmp_path: Path, text: str) -> None:
    server_options.root(tmp_path).mkdir()
    (server_options.root(tmp_path) / server_options.FILE).write_text(text)
    assert server_options.read(tmp_path) == ServerOptions()


@pytest.mark.parametrize(("digits", "right"), [(11, False), (12, True), (13, False)])
def test_an_account_has_12_digits(digits: int, right: bool) -> None:
    if right:
        assert ServerOptions().changed("1" * digits, []).account == "1" * digits
    else:
        with pytest.raises(LaunchError, match="12 digits"):
            ServerOptions().changed("1" * digits, [])
