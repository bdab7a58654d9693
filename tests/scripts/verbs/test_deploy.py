"""`kennel deploy`, `invoke` and `down` against a real local SageMaker.

Also scripts.verbs.invoke, scripts.verbs.down, scripts.aws.invocation and scripts.files.pictures.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.errors import LaunchError
from scripts.files.pictures import REQUEST_LIMIT, payload, pictures_below
from tests.support.local_server import LocalServer
from tests.support.person import Kennel, KennelHere, write_pictures


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, server: LocalServer) -> Kennel:
    """Pictures uploaded and a model trained, once."""
    from tests.support.person import LOCAL

    kennel = KennelHere(tmp_path_factory.mktemp("person"))
    kennel.settings(LOCAL)
    kennel.use(server.url, server)
    kennel.run("data", "--folder", str(write_pictures(kennel.folder / "pictures", classes=3)))
    kennel.run("train", "--name", "kennel-model", "--set", "epochs=1")
    return kennel


def things(server: LocalServer) -> tuple[int, int, int]:
    client = server.sagemaker
    endpoints, models = client.list_endpoints()["Endpoints"], client.list_models()["Models"]
    return len(endpoints), len(client.list_endpoint_configs()["EndpointConfigs"]), len(models)


def test_deploy_ask_update_and_remove(trained: Kennel, server: LocalServer) -> None:
    done = trained.run("deploy").stdout
    assert "InService" in done and "invoke PICTURE" in done and things(server) == (1, 1, 1)
    assert "endpoint kennel has this model already (InService)" in trained.run("deploy").stdout and things(server) == (1, 1, 1)
    test = trained.folder / "pictures" / "test"
    table = trained.run("invoke", str(test)).stdout
    assert table.count("Breed 3 0.90") == 2 and "6 pictures" in table
    lines = [json.loads(line) for line in trained.run("invoke", str(test), "--json").stdout.splitlines()]
    assert all(line["predictions"][0]["class"] == Path(line["picture"]).parent.name for line in lines)
    assert "endpoint kennel goes over to" in trained.run("deploy", "--instances", "2").stdout
    assert things(server) == (1, 1, 1) and trained.state()["endpoint"] == "kennel"
    fleet = server.sagemaker.describe_endpoint(EndpointName="kennel")["ProductionVariants"][0]
    assert fleet["CurrentInstanceCount"] == 2
    removed = trained.run("down").stdout
    assert "removed Endpoint kennel" in removed and things(server) == (0, 0, 0) and "endpoint" not in trained.state()
    assert "Endpoint kennel was not there" in trained.run("down").stdout


def test_what_is_no_picture_is_told_and_the_others_are_answered(trained: Kennel, server: LocalServer) -> None:
    trained.run("deploy", "--endpoint", "kennel-odd")
    bad = trained.folder / "bad.jpg"
    bad.write_bytes(b"no picture")
    good = pictures_below(trained.folder / "pictures" / "test")[0]

    done = trained.run("invoke", str(bad), str(good), "--endpoint", "kennel-odd", status=1)
    assert "1 of 2 pictures were refused" in done.stderr and "400" in done.stdout and "Breed 1 0.90" in done.stdout
    missing = trained.run("invoke", str(good), "--endpoint", "kennel-none", status=2).stderr
    assert "--endpoint kennel-none: no endpoint of this name; kennel deploy makes one" in missing
    trained.run("down", "--endpoint", "kennel-odd")
    assert things(server) == (0, 0, 0)


def test_a_picture_over_the_limit_is_shrunk_and_it_is_said(trained: Kennel) -> None:
    noise = np.random.default_rng(0).integers(0, 40, (2600, 2400, 3), dtype=np.uint8) + np.array([0, 130, 0], dtype=np.uint8)
    big = trained.folder / "big.png"
    Image.fromarray(noise.astype(np.uint8)).save(big)
    assert big.stat().st_size > REQUEST_LIMIT
    sent = payload(big)
    assert len(sent.body) <= REQUEST_LIMIT and sent.content_type == "image/jpeg" and "is over the limit" in (sent.shrunk or "")
    trained.run("deploy", "--endpoint", "kennel-big")
    done = trained.run("invoke", str(big), "--endpoint", "kennel-big")
    trained.run("down", "--endpoint", "kennel-big")
    assert "is over the limit of 6.3 MB: sent as" in done.stderr and "Breed 3" in done.stdout


def test_what_cannot_be_shrunk_is_refused(tmp_path: Path) -> None:
    big = tmp_path / "big.tiff"
    big.write_bytes(bytes(REQUEST_LIMIT + 1))
    with pytest.raises(LaunchError, match="too large to send as it is, and cannot be made smaller"):
        payload(big)
    small = tmp_path / "a.heic"
    small.write_bytes(b"x")
    assert payload(small).content_type == "application/x-image"


def test_pictures_of_a_folder_come_in_order_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "a/1.PNG", ".hidden/3.jpg", "a/._1.jpg", "a/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in pictures_below(tmp_path)] == ["1.PNG", "2.jpg"]


def test_a_job_without_a_model_is_not_deployed(trained: Kennel, server: LocalServer) -> None:
    assert "--job kennel-none: no training job" in trained.run("deploy", "--job", "kennel-none", status=2).stderr
    trained.run("train", "--name", "kennel-unfinished", "--set", "epochs=1", "--set", "wait=30", "--detach")
    words = trained.run("deploy", "--job", "kennel-unfinished", status=2).stderr
    assert "is InProgress and has no model" in words and things(server) == (0, 0, 0)
    trained.run("stop", "kennel-unfinished")
    trained.state(training_job="kennel-model")
