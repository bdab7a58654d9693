"""Row 80: proxies, a profile, a broken AWS file and a wrong AWS_MAX_ATTEMPTS while the target is local. Also scripts.aws.clients.

They are for AWS: nothing here heeds them. A start that fails ends its server, and an unfinished set-up is finished later.
"""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.aws.local_server import Server, running
from scripts.aws.root_lock import holder
from scripts.aws.settings import Settings
from tests.support.local_server import wait_until
from tests.support.person import Kennel


@pytest.fixture()
def alone(tmp_path: Path) -> Iterator[Kennel]:
    """A folder without a server; one that a test starts is stopped."""
    kennel = Kennel(tmp_path)
    yield kennel
    kennel.run("stop", status=None)


@pytest.fixture()
def wrong(tmp_path: Path) -> dict[str, str]:
    """An environment in which no AWS client works."""
    broken = tmp_path / "broken"
    broken.write_text("[profile\nregion = = nowhere\n")
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[profile\n")
    nowhere = "http://127.0.0.1:9"
    return {
        "HTTP_PROXY": nowhere,
        "http_proxy": nowhere,
        "HTTPS_PROXY": nowhere,
        "ALL_PROXY": nowhere,
        "AWS_PROFILE": "nobody",
        "AWS_CONFIG_FILE": str(broken),
        "AWS_SHARED_CREDENTIALS_FILE": str(broken),
        "AWS_MAX_ATTEMPTS": "abc",
        "AWS_RETRY_MODE": "never",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_CA_BUNDLE": "/no/such/file",
        "HOME": str(tmp_path),
    }


def found(kennel: Kennel) -> Server | None:
    return running(Settings(target="local", home=kennel.folder / ".kennel"))


def roles(kennel: Kennel) -> list[dict[str, Any]]:
    lines = kennel.run("doctor", status=None).stdout.splitlines()
    return [line for line in lines if "trusts SageMaker" in line or "bucket kennel-local is there" in line]


def test_a_wrong_aws_environment_changes_nothing(alone: Kennel, wrong: dict[str, str]) -> None:
    begin = time.monotonic()
    alone.run("up", "--port", "0", **wrong)
    print(f"up in {time.monotonic() - begin:.1f} s")
    assert len(roles(alone)) == 2
    assert "nothing here yet" in alone.run("status", **wrong).stdout
    assert not (alone.folder / ".kennel" / "local" / "set-up-unfinished").exists()


def test_a_start_that_cannot_be_set_up_ends_its_server(alone: Kennel) -> None:
    alone.settings('[local]\nbucket = "No.Such_Bucket"\n')
    told = alone.run("up", "--port", "0", status=None)
    assert told.returncode in (1, 2) and "ucket" in told.stderr, told.stderr
    assert found(alone) is None and holder(alone.folder / ".kennel" / "local") is None
    alone.settings("")
    alone.run("up", "--port", "0")
    assert len(roles(alone)) == 2


def test_a_launcher_that_is_killed_before_the_set_up_leaves_it_to_the_next(alone: Kennel) -> None:
    launcher = alone.start("up", "--port", "0")
    file = alone.folder / ".kennel" / "local" / "server.json"
    wait_until(file.exists, 60)
    launcher.send_signal(signal.SIGSTOP)
    unfinished = alone.folder / ".kennel" / "local" / "set-up-unfinished"
    before = unfinished.exists()
    launcher.send_signal(signal.SIGKILL)
    launcher.communicate()
    wait_until(lambda: found(alone), 60)
    assert before, "the launcher was quicker than this test"
    pid = json.loads(file.read_text())["pid"]
    alone.run("up")
    server = found(alone)
    assert server is not None and server.pid == pid and not unfinished.exists()
    assert len(roles(alone)) == 2
