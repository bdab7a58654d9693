"""The failure file: cause first, at most 1,024 bytes of UTF-8, no values of the environment."""

import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from train import failure
from train.errors import DataError
from train.failure import Failure


def test_a_reason_a_person_can_act_on_has_no_frames() -> None:
    assert failure.render(Failure.of(DataError("channel test: no pictures")), {}) == "DataError: channel test: no pictures"


def test_a_bug_has_its_last_frames_the_innermost_first() -> None:
    try:
        os.stat("/nowhere/at/all")
        Path("/nowhere").stat()
    except OSError as error:
        text = failure.render(Failure.of(error), {})
    first, *frames = text.splitlines()
    assert first.startswith("FileNotFoundError: ")
    assert "train/test_failure.py:" in frames[0]


def test_values_of_the_environment_are_replaced_by_their_names() -> None:
    environ = {
        "TOKEN": "abcdef123456",
        "LONGER": "abcdef123456-and-more",
        "PEM": "BEGIN\nsecret line\nEND",
        "N": "5",
        "PATH": "/usr/bin",
    }
    text = failure.render(Failure("E", "abcdef123456-and-more abcdef123456 5 /usr/bin has secret line"), environ)
    assert text == "E: [LONGER] [TOKEN] 5 /usr/bin has [PEM]"


def test_the_address_of_the_first_host_is_no_secret() -> None:
    environ = {"MASTER_ADDR": "127.0.0.1"}
    text = "cannot reach 127.0.0.1"
    assert failure.render(Failure("RuntimeError", text), environ) == f"RuntimeError: {text}"


def test_a_value_cut_by_the_limit_does_not_show_its_start() -> None:
    text = failure.render(Failure("E", "x" * 1010 + "s3cret-of-some-length"), {"KEY": "s3cret-of-some-length"})
    assert "s3cret" not in text


@given(st.text(max_size=3000), st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_message_fits_and_is_utf8(message: str, kind: str) -> None:
    body = failure.render(Failure(kind, message + "\udcff"), {}).encode("utf-8")
    assert len(body) <= 1024


def test_a_record_passes_from_process_to_process(tmp_path: Path) -> None:
    made = Failure("Kind", "odd \udcff letters ✓", ("a.py:1 in f",))
    made.save(tmp_path / "r.json")
    assert Failure.load(tmp_path / "r.json") == made


def test_an_earlier_attempts_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "output" / "failure"
    path.parent.mkdir()
    path.write_text("the old reason, much longer than the new one")
    failure.write(path, Failure("New", "reason"), {})
    assert path.read_text() == "New: reason"
