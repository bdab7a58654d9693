"""Row 34: UpdateEndpoint to a broken image, never healthy or answering 5xx, with a canary of 10%.

Updating, RollingBack, InService on the old configuration; failures stay within the canary's share; the old fleet never stops.
"""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.support.local_server import LocalServer, ask, make_config, make_endpoint, wait_until

CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 30,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
        }
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "any-5xx"}]},
}


@pytest.fixture()
def server(tmp_path: Path) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path / "root")
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.stop()


class Watch:
    """Sees every status an endpoint passes through, and what requests get meanwhile."""

    def __init__(self, server: LocalServer, name: str, body: str = "who") -> None:
        self._server, self._name, self._body = server, name, body
        self.statuses: list[str] = []
        self.answers: Counter[str] = Counter()
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._look), threading.Thread(target=self._ask)]
        for thread in self._threads:
            thread.start()

    def _look(self) -> None:
        while not self._done.is_set():
            status = self._server.sagemaker.describe_endpoint(EndpointName=self._name)["EndpointStatus"]
            if self.statuses[-1:] != [status]:
                self.statuses.append(status)

    def _ask(self) -> None:
        while not self._done.is_set():
            try:
                self.answers[ask(self._server, self._name, self._body)] += 1
            except ClientError as error:
                self.answers[error.response["Error"]["Code"]] += 1

    def end(self) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()


def settle(server: LocalServer, watch: Watch, seconds: float = 30.0) -> dict:
    wait_until(lambda: watch.statuses[-1:] == ["InService"] and len(watch.statuses) > 1, seconds)
    watch.end()
    return server.sagemaker.describe_endpoint(EndpointName="shop")


def test_an_image_that_never_gets_healthy(server: LocalServer) -> None:
    make_endpoint(server, "shop")
    pid = ask(server, "shop", "pid")
    watch = Watch(server, "shop")
    server.sagemaker.update_endpoint(EndpointName="shop", EndpointConfigName=make_config(server, "broken", MODE="exit"))
    described = settle(server, watch)
    print(f"statuses {watch.statuses}, answers {dict(watch.answers)}")
    assert [status for status in watch.statuses if status != "RollingBack"] == ["InService", "Updating", "InService"]
    assert described["EndpointConfigName"] == "shop"
    assert "did not pass the ping health check" in described["FailureReason"]
    assert "RuntimeError: no weights here" in described["FailureReason"]
    assert set(watch.answers) == {"shop"}
    assert ask(server, "shop", "pid") == pid
    server.sagemaker.update_endpoint(EndpointName="shop", EndpointConfigName=make_config(server, "mended"))
    wait_until(lambda: server.sagemaker.describe_endpoint(EndpointName="shop")["EndpointStatus"] == "InService")
    mended = server.sagemaker.describe_endpoint(EndpointName="shop")
    assert mended["EndpointConfigName"] == "mended" and "FailureReason" not in mended


def test_an_image_that_answers_5xx_costs_the_canarys_share_at_most(server: LocalServer) -> None:
    make_endpoint(server, "shop")
    pid = ask(server, "shop", "pid")
    make_config(server, "sour", BROKEN="1")
    watch = Watch(server, "shop")
    wait_until(lambda: watch.answers["shop"] > 20)
    began = time.monotonic()
    server.sagemaker.update_endpoint(EndpointName="shop", EndpointConfigName="sour", DeploymentConfig=CANARY)
    described = settle(server, watch)
    took = time.monotonic() - began
    failed, total = watch.answers["ModelError"], sum(watch.answers.values())
    print(f"statuses {watch.statuses}; {failed} of {total} requests failed; back after {took:.1f} s of a 30 s bake")
    assert watch.statuses == ["InService", "Updating", "RollingBack", "InService"]
    assert described["EndpointConfigName"] == "shop"
    assert "any-5xx" in described["FailureReason"]
    assert 1 <= failed <= 0.1 * total + 1
    assert set(watch.answers) <= {"shop", "ModelError"}
    assert took < 20
    assert ask(server, "shop", "pid") == pid


def test_an_instance_that_dies_while_it_bakes(server: LocalServer) -> None:
    make_endpoint(server, "shop")
    make_config(server, "frail")
    no_alarms = {"BlueGreenUpdatePolicy": CANARY["BlueGreenUpdatePolicy"]}
    server.sagemaker.update_endpoint(EndpointName="shop", EndpointConfigName="frail", DeploymentConfig=no_alarms)
    wait_until(lambda: "frail" in {ask(server, "shop") for _ in range(10)})
    for path in server.files("endpoints/shop/*/AllTraffic/*"):
        if (path / "opt/ml/model/weights.txt").read_text() == "frail":
            os.kill(json.loads((path / "container.json").read_text())["pid"], signal.SIGKILL)
    described = wait_until(
        lambda: (found := server.sagemaker.describe_endpoint(EndpointName="shop"))["EndpointStatus"] == "InService" and found
    )
    assert described["EndpointConfigName"] == "shop"
    assert "died while it was baking" in described["FailureReason"]
    assert {ask(server, "shop") for _ in range(10)} == {"shop"}
