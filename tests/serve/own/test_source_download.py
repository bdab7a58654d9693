"""The program that fetches a source archive; test_preparation.py has it fetch one."""

import subprocess
import sys
from pathlib import Path

from serve.own import preparation as own_code

PROGRAM = Path(own_code.__file__).with_name("source_download.py")


def test_what_cannot_be_fetched_is_told_in_the_last_line(tmp_path: Path) -> None:
    keys = {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_MAX_ATTEMPTS": "1",
    }
    command = [sys.executable, str(PROGRAM), "s3://bucket/a.tar.gz", str(tmp_path / "a")]
    done = subprocess.run(command, capture_output=True, text=True, env=keys, check=False)
    assert done.returncode == 1 and "127.0.0.1:9" in done.stderr.splitlines()[-1] and not (tmp_path / "a").exists()
