"""Values that a shell would take apart come out of it as they went in."""

import os
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.aws.shell_lines import SHELLS
from scripts.output import harmless

ODD = [
    "",
    " ",
    "'",
    "a'b",
    '"',
    "$HOME",
    "`id`",
    "\\",
    "\\'",
    "\n",
    "a\nb\n",
    "\r",
    "\x1b[0m",
    "\x00"[1:],
    "é\u200b\u2019",
    "\udcff",
    "-n",
    "!",
]


@pytest.mark.parametrize("shell", ["sh", "bash", "fish", "pwsh"])
def test_every_shell_has_the_value(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    line = SHELLS[{"fish": "fish", "pwsh": "powershell"}.get(shell, "sh")]
    odd = [value for value in ODD if shell != "pwsh" or value not in ("", "\udcff")]  # there an empty one is none at all
    lines = [line(f"V{index}", value) for index, value in enumerate(odd)] + [line("GONE", None), "env -0"]
    text = "\n".join(map(harmless, lines)) + "\n"
    done = subprocess.run([shell, "-c", text], env={"PATH": os.environ["PATH"], "GONE": "x"}, capture_output=True, check=True)
    got = dict(pair.split(b"=", 1) for pair in done.stdout.split(b"\0") if pair)
    assert {name: got[name] for name in got if name[:1] == b"V"} == {
        f"V{index}".encode(): os.fsencode(value) for index, value in enumerate(odd)
    }
    assert b"GONE" not in got


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, max_size=20))
def test_any_text_survives_sh(values: list[str]) -> None:
    lines = [harmless(SHELLS["sh"](f"V{index}", value)) for index, value in enumerate(values)]
    done = subprocess.run(["sh"], input="\n".join([*lines, "env -0"]).encode(), env={}, capture_output=True, check=True)
    got = dict(pair.split(b"=", 1) for pair in done.stdout.split(b"\0") if pair)
    assert [got[f"V{index}".encode()].decode() for index in range(len(values))] == values


@pytest.mark.parametrize(
    ("shell", "value", "line"),
    [
        ("fish", "a'b\\c\n$d", "set -gx V 'a\\'b\\\\c\n$d'"),
        ("fish", "\x1b\r.", "set -gx V ''\\X1b\\X0d'.'"),
        ("fish", None, "set -e V"),
        ("powershell", "a'b\\c$d", "$Env:V = 'a''b\\c$d'"),
        ("powershell", "\u2018x\u2019", "$Env:V = '\u2018\u2018x\u2019\u2019'"),
        ("powershell", "a\nb", "$Env:V = 'a' + [char]10 + 'b'"),
        ("powershell", "\x1b!", "$Env:V = '' + [char]27 + '!'"),
        ("powershell", "\n", "$Env:V = '' + [char]10 + ''"),
        ("powershell", None, "Remove-Item -ErrorAction Ignore Env:V"),
        ("sh", "\x1b'", "export V=''\"$(printf '\\033')\"''\"'\"''"),
        ("sh", None, "unset V"),
    ],
)
def test_the_lines(shell: str, value: str | None, line: str) -> None:
    assert SHELLS[shell]("V", value) == line == harmless(line)
