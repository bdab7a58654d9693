"""Row 84: ESC, OSC 52, C1, bidi marks and rich markup in names, labels, log lines and reasons are shown, and command nothing."""

import io
import time

import pytest
from rich.console import Console

from scripts.cli.terminal import Terminal, cell
from scripts.output import harmless
from tests.support.local_server import LocalServer
from tests.support.person import Kennel, write_pictures

HOSTILE = "\x1b]52;c;aGFjaw==\x07 \x9b31m \x1b[2J b[/red] [bold]x \u202egnp.exe\u2066 \r\x08\x00 \udc80"
FORBIDDEN = [chr(code) for code in [*range(9), *range(11, 32), *range(127, 160), 0x202E, 0x2066, 0x200F, 0xDC80]]


def clean(text: str) -> bool:
    return not any(letter in text for letter in FORBIDDEN)


def test_every_control_character_is_written_out() -> None:
    for code in [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200B, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]:
        shown = harmless(f"a{chr(code)}b")
        assert shown == f"a{chr(code)}b" if chr(code) in "\t\n" else chr(code) not in shown and shown.isascii()
    assert harmless("Dönmez, 日本, 🐶, [/red]") == "Dönmez, 日本, 🐶, [/red]"


@pytest.mark.parametrize("terminal", [True, False])
def test_lines_tables_and_progress_show_it(terminal: bool) -> None:
    from rich.table import Table

    file = io.StringIO()
    shown = Terminal(Console(file=file, force_terminal=terminal, color_system=None, width=200))
    shown.line(HOSTILE)
    table = Table()
    table.add_column("name")
    table.add_row(cell(HOSTILE))
    shown.table(table)
    if not terminal:  # a bar moves the cursor by escapes of its own
        with shown.progress(HOSTILE, "bytes") as tell:
            tell(1, 2)
        with shown.changing(HOSTILE) as change:
            change(HOSTILE)
    text = file.getvalue()
    assert "b[/red] [bold]x" in text and "\\x1b]52" in text and "\\u202e" in text
    assert clean(text.replace("\n", "")), [hex(ord(letter)) for letter in text if letter in FORBIDDEN]
    with shown.progress(HOSTILE) as tell:
        tell(1, 2)


def test_logs_of_a_job_and_names_of_pictures(kennel: Kennel, server: LocalServer) -> None:
    group, stream = "/aws/sagemaker/TrainingJobs", "kennel-hostile/algo-1"
    kennel.run("train", "--name", "kennel-hostile", "--rules", "none", "--set", "epochs=1")
    server.logs.put_log_events(
        logGroupName=group,
        logStreamName=server.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"][0][
            "logStreamName"
        ],
        logEvents=[{"timestamp": int(time.time() * 1000), "message": HOSTILE.replace("\udc80", "").replace("\x00", "")}],
    )
    printed = kennel.run("logs", "kennel-hostile").stdout
    assert "b[/red] [bold]x" in printed and clean(printed.replace("\n", "")), printed[-300:]
    kennel.run("deploy", "--job", "kennel-hostile", "--endpoint", "kennel-hostile")
    folder = write_pictures(kennel.folder / "names", each=1)
    picture = next(folder.rglob("*.jpg"))
    hostile = picture.rename(picture.with_name("b[red]\x1b]52;c;aGFjaw==\x07[.jpg"))
    shown = kennel.run("invoke", "--endpoint", "kennel-hostile", str(hostile)).stdout
    assert "b[red]\\x1b]52" in shown and clean(shown.replace("\n", "")), shown
    missing = kennel.run("invoke", "--endpoint", "kennel-hostile", "no\x1b[2Jsuch.jpg", status=2).stderr
    assert clean(missing.replace("\n", "")), missing
    kennel.run("down", "--endpoint", "kennel-hostile")
