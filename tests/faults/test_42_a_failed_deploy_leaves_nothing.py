"""Row 42: a deploy fails after CreateModel, at any step. What the run made is gone, and the second run succeeds."""

import pytest

from tests.support.fakes import FaultyProxy
from tests.support.local_server import LocalServer
from tests.support.person import LOCAL, Kennel, KennelHere, write_pictures

LIMIT = ("ResourceLimitExceeded", "The account-level service limit is 0 Instances")


@pytest.fixture(scope="module")
def kennel(tmp_path_factory: pytest.TempPathFactory, server: LocalServer) -> Kennel:
    kennel = KennelHere(tmp_path_factory.mktemp("person"))
    kennel.settings(LOCAL)
    kennel.use(server.url, server)
    kennel.run("data", "--folder", str(write_pictures(kennel.folder / "pictures")))
    kennel.run("train", "--name", "kennel-sick", "--set", "epochs=1", "--set", "sick=1")
    kennel.run("train", "--name", "kennel-well", "--set", "epochs=1")
    return kennel


def left(server: LocalServer) -> list[str]:
    client = server.sagemaker
    found = [row["EndpointName"] for row in client.list_endpoints()["Endpoints"]]
    found += [row["EndpointConfigName"] for row in client.list_endpoint_configs()["EndpointConfigs"]]
    return found + [row["ModelName"] for row in client.list_models()["Models"]]


@pytest.mark.parametrize("step", ["CreateEndpointConfig", "CreateEndpoint"])
def test_a_refused_step_takes_the_earlier_ones_away(kennel: Kennel, server: LocalServer, step: str) -> None:
    with FaultyProxy(server.url, **{step: [LIMIT]}) as proxy:
        kennel.use(proxy.url, server)
        error = kennel.run("deploy", status=2).stderr
        assert "service limit" in error and "quota" in error and error.count("\n") == 1 and not left(server)
        kennel.run("deploy")
        kennel.run("down")
    assert not left(server)


def test_what_cannot_be_removed_is_named_with_the_command(kennel: Kennel, server: LocalServer) -> None:
    refused = [("AccessDeniedException", "no")] * 20
    with FaultyProxy(server.url, CreateEndpoint=[LIMIT], DeleteModel=list(refused)) as proxy:
        kennel.use(proxy.url, server)
        done = kennel.run("deploy", status=2)
        assert "not removed: Model kennel-" in done.stdout and "down --endpoint kennel removes them" in done.stdout
        assert len(left(server)) == 1
    kennel.use(server.url, server)
    kennel.run("down", "--endpoint", "kennel")
    assert not left(server)


def test_an_endpoint_that_never_gets_healthy_is_taken_away(kennel: Kennel, server: LocalServer) -> None:
    kennel.use(server.url, server)
    failed = kennel.run("deploy", "--job", "kennel-sick", status=1)
    assert "endpoint kennel Failed" in failed.stderr and failed.stderr.count("\n") == 1 and not left(server)
    assert "InService" in kennel.run("deploy", "--job", "kennel-well").stdout
    print(f"left after a failed and a good deploy: {left(server)}")
    kennel.run("down")
    assert not left(server)
