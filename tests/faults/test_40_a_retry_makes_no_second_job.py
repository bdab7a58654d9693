"""Row 40: the connection breaks after a request was taken. boto3 sends it again; one job, one endpoint, found and followed."""

from pathlib import Path

from tests.support.fakes import FaultyProxy
from tests.support.local_server import LocalServer
from tests.support.person import LOCAL, KennelHere, write_pictures


def test_one_of_each_is_made(tmp_path: Path, server: LocalServer) -> None:
    kennel = KennelHere(tmp_path)
    kennel.settings(LOCAL)
    creates = ("CreateTrainingJob", "CreateHyperParameterTuningJob", "CreateModel", "CreateEndpointConfig", "CreateEndpoint")
    with FaultyProxy(server.url, **{name: ["reset"] for name in creates}) as proxy:
        kennel.use(proxy.url, server)
        kennel.run("data", "--folder", str(write_pictures(tmp_path / "pictures")))
        tuned = kennel.run("tune", "--jobs", "2", "--set", "epochs=1").stdout
        trained = kennel.run("train", "--set", "epochs=1").stdout
        kennel.run("deploy")
        proxy.faults["DeleteEndpoint"] = ["reset"]
        proxy.faults["DeleteModel"] = ["reset"]
        client = server.sagemaker
        assert "exists (InProgress): following it" in tuned and "exists (InProgress): following it" in trained
        assert {name: proxy.seen[name] for name in creates} == dict.fromkeys(creates, 2)
        print(f"{sum(proxy.seen[name] for name in creates)} create requests for {len(creates)} things")
        assert len(client.list_hyper_parameter_tuning_jobs()["HyperParameterTuningJobSummaries"]) == 1
        assert len(client.list_training_jobs()["TrainingJobSummaries"]) == 3
        assert len(client.list_endpoints()["Endpoints"]) == len(client.list_models()["Models"]) == 1
        assert "removed Endpoint" in kennel.run("down").stdout
        assert not client.list_endpoints()["Endpoints"] and not client.list_models()["Models"]
