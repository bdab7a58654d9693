"""Choosing a target: shares, weights, the least busy, what is asked by name; local_sagemaker.endpoints.endpoint_state's traffic
steps.
"""

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_sagemaker.endpoints.endpoint_state import traffic_steps
from local_sagemaker.endpoints.invocation import Route, Router, Target, Turns, VariantTargets
from local_sagemaker.errors import AwsError


@given(st.lists(st.floats(0.01, 10.0), min_size=1, max_size=5))
def test_every_stretch_of_turns_keeps_the_shares(weights: list[float]) -> None:
    turns = Turns(weights)
    chosen = [turns.next() for _ in range(200)]
    for position, weight in enumerate(weights):
        assert abs(chosen.count(position) - 200 * weight / sum(weights)) <= len(weights)


def test_fleets_get_their_shares_and_variants_their_weights() -> None:
    blue = VariantTargets([("a", 1.0, [Target("1", "a")]), ("b", 3.0, [Target("2", "b")])])
    green = VariantTargets([("a", 1.0, [Target("3", "a")])])
    route = Route([(0.75, blue), (0.25, green)], ["a", "b"])
    chosen = [route.choose(None)[0].address for _ in range(400)]
    assert chosen.count("3") == 100
    assert abs(chosen.count("2") - 225) <= 2
    assert route.choose("b")[0].address == "2"  # asked by name: also where green has no such variant


def test_the_least_busy_instance_comes_first_and_zero_weights_share() -> None:
    busy, idle = Target("1", "a", outstanding=2), Target("2", "a")
    assert VariantTargets([("a", 1.0, [busy, idle])]).choose(None) == [busy, idle]
    assert Route([(1.0, VariantTargets([("a", 0.0, [busy, idle])]))], ["a"]).choose(None) == [idle, busy]
    assert VariantTargets([("a", 1.0, [])]).choose(None) == []


def test_an_endpoint_that_cannot_be_reached_says_so() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        dead = Target(f"127.0.0.1:{probe.getsockname()[1]}", "a")
    router = Router("us-east-1", "000000000000")
    router.set_route("e", Route([(1.0, VariantTargets([("a", 1.0, [dead])]))], ["a"]))

    async def invoke(name: str, **headers: str) -> AwsError:
        with pytest.raises(AwsError) as raised:
            await router.invoke(name, headers, b"")
        return raised.value

    async def all_three() -> list[AwsError]:
        found = [
            await invoke("e"),
            await invoke("absent"),
            await invoke("e", **{"x-amzn-sagemaker-target-variant": "z"}),
        ]
        await router._session.close()
        return found

    errors = asyncio.run(all_three())
    assert [(error.code, error.status) for error in errors] == [
        ("ServiceUnavailable", 503),
        ("ValidationError", 400),
        ("ValidationError", 400),
    ]
    assert dead.outstanding == 0


def test_traffic_steps() -> None:
    def policy(kind: str, **size: object) -> dict[str, object]:
        return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": 0, **size}}}

    percent = {"Type": "CAPACITY_PERCENT", "Value": 30}
    assert traffic_steps(None, 1) == [1.0]
    assert traffic_steps(policy("ALL_AT_ONCE"), 1) == [1.0]
    assert traffic_steps(policy("CANARY", CanarySize=percent), 1) == [0.3, 1.0]
    assert traffic_steps(policy("CANARY", CanarySize={"Type": "INSTANCE_COUNT", "Value": 1}), 4) == [0.25, 1.0]
    assert traffic_steps(policy("LINEAR", LinearStepSize=percent), 1) == pytest.approx([0.3, 0.6, 0.9, 1.0])
