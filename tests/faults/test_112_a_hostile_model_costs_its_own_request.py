"""Row 112: a hostile archive behind a TargetModel is refused with its URL and its member, and a container that puts a link in the
place of its models gets none through it: nothing is written outside, and the endpoint answers for the other models."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.contract.test_archive import HOSTILE
from tests.faults.test_30_a_hostile_archive_is_refused_by_name import ESCAPES
from tests.support.local_server import LocalServer, ask, make_multi_model_endpoint, put_model, wait_until

BAD = (*ESCAPES, "giant header", "headers without end", "names without end", "sparse", "cut short", "not gzip", "not tar")
SWAP = "import os; os.rename(base / 'models', base / 'gone'); os.symlink({target!r}, base / 'models')"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    put_model(started, "good", "many/good")
    yield started
    started.stop()


def test_every_hostile_archive_is_refused_and_the_good_model_answers_on(server: LocalServer) -> None:
    make_multi_model_endpoint(server, "e")
    slowest = 0.0
    for name in BAD:
        server.s3.put_object(Bucket="bucket", Key=f"many/{name}", Body=HOSTILE[name]())
        began = time.monotonic()
        with pytest.raises(ClientError, match=f"s3://bucket/many/{name}: ") as raised:
            ask(server, "e", TargetModel=name)
        slowest = max(slowest, time.monotonic() - began)
        assert raised.value.response["Error"]["Code"] == "ValidationError"
        assert ask(server, "e", TargetModel="good") == "good"
    left = [path.name for folder in server.files("endpoints/e/*/*/*/opt/ml/models") for path in folder.iterdir()]
    assert len(left) == 1, "of what was refused nothing stays"
    assert not server.files("**/*escaped*") and not Path("/tmp/kennel-escaped").exists()
    print(f"{len(BAD)} hostile archives refused, the slowest after {slowest:.2f} s")


def test_a_link_in_the_place_of_the_models_leads_nowhere(server: LocalServer, tmp_path: Path) -> None:
    make_multi_model_endpoint(server, "swapped", CAPACITY="1")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("untouched")
    assert ask(server, "swapped", TargetModel="good") == "good"
    (folder,) = server.files("endpoints/swapped/*/*/*/opt/ml/models/*")
    (tmp_path / folder.name).mkdir()  # what this server would delete, were the link followed
    ask(server, "swapped", "python " + SWAP.format(target=str(tmp_path)), TargetModel="good")
    put_model(server, "other", "many/other")
    with pytest.raises(ClientError, match="/opt/ml/models is a symbolic link where a folder is expected"):
        ask(server, "swapped", TargetModel="other")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["kept", folder.name])
    server.sagemaker.delete_endpoint(EndpointName="swapped")
    wait_until(lambda: not (server.root / "endpoints" / "swapped").exists())
    assert (tmp_path / "kept" / "file").read_text() == "untouched" and (tmp_path / folder.name).exists()
