"""Row 98. `kennel env`, once or twice, then `kennel env --undo`: every variable is as it was, whatever its value holds.

Also scripts.aws.shell_lines.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.person import ROOT, Kennel

ODD = b'it\'s "two"\nlines $HOME `date` \\n!! \x1b[31m\r\t\xe2\x80\x8b\xc3\xa9 \xff {}#;&|*\n'
"""Quotes, line ends, what shells expand, control characters, one that nobody sees, and a byte that is no text."""


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_is_as_it_was(shell: str, tmp_path: Path) -> None:
    own = Kennel(tmp_path / "own")
    (tmp_path / "mine.pem").write_text("# mine\n")
    names = [b"AWS_ACCESS_KEY_ID", b"AWS_SECRET_ACCESS_KEY", b"AWS_CA_BUNDLE", b"CURL_CA_BUNDLE", b"NO_PROXY"]
    mine = dict.fromkeys([*names, b"AWS_ENDPOINT_URL_S3", b"SAGEMAKER_ADMIN_CONFIG_OVERRIDE"], ODD) | {
        b"AWS_REGION": b"eu-west-3",
        b"HTTPS_PROXY": b"http://me:p%40ss@proxy.example:3128",
        b"https_proxy": b"",
        b"SSL_CERT_FILE": os.fsencode(tmp_path / "mine.pem"),
    }
    other = [b"AWS_ENDPOINT_URL", b"AWS_DEFAULT_REGION", b"REQUESTS_CA_BUNDLE", b"no_proxy", b"KENNEL_ENV_BEFORE"]
    environment = {name: value for name, value in os.environb.items() if name not in other} | mine
    environment[b"PYTHONPATH"] = os.fsencode(ROOT)
    command = f"'{sys.executable}' -m scripts env"
    script = f'eval "$({command})" && env -0 > 1; eval "$({command})" && env -0 > 2\n'
    script += f'eval "$({command} --undo)" && env -0 > 3; eval "$({command} --undo)" && env -0 > 4\n'
    try:
        done = subprocess.run([shell, "-c", script], cwd=own.folder, env=environment, capture_output=True, text=True, timeout=100)
    finally:
        own.run("stop")
    first, second, undone, again = (
        dict(line.split(b"=", 1) for line in (own.folder / name).read_bytes().split(b"\0") if line) for name in "1234"
    )
    assert first[b"AWS_ENDPOINT_URL"].startswith(b"http://127.0.0.1:") and b"@127.0.0.1:" in first[b"HTTPS_PROXY"], done.stderr
    assert b"AWS_ENDPOINT_URL_S3" not in first and first[b"AWS_REGION"] == b"us-east-1"
    for variables in (first, second, undone, again):
        variables.pop(b"_", None)
    assert second == first
    for name in {*mine, *other}:
        assert undone.get(name) == mine.get(name), (name, undone.get(name))
    assert undone == again and undone.keys() == environment.keys() - {b"_"} | (undone.keys() & {b"PWD", b"OLDPWD", b"SHLVL"})
    assert "nothing to give back" in done.stderr
    kept = sum(undone.get(name) == value for name, value in mine.items())
    print(f"{shell}: {kept} of {len(mine)} own values are back, {len(ODD)} bytes the oddest; {len(other)} others are away")
