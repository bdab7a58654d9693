"""One endpoint being run, in a thread of its own: brought up, watched, updated blue/green, scaled, deleted.

Operations only change the endpoint's record and wake this thread. A server started after this one died takes up the containers
that still run. What an alarm of AutoRollbackConfiguration watches is not known here; each stands for "the new fleet answered
with a 5xx, or not at all, while it was baking".
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..containers.backends import Backends
from ..containers.folder_removal import remove_tree
from ..containers.record_thread import RecordThread
from ..context import Context
from ..errors import AwsError
from ..storage.full_disk import refused_by_disk
from .endpoint_state import KIND, Capacity, Endpoint, Plan, set_status, traffic_steps
from .fleet import Fleet, Unhealthy, drain_and_stop
from .instance import Instance
from .invocation import Route, Router

TICK = 0.2
SAVE_EVERY = 2.0
DRAIN_PATIENCE = 60.0
CLOSE_GRACE = 5.0
MAX_EXECUTION = 28800

log = logging.getLogger(__name__)


class EndpointRun(RecordThread[Endpoint]):
    """The life of one endpoint."""

    def __init__(self, context: Context, backends: Backends, router: Router, name: str) -> None:
        super().__init__(context, KIND, name)
        self._backends = backends
        self._router = router
        self._blue = Fleet(context, backends, name, self._record()["blue"])
        self._green: Fleet | None = None
        self._share = 0.0
        self._saved = 0.0
        self._adopted = threading.Event()

    def wait_for_adoption(self, seconds: float) -> None:
        """Waits until what the last server left is taken up and, where it serves, has its route."""
        self._adopted.wait(seconds)

    def close(self) -> None:
        """The server stops: so do the containers. The record stays: the next server starts them again."""
        self._server_stops.set()
        self._wake.set()

    def _run(self, adopt: bool) -> None:
        gone = self._guarded(self._adopt if adopt else self._bring_up)
        self._adopted.set()
        while not self._server_stops.is_set() and not gone:
            gone = self._guarded(self._step)
            self._wake.wait(TICK)
            self._wake.clear()
        if self._server_stops.is_set():
            self._router.set_route(self._name, None)
            for fleet in self._fleets():
                self._stop_all(fleet, CLOSE_GRACE)

    def _guarded(self, call: Callable[[], bool | None]) -> bool:
        """Does one thing; an error of our own fails the endpoint, and its thread goes on, so that it can be deleted.

        What a full disk refused is no such error: it is done again.
        """
        try:
            return bool(call())
        except Exception as error:
            if refused_by_disk(error):
                log.warning("endpoint %s waits: %s", self._name, error)
                return False
            log.exception("endpoint %s", self._name)
            self._router.set_route(self._name, None)
            self._kill_all()
            self._blue.drop()
            self._status("Failed", f"InternalServerError: {error}")
            return False

    def _step(self) -> bool:
        """One look at everything; True when the endpoint is gone."""
        record = self._context.store.get(KIND, self._name)
        if record is None or record["status"] == "Deleting":
            self._delete()
            return True
        if record["status"] == "Updating":
            if record["green"] is not None:
                self._deploy(record["green"], record["deployment"] or {})
            else:
                self._rescale(record.get("wanted", {}))
        elif record["status"] != "Failed":
            self._tend()
        return False

    # Coming up

    def _grow(self) -> None:
        """Starts the instances that the plan has and that do not run yet. Raises Unhealthy."""
        self._blue.grow()
        self._save()
        self._blue.start(self._patiently)
        self._blue.wait_until_ready(self._publish, self._is_closed)

    def _bring_up(self) -> None:
        """Starts what does not run yet, and is in service when all of it is healthy."""
        try:
            self._grow()
        except Unhealthy as error:
            self._router.set_route(self._name, None)
            self._kill_all()
            self._blue.drop()
            self._status("Failed", str(error))
            return
        if not self._server_stops.is_set():
            self._publish()
            self._status("InService")

    def _adopt(self) -> None:
        """Takes up what the last server left, in whatever state that was. A green fleet is begun anew."""
        record = self._record()
        status, pending = record["status"], record["green"] is not None or "wanted" in record
        whole = self._blue.find()
        if record["green"] is not None:
            green = Fleet(self._context, self._backends, self._name, record["green"])
            green.find()
            self._stop_all(green, 0.0)
            green.drop()
            kept = None if status == "RollingBack" else green.plan
            self._patch(lambda record, now: record.update({"green": kept}))
        if status in ("Failed", "Deleting"):
            return
        if status == "Creating":
            self._adopted.set()
            self._bring_up()
            return
        self._publish()
        self._adopted.set()
        if not whole:
            self._status("SystemUpdating")
        self._bring_up()
        if status == "Updating" and pending and self._record()["status"] == "InService":
            self._status("Updating")

    # In service

    def _tend(self) -> None:
        """Logs, health and replacement of what serves."""
        changed = [fleet.maintain() for fleet in self._fleets()]
        if any(changed):
            self._publish()
        if any(changed):
            self._saved = 0.0
        if time.monotonic() - self._saved > SAVE_EVERY:
            try:  # once only: whoever serves is looked after on a full disk, too
                self._write(lambda record, now: None)
                self._saved = time.monotonic()
            except AwsError as error:
                if not refused_by_disk(error):
                    raise

    def _publish(self) -> None:
        """Tells the router what is ready, and the shares of blue and green."""
        shares = [(1.0 - self._share, self._blue.targets())]
        if self._green is not None and self._share > 0:
            shares.append((self._share, self._green.targets()))
        variants = [variant["name"] for fleet in self._fleets() for variant in fleet.plan["variants"]]
        self._router.set_route(self._name, Route([(share, targets) for share, targets in shares if share > 0], variants))

    # Updating

    def _deploy(self, plan: Plan, deployment: Mapping[str, Any]) -> None:
        """Blue/green: the new fleet beside the old one, traffic step by step, back again when it is not well."""
        policy = deployment.get("BlueGreenUpdatePolicy", {})
        green = self._green = Fleet(self._context, self._backends, self._name, plan)
        deadline = time.monotonic() + policy.get("MaximumExecutionTimeoutInSeconds", MAX_EXECUTION)
        try:
            green.grow()
            self._save()
            green.start(self._patiently)
            green.wait_until_ready(self._tend_blue, self._is_closed)
            for share in traffic_steps(deployment, len(green.all())):
                self._share = share
                self._publish()
                routing = policy.get("TrafficRoutingConfiguration", {})
                last = policy.get("TerminationWaitInSeconds", 0) if share >= 1.0 else 0
                self._bake(green, routing.get("WaitIntervalInSeconds", 0) + last, deployment, deadline)
        except Unhealthy as error:
            self._roll_back(green, str(error))
            return
        if self._server_stops.is_set():
            return
        old, self._blue, self._green, self._share = self._blue, green, None, 0.0
        self._publish()
        self._patch(lambda record, now: record.update({"blue": green.plan, "green": None}))
        self._retire(old.all(), self._tend_blue)
        remove_tree(old.folder)
        self._status("InService")

    def _bake(self, green: Fleet, seconds: float, deployment: Mapping[str, Any], deadline: float) -> None:
        """Watches the new fleet for some time. Raises Unhealthy."""
        alarms = [alarm["AlarmName"] for alarm in deployment.get("AutoRollbackConfiguration", {}).get("Alarms", [])]
        until = time.monotonic() + seconds
        while not self._server_stops.is_set():
            self._tend_blue()
            for instance in green.all():
                if not instance.maintain():
                    raise Unhealthy(f"An instance of the new fleet died while it was baking. {instance.last_words()}")
            if alarms and any(instance.target.failed for instance in green.all()):
                raise Unhealthy(f"One or more configured alarm(s) went into alarm state: {alarms}")
            if time.monotonic() > deadline:
                raise Unhealthy("The update did not finish within MaximumExecutionTimeoutInSeconds.")
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(TICK, left))

    def _roll_back(self, green: Fleet, reason: str) -> None:
        self._patch(lambda record, now: set_status(record, "RollingBack", now, reason))
        self._share = 0.0
        self._publish()
        self._retire(green.all(), self._tend_blue)
        self._green = None
        remove_tree(green.folder)
        self._patch(lambda record, now: record.update({"green": None}))
        self._status("InService")

    def _rescale(self, wanted: Mapping[str, Capacity]) -> None:
        """UpdateEndpointWeightsAndCapacities: weights at once, instances one after the other."""
        before = {variant["name"]: variant["count"] for variant in self._blue.plan["variants"]}
        for variant in self._blue.plan["variants"]:
            capacity = wanted.get(variant["name"], Capacity())
            variant["weight"] = capacity.get("weight", variant["weight"])
            variant["count"] = capacity.get("count", variant["count"])
        reason = None
        try:
            self._grow()
        except Unhealthy as error:
            reason = str(error)
            for variant in self._blue.plan["variants"]:
                variant["count"] = min(variant["count"], before[variant["name"]])
        surplus = self._blue.shrink()
        self._publish()
        self._retire(surplus, lambda: None)
        self._patch(lambda record, now: record.pop("wanted", None))
        self._status("InService", reason)

    # Going

    def _retire(self, instances: list[Instance], meanwhile: Callable[[], None]) -> None:
        """Drains and stops instances that get no more requests; `meanwhile` keeps the rest going."""
        worker = threading.Thread(target=drain_and_stop, args=(instances, DRAIN_PATIENCE, self._is_closed), daemon=True)
        worker.start()
        while worker.is_alive():
            meanwhile()
            worker.join(TICK)

    def _delete(self) -> None:
        self._router.set_route(self._name, None)
        for fleet in self._fleets():
            drain_and_stop(fleet.all(), 0.0, self._is_closed)
        remove_tree(self._context.root / "endpoints" / self._name)
        self._patiently(lambda: self._context.store.delete(KIND, self._name))

    def _kill_all(self) -> None:
        for fleet in self._fleets():
            self._stop_all(fleet, 0.0)

    def _stop_all(self, fleet: Fleet, grace: float) -> None:
        for instance in fleet.all():
            instance.terminate()
        deadline = time.monotonic() + grace
        for instance in fleet.all():
            try:
                instance.stop(max(0.0, deadline - time.monotonic()))
            except Exception:  # the others are to be stopped whatever it is, and the thread has to live to delete the endpoint
                log.exception("instance %s of endpoint %s", instance.state["id"], self._name)

    def _fleets(self) -> list[Fleet]:
        return [self._blue, *([self._green] if self._green is not None else [])]

    def _tend_blue(self) -> None:
        if self._blue.maintain():
            self._publish()

    def _is_closed(self) -> bool:
        return self._server_stops.is_set()

    # The record

    def _save(self) -> None:
        self._saved = time.monotonic()
        self._patch(lambda record, now: None)

    def _status(self, status: str, reason: str | None = None) -> None:
        self._patch(lambda record, now: set_status(record, status, now, reason))

    def _patch(self, change: Callable[[Endpoint, float], Any]) -> None:
        """Changes the record, patiently, and brings the fleets' plans in it up to date."""
        self._patiently(lambda: self._write(change))

    def _write(self, change: Callable[[Endpoint, float], Any]) -> None:

        def apply(record: Endpoint) -> None:
            record["blue"] = self._blue.plan
            if self._green is not None:
                record["green"] = self._green.plan
            change(record, self._context.clock())

        self._context.store.update(KIND, self._name, apply)
