"""`kennel notebook`: JupyterLab answers on loopback, to who has the token, and goes with its launcher."""

import json
import re
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.support import notebooks
from tests.support.local_server import wait_until
from tests.support.person import Kennel
from tests.support.processes import alive, words


def _get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_jupyterlab_answers_to_the_token_alone(notebook_person: Kennel) -> None:
    person = notebook_person
    notebooks.write(person.folder / "one & b.ipynb", "1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.listen()
        assert f"--port {port}: " in person.run("notebook", "--port", str(port), status=2).stderr
    process = person.start("notebook", "one & b.ipynb", "--port", str(port))
    line = next(line for line in iter(process.stdout.readline, "") if "http://" in line)
    link = re.search(r"http://127\.0\.0\.1:\d+/lab/tree/one%20%26%20b\.ipynb\?token=([\w-]+)", line)
    assert link
    api = f"http://127.0.0.1:{port}/api/contents"
    assert _get(api)[0] == 403 and _get(api + "?token=wrong")[0] == 403
    status, body = _get(f"{api}?token={link[1]}")
    assert status == 200 and "one & b.ipynb" in [one["name"] for one in json.loads(body)["content"]]
    family = [one for one in psutil.Process(process.pid).children(recursive=True) if "jupyterlab" in words(one)]
    places = {one.laddr.ip for child in family for one in child.net_connections("tcp") if one.status == psutil.CONN_LISTEN}
    assert places == {"127.0.0.1"}
    assert family and not [word for child in family for word in words(child) if link[1] in word], (
        "no command line holds the token"
    )
    process.send_signal(signal.SIGINT)
    assert process.wait(40) == 0
    wait_until(lambda: not alive(family), 30)


def test_without_an_environment_the_command_that_makes_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scripts.errors import LaunchError
    from scripts.notebooks import environment

    monkeypatch.setattr(environment, "PLACE", tmp_path)
    with pytest.raises(LaunchError, match="make notebook"):
        environment.interpreter(None, ["jupyterlab"])
