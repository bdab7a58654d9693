"""Endpoints of a soak: made, asked, updated, rolled back, scaled, hurt and deleted, and each answer is that of a known model."""

import contextlib
import os
import random
import signal
import time
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.soak.killed_server import KilledServer
from tests.soak.server_actor import ServerActor
from tests.soak.tally import Tally
from tests.support.local_server import LocalServer, ask, make_config

SETTLED = ("InService", "Failed")
CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 1,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        }
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "any-5xx"}]},
}


@dataclass(slots=True)
class EndpointOwner(ServerActor):
    """One endpoint after another, from its creation to its deletion."""

    def turn(self, tally: Tally) -> None:
        endpoint = self.next_name()
        one, other = f"{endpoint}-a", f"{endpoint}-b"
        try:
            self._config(one, count=self.random.choice([1, 2]))
            self.killed.sagemaker("create_endpoint", "already exist", EndpointName=endpoint, EndpointConfigName=one)
            self._settled(endpoint, one, tally, "endpoint made")
            self._ask(endpoint, {one}, tally)
            for change in self.random.sample([self._update, self._broken, self._scale, self._dies, self._freezes], 2):
                change(endpoint, one, other, tally)
                one = self._describe(endpoint)["EndpointConfigName"]
                self._ask(endpoint, {one}, tally)
        finally:
            self._remove(endpoint)

    def _config(self, name: str, **options: Any) -> None:
        """A model that says `name`, and a configuration of it."""

        def make(server: LocalServer) -> None:
            self._forget(name)  # what of it a server made that was killed then
            make_config(server, name, **options)

        self.killed.call(make)

    def _describe(self, endpoint: str) -> dict[str, Any]:
        return self.killed.sagemaker("describe_endpoint", EndpointName=endpoint)

    def _settled(self, endpoint: str, config: str, tally: Tally, what: str, reason: bool = False) -> None:
        found = self.killed.until(lambda: (found := self._describe(endpoint))["EndpointStatus"] in SETTLED and found)
        right = found["EndpointStatus"] == "InService" and found["EndpointConfigName"] == config
        if right and ("FailureReason" in found) == reason:
            tally.well(what)
        else:
            tally.fault(what, f"{endpoint}: {found['EndpointStatus']} with {found['EndpointConfigName']}: {found}")

    def _ask(self, endpoint: str, right: set[str], tally: Tally, times: int = 10) -> None:
        for _ in range(times):
            answer = self.killed.call(lambda server: ask(server, endpoint))
            if answer in right:
                tally.well("endpoint asked")
            else:
                tally.fault("endpoint asked", f"{endpoint} answered {answer[:200]!r}, not {right}")

    def _update(self, endpoint: str, one: str, other: str, tally: Tally) -> None:
        other = _next(one, other)
        self._config(other)
        policy = {"DeploymentConfig": CANARY} if self.random.random() < 0.3 else {}
        self.killed.sagemaker("update_endpoint", "in-progress", EndpointName=endpoint, EndpointConfigName=other, **policy)
        while self._describe(endpoint)["EndpointStatus"] == "Updating":
            self._ask(endpoint, {one, other}, tally, 3)
        self._settled(endpoint, other, tally, "endpoint updated")

    def _broken(self, endpoint: str, one: str, other: str, tally: Tally) -> None:
        """A configuration whose container ends at once: the old one stays."""
        other = _next(one, other)
        self._config(other, MODE="exit")
        self.killed.sagemaker("update_endpoint", "in-progress", EndpointName=endpoint, EndpointConfigName=other)
        while self._describe(endpoint)["EndpointStatus"] in ("Updating", "RollingBack"):
            self._ask(endpoint, {one}, tally, 3)
        self._settled(endpoint, one, tally, "endpoint rolled back", reason=True)

    def _scale(self, endpoint: str, one: str, other: str, tally: Tally) -> None:
        wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": self.random.randint(1, 3)}]
        self.killed.sagemaker(
            "update_endpoint_weights_and_capacities", "in-progress", EndpointName=endpoint, DesiredWeightsAndCapacities=wanted
        )
        self._settled(endpoint, one, tally, "endpoint scaled")

    def _dies(self, endpoint: str, one: str, other: str, tally: Tally) -> None:
        """A container that dies in a request: that one fails, and another container comes."""
        body = self.random.choice(["die", "half"])
        try:
            answer = self.killed.call(lambda server: ask(server, endpoint, body))
            tally.fault("endpoint hurt", f"{body} was answered {answer[:200]!r}")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in ("ModelError", "ServiceUnavailable"):
                tally.fault("endpoint hurt", f"{body}: {error}")

        def answers() -> bool:
            try:
                return self.killed.call(lambda server: ask(server, endpoint)) == one
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("ModelError", "ServiceUnavailable"):
                    raise
                return False

        self.killed.until(answers)
        time.sleep(0.5)
        self.killed.until(answers)
        tally.well("endpoint hurt")

    def _freezes(self, endpoint: str, one: str, other: str, tally: Tally) -> None:
        """A container that is frozen for a moment answers late, and right."""
        pid = int(self.killed.call(lambda server: ask(server, endpoint, "pid")))
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(self.random.uniform(0.2, 2.0))
        finally:
            os.kill(pid, signal.SIGCONT)
        tally.well("endpoint frozen")

    def _remove(self, endpoint: str) -> None:
        absent = ("Could not find", "in-progress", "not found")

        def gone() -> bool:
            try:
                found = self.killed.sagemaker("describe_endpoint", EndpointName=endpoint)
                if found["EndpointStatus"] in SETTLED:
                    self.killed.sagemaker("delete_endpoint", *absent, EndpointName=endpoint)
            except ClientError as error:
                if not any(word in str(error) for word in absent):
                    raise
                return "Could not find" in str(error)
            return False

        self.killed.until(gone)
        for name in (f"{endpoint}-a", f"{endpoint}-b"):
            with contextlib.suppress(ClientError):
                self._forget(name)
        self.killed.forget_logs(f"/aws/sagemaker/Endpoints/{endpoint}")

    def _forget(self, name: str) -> None:
        for operation, member in (("delete_endpoint_config", "EndpointConfigName"), ("delete_model", "ModelName")):
            with contextlib.suppress(ClientError):
                self.killed.sagemaker(operation, **{member: name})
        self.killed.s3("delete_object", Key=f"models/{name}.tar.gz")


def _next(one: str, other: str) -> str:
    """The name of the two that is not in use."""
    return one[:-1] + ("b" if one.endswith("a") else "a")


@dataclass(slots=True)
class Asker:
    """Asks one endpoint that lives as long as the soak, over every restart of the server."""

    killed: KilledServer
    random: random.Random
    name: str = "standing endpoint"
    endpoint: str = "standing"

    def make(self) -> None:
        """Before the soak."""
        make_config(self.killed.server, self.endpoint, count=2)
        self.killed.sagemaker("create_endpoint", EndpointName=self.endpoint, EndpointConfigName=self.endpoint)
        self.killed.until(
            lambda: self.killed.sagemaker("describe_endpoint", EndpointName=self.endpoint)["EndpointStatus"] == "InService"
        )

    def turn(self, tally: Tally) -> None:
        body = self.random.choice([b"who", b"who", self.random.randbytes(2000), b"status 400 no", b"big 100000"])
        wanted = {b"who": self.endpoint, b"big 100000": "x" * 100_000}.get(body, str(len(body)))

        def once(server: LocalServer) -> str:
            return ask(server, self.endpoint, body)

        try:
            answer = self.killed.call(once)
            right = answer == wanted
        except ClientError as error:
            answer = str(error)
            right = body.startswith(b"status") and error.response["Error"]["Code"] == "ModelError"
        except BotoCoreError as error:
            answer, right = str(error), False
        if right:
            tally.well(self.name)
        else:
            tally.fault(self.name, f"{body[:40]!r} was answered {answer[:300]!r}")
        time.sleep(0.02)
