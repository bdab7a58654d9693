"""Whatever kennel.toml holds, it gives settings of the right types, or one LaunchError that names the file."""

import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from scripts.aws import settings
from scripts.errors import LaunchError
from tests.support.fuzzing import bounded, fuzzed, mutated

GOOD = b"""
[local]
backend = "docker"
volume-size = 50
tags = ["a=b", "c=d"]
network-isolation = true

[aws]
role-arn = "arn:aws:iam::000000000000:role/x"
bucket = 'x'
"""
PLAIN = ["1", "1.5", "true", '"x"', "2026-11-28", "inf", "nan", "0x10", "9" * 30]
VALUES = st.sampled_from([*PLAIN, "[]", '["x"]', "[1]", "{}", "{a = 1}"])


def read(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kennel.toml"
        file.write_bytes(data)
        for target in ("local", "aws"):
            try:
                found = settings.read(target, Path(folder), {}, {}, file)
            except LaunchError as error:
                assert str(error).startswith(str(file)) and len(str(error)) < 2000
            else:
                assert isinstance(found.volume_size, int) and isinstance(found.tags, tuple) and isinstance(found.bucket, str)


@fuzzed(80)
@given(mutated([GOOD]))
@example(b"[local]\ntags = " + b"[" * 3_000)
@example(b"[local]\ntags = " + b"{a=" * 3_000)
@example(b"[local]\nvolume-size = " + b"9" * 5000)
@example(b"[local]\nbucket = " + b"9" * 4000)
@example(b"a." * 1_000 + b"b = 1")
def test_any_file_gives_settings_or_is_named(data: bytes) -> None:
    bounded(lambda: read(data), seconds=5.0)


@fuzzed(80)
@given(st.sampled_from(settings.NAMES), VALUES)
def test_any_value_of_any_setting_is_taken_or_refused(name: str, value: str) -> None:
    bounded(lambda: read(f"[local]\n{name} = {value}\n[aws]\n{name} = {value}\n".encode()))
