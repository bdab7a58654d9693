"""Row 35: UpdateEndpoint to a good image under load, ALL_AT_ONCE, CANARY, LINEAR.

No failed request; shares within 5 points of the plan; the old fleet drained, then stopped.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.support.local_server import LocalServer, ask, make_config, make_endpoint, wait_for_endpoint, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.stop()


class Load:
    """Three threads that ask all the time; answers by time."""

    def __init__(self, server: LocalServer, name: str) -> None:
        self.answers: list[tuple[float, str]] = []
        self._server, self._name = server, name
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(3)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self._done.is_set():
            try:
                answer = ask(self._server, self._name)
            except ClientError as error:
                answer = f"error {error}"
            self.answers.append((time.monotonic(), answer))
            time.sleep(0.005)

    def share(self, wanted: str, since: float, until: float) -> float:
        found = [answer for at, answer in self.answers if since < at < until]
        assert len(found) > 50, "too few requests to tell"
        return found.count(wanted) / len(found)

    def end(self) -> Counter[str]:
        self._done.set()
        for thread in self._threads:
            thread.join()
        return Counter(answer for _, answer in self.answers)


def routing(kind: str, wait: int, **size: Any) -> dict[str, Any]:
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": wait, **size}}}


def run_update(server: LocalServer, kind: str, deployment: dict[str, Any] | None, shares: list[float], wait: float) -> None:
    old, new = f"{kind}-old".lower(), f"{kind}-new".lower()
    make_endpoint(server, old)
    make_config(server, new)
    pid = int(ask(server, old, "pid"))
    load = Load(server, old)
    slow = threading.Thread(target=lambda: slow_answers.append(ask(server, old, "sleep 1.5")))
    slow_answers: list[str] = []
    slow.start()
    time.sleep(0.3)
    options = {"DeploymentConfig": deployment} if deployment else {}
    server.sagemaker.update_endpoint(EndpointName=old, EndpointConfigName=new, **options)
    first = wait_until(lambda: next((at for at, answer in load.answers if answer == new), None), 20)
    wait_for_endpoint(server, old)
    time.sleep(0.3)
    slow.join()
    counts = load.end()
    seen = [load.share(new, first + number * wait + 0.1, first + (number + 1) * wait - 0.1) for number in range(len(shares))]
    print(f"{kind}: {dict(counts)}; shares {[f'{share:.2f}' for share in seen]} for {shares}")
    assert set(counts) == {old, new}
    assert slow_answers == ["slept"]
    assert not psutil.pid_exists(pid)
    assert load.answers[-1][1] == new
    assert all(abs(one - plan) <= 0.05 for one, plan in zip(seen, shares, strict=True)), (seen, shares)
    described = server.sagemaker.describe_endpoint(EndpointName=old)
    assert described["EndpointConfigName"] == new and "FailureReason" not in described
    server.sagemaker.delete_endpoint(EndpointName=old)


def test_all_at_once(server: LocalServer) -> None:
    run_update(server, "ALL_AT_ONCE".replace("_", "-"), None, [], 0)


def test_canary(server: LocalServer) -> None:
    size = {"CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 20}}
    run_update(server, "CANARY", routing("CANARY", 3, **size), [0.2, 1.0], 3)


def test_linear(server: LocalServer) -> None:
    size = {"LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 40}}
    run_update(server, "LINEAR", routing("LINEAR", 3, **size), [0.4, 0.8, 1.0], 3)
