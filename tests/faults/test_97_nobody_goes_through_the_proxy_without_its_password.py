"""Row 97. Any user of the machine reaches the HTTPS proxy's port, and behind it may be the person's own proxy with its password.

Programs of the person's shell have the password in HTTPS_PROXY; whoever has not gets 407, and a line that says `kennel env`.
"""

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.https_proxy import authority_of, login_of, said, url_of
from tests.support.local_server import LocalServer
from tests.support.person import Kennel, exported

PLACE = "https://sts.us-east-1.amazonaws.com/a-1-py3-none-any.whl"
BOTO3 = """
import boto3
print(boto3.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com").get_caller_identity()["Arn"])
"""
AIOHTTP = """
import aiohttp, asyncio
async def ask():
    async with aiohttp.ClientSession(trust_env=True) as session, session.get(PLACE) as answer:
        print(answer.status)
asyncio.run(ask())
"""
PROGRAMS = {
    "curl": (["curl", "-sSv", PLACE], "< HTTP/1.1 403"),
    "urllib": ([sys.executable, "-c", f"import urllib.request as u; u.urlopen({PLACE!r})"], "HTTP Error 403"),
    "requests": ([sys.executable, "-c", f"import requests; print(requests.get({PLACE!r}).status_code)"], "403"),
    "aiohttp": ([sys.executable, "-c", AIOHTTP.replace("PLACE", repr(PLACE))], "403"),
    "boto3": ([sys.executable, "-c", BOTO3], "assumed-role/kennel-execution"),
    "pip": ([sys.executable, "-m", "pip", "--isolated", "download", "--retries", "0", "--no-deps", PLACE], "HTTP error 403"),
}
"""Programs that go through the proxy of HTTPS_PROXY, and what each shows when the server, to which nobody has signed, answers."""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What `kennel env` sets."""
    kennel = Kennel(tmp_path_factory.mktemp("person"))
    try:
        yield exported(kennel.run("env").stdout) | {"PATH": "/usr/bin:/bin", "HOME": str(kennel.folder)}
    finally:
        kennel.run("stop")


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_of_the_persons_shell_have_it(shell: dict[str, str], name: str, tmp_path: Path) -> None:
    command, answer = PROGRAMS[name]
    place = urlsplit(shell["HTTPS_PROXY"])
    without = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), f"http://127.0.0.1:{place.port}")
    wrong = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), f"http://kennel:{str(place.password)[::-1]}@127.0.0.1:{place.port}")
    for change, is_known in (({}, True), (without, False), (wrong, False)):
        environment = shell | change
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=100)
        text = done.stdout + done.stderr
        assert (answer in text) == is_known, text
        assert is_known or name == "boto3" or ("407" in text and "kennel env" in text), text
    print(f"{name}: goes through with the password, and not without it")


def test_it_is_asked_for_before_anything_is_done(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "root")
    try:
        before = url_of(server)
        password, right = str(urlsplit(before).password), login_of(before)["Proxy-Authorization"]
        lines = [
            "",
            "Proxy-Authorization:",
            "Proxy-Authorization: Basic",
            "Proxy-Authorization: Basic x",
            "Proxy-Authorization: Basic \xff",
            f"Proxy-Authorization: Bearer {right.split()[1]}",
            f"Proxy-Authorization: {right[:-4]}",
            f"Proxy-Authorization: {right}AAAA",
            f"Authorization: {right}",
            f"Proxy-Authorization: {right}\r\nProxy-Authorization: {right}",
        ]
        for target in ("CONNECT sts.amazonaws.com:443", "CONNECT 127.0.0.1:1", "GET /", "nothing"):
            for line in lines:
                head = f"{target} HTTP/1.1\r\n{line}\r\n\r\n" if line else f"{target} HTTP/1.1\r\n\r\n"
                answer = said(server, head.encode("latin-1")).decode()
                assert answer.startswith("HTTP/1.1 407 ") and "\r\nProxy-Authenticate: Basic realm=" in answer, (target, line)
                assert answer.count("\n") == answer.count("\r\n") + 1 and 'eval "$(kennel env)"' in answer.splitlines()[-1]
        for line in (right, right.replace("Basic", "bAsIc "), f"  {right}  "):
            answer = said(server, f"GET / HTTP/1.1\r\nPROXY-authorization:{line}\r\n\r\n".encode()).decode()
            assert answer.startswith("HTTP/1.1 405 ")
        assert len(password) == 43 and authority_of(server).startswith("-----BEGIN"), "what is no secret is for everybody"
        server.stop()
        server.start()
        assert urlsplit(url_of(server)).password == password, "kept, so that a shell goes on working"
        named = [path for path in server.root.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
        assert [path.name for path in named] == ["server.json"] and stat.S_IMODE(named[0].stat().st_mode) == 0o600
    finally:
        server.stop()
    print(f"{4 * len(lines)} requests without the password: 407 each; the password is kept over a new start, and in no log")
