"""A fleet: every instance of one endpoint configuration of an endpoint. Blue and green are two fleets of one endpoint.

`plan` is what the endpoint's record keeps of it: the variants with their models as they were when the fleet was made, and the
instances' states. Not thread-safe: its endpoint's thread owns it.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..containers.backends import Backends
from ..context import Context
from ..errors import AwsError
from ..storage.full_disk import refused_by_disk
from .back_off import BackOff
from .endpoint_state import InstanceState, Plan, Variant
from .instance import START_ERRORS, STOP_GRACE, Instance
from .invocation import VariantTargets

STARTUP_TIMEOUT = 480
"""Seconds until /ping has to answer 200, unless ContainerStartupHealthCheckTimeoutInSeconds says otherwise."""
PING_PAUSE = 0.1
HURRY_GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL when the server itself stops."""


class Unhealthy(Exception):
    """The fleet cannot serve: the sentence for FailureReason."""


def make_plan(config: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]]) -> Plan:
    """The plan of a new fleet: `config` is the CreateEndpointConfig request, `models` the CreateModel requests by name."""
    return {
        "id": secrets.token_hex(4),
        "config": config["EndpointConfigName"],
        "variants": [
            {
                "name": variant["VariantName"],
                "weight": variant.get("InitialVariantWeight", 1.0),
                "count": variant.get("InitialInstanceCount", 1),
                "instance_type": variant.get("InstanceType"),
                "timeout": variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_TIMEOUT),
                "role": models[variant["ModelName"]].get("ExecutionRoleArn"),
                "container": container_of(models[variant["ModelName"]]),
                "isolated": models[variant["ModelName"]].get("EnableNetworkIsolation", False),
                "instances": [],
            }
            for variant in config["ProductionVariants"]
        ],
    }


def container_of(model: Mapping[str, Any]) -> dict[str, Any]:
    """The one container of a model."""
    return model["PrimaryContainer"] if "PrimaryContainer" in model else model["Containers"][0]


class Fleet:
    """The instances of a plan."""

    def __init__(self, context: Context, backends: Backends, endpoint: str, plan: Plan) -> None:
        self._context = context
        self._backends = backends
        self._endpoint = endpoint
        self.plan = plan
        self.folder = context.root / "endpoints" / endpoint / plan["id"]
        self.instances: dict[str, list[Instance]] = {
            variant["name"]: [self._make(variant, state) for state in variant["instances"]] for variant in plan["variants"]
        }
        self._back_offs = {variant["name"]: BackOff() for variant in plan["variants"]}

    def _make(self, variant: Variant, state: InstanceState | None = None) -> Instance:
        return Instance.make(self._context, self._backends, self._endpoint, variant, self.folder, state)

    def all(self) -> list[Instance]:
        """Every instance."""
        return [instance for instances in self.instances.values() for instance in instances]

    def grow(self) -> None:
        """Adds instances, not started yet, up to each variant's count."""
        for variant in self.plan["variants"]:
            mine = self.instances[variant["name"]]
            mine += [self._make(variant) for _ in range(variant["count"] - len(mine))]
        self.keep()

    def keep(self) -> None:
        """Brings the plan's instance states up to date."""
        for variant in self.plan["variants"]:
            variant["instances"] = [instance.state for instance in self.instances[variant["name"]]]

    def find(self) -> bool:
        """Takes up what the last server started and still runs; puts new instances, not started, in the place of the rest.

        True when everything runs.
        """
        whole = True
        for variant in self.plan["variants"]:
            mine = self.instances[variant["name"]]
            for position, instance in enumerate(mine):
                if instance.find():
                    instance.ready = instance.ping()
                else:
                    whole = False
                    instance.stop(0.0)
                    mine[position] = self._make(variant)
        self.keep()
        return whole

    def start(self, patiently: Callable[[Callable[[], None]], None]) -> None:
        """Starts every instance that does not run. Raises Unhealthy where one cannot be started.

        `patiently` calls what it is given, again where a full disk refused it.
        """
        for variant in self.plan["variants"]:
            for instance in self.instances[variant["name"]]:
                if not instance.alive:
                    try:
                        patiently(instance.start)
                    except START_ERRORS as error:
                        raise Unhealthy(f"Production variant {variant['name']}: {error}") from None

    def wait_until_ready(self, maintain: Callable[[], None], cancelled: Callable[[], bool]) -> None:
        """Pings until every instance is ready. `maintain` is called in between. Raises Unhealthy when one dies or is late."""
        began = time.monotonic()
        while not all(instance.ready for instance in self.all()):
            if cancelled():
                return
            for variant in self.plan["variants"]:
                for instance in self.instances[variant["name"]]:
                    instance.read_log()
                    instance.ready = instance.ready or (instance.alive and instance.ping())
                    late = time.monotonic() - began > variant["timeout"]
                    if not instance.ready and (late or not instance.alive):
                        raise Unhealthy(
                            f"The primary container for production variant {variant['name']} did not pass the ping health check."
                            f" Please check CloudWatch logs for this endpoint. {instance.last_words()}"
                        )
            maintain()
            time.sleep(PING_PAUSE)

    def maintain(self) -> bool:
        """Logs and health of instances that serve; one that died is replaced. True when what is ready has changed."""
        before = [instance for instance in self.all() if instance.ready]
        for variant in self.plan["variants"]:
            name = variant["name"]
            for position, instance in enumerate(self.instances[name]):
                if instance.maintain():
                    instance.ready = instance.ready or instance.ping()
                else:
                    self._replace(variant, position)
        return before != [instance for instance in self.all() if instance.ready]

    def _replace(self, variant: Variant, position: int) -> None:
        """Puts a new instance in the place of a dead one, later and later while they keep dying."""
        name = variant["name"]
        old = self.instances[name][position]
        old.ready = False
        if not self._back_offs[name].allows(time.monotonic()):
            return
        old.say(f"replaced: {old.last_words()}")
        old.stop(0.0)
        new = self.instances[name][position] = self._make(variant)
        self.keep()
        try:
            new.start()
        except (*START_ERRORS, AwsError, OSError) as error:
            if not (isinstance(error, START_ERRORS) or refused_by_disk(error)):
                raise
            new.say(f"cannot start: {error}")

    def targets(self) -> VariantTargets:
        """What the router may send requests to."""
        return VariantTargets(
            [
                (variant["name"], variant["weight"], [one.target for one in self.instances[variant["name"]] if one.ready])
                for variant in self.plan["variants"]
            ]
        )

    def drop(self) -> None:
        """Forgets every instance; they have been stopped."""
        self.instances = {name: [] for name in self.instances}
        self.keep()

    def shrink(self) -> list[Instance]:
        """Takes the instances above each variant's count out of the fleet and returns them, still running."""
        surplus = []
        for variant in self.plan["variants"]:
            mine = self.instances[variant["name"]]
            surplus += mine[variant["count"] :]
            del mine[variant["count"] :]
        self.keep()
        return surplus


def drain_and_stop(instances: list[Instance], patience: float, hurry: Callable[[], bool]) -> None:
    """Waits up to `patience` seconds for requests that are being answered, then SIGTERM to all, 30 s, SIGKILL.

    As soon as `hurry` says so there is no more waiting: the server stops, and nothing may outlive it that no record names.
    """
    deadline = time.monotonic() + patience
    while any(instance.target.outstanding for instance in instances) and time.monotonic() < deadline and not hurry():
        time.sleep(0.02)
    for instance in instances:
        instance.terminate()
    for instance in instances:
        until = time.monotonic() + STOP_GRACE
        while instance.alive and time.monotonic() < until and not hurry():
            time.sleep(0.02)
        instance.stop(HURRY_GRACE if hurry() else 0.0)
