"""A person's script through `kennel train --script` and the real train program: arguments, data, metric, model."""

import io
import tarfile
from collections.abc import Iterator

import pytest

from tests.support.person import Kennel

pytestmark = pytest.mark.timeout(300)
SCRIPT = """
import argparse, os, helper
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--sizes")
parser.add_argument("--data", default=os.environ["SM_CHANNEL_TRAIN"])
given = parser.parse_args()
print(f"Average loss: {given.lr * len(os.listdir(given.data))}; sizes {given.sizes}; {helper.WORD}", flush=True)
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write(str(given.lr))
"""


@pytest.fixture()
def person(kennel: Kennel) -> Iterator[Kennel]:
    for name, text in (("code/train.py", SCRIPT), ("code/helper.py", "WORD = 'helped'\n"), ("data/a", ""), ("data/b", "")):
        (kennel.folder / name).parent.mkdir(exist_ok=True)
        (kennel.folder / name).write_text(text)
    yield kennel
    kennel.run("stop")


@pytest.fixture()
def kennel(tmp_path_factory: pytest.TempPathFactory) -> Kennel:
    return Kennel(tmp_path_factory.mktemp("work"))


@pytest.mark.parametrize("network", [(), ("--no-network-isolation",)], ids=["as a channel", "from S3"])
def test_the_train_program_runs_what_was_sent(person: Kennel, network: tuple[str, ...]) -> None:
    words = ("--script", "train.py", "--source", "code", "--channel", "train=data", "--set", "lr=0.25", "--set", "sizes=[8, 4]")
    done = person.run("train", *words, "--metric", r"loss=Average loss: ([0-9\.]+)", "--name", "kennel-own", *network).stdout
    assert "Average loss: 0.5; sizes [8, 4]; helped" in done and "   loss                       0.5000" in done
    model = person.client("s3").get_object(Bucket="kennel-local", Key="kennel/jobs/kennel-own/output/model.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(model["Body"].read())) as tar:
        assert tar.extractfile("model.txt").read() == b"0.25"
