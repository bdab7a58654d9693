"""Version 3 of the SageMaker Python SDK with a person's own scripts: its driver, sent with each job, runs them unmodified."""

import importlib.util
import re

import pytest

from tests.support.compat_client import HERE, Client
from tests.support.script_jobs import write_wheel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
TRAIN = """
import argparse, json, os, sys
import kennel_toy
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--batch-size", type=int)
parser.add_argument("--words")
parser.add_argument("--flag", type=json.loads)
parser.add_argument("--sizes", type=json.loads)
parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
parser.add_argument("--train", default=os.environ["SM_CHANNEL_TRAIN"])
given = parser.parse_args()
print(f"GIVEN {given.batch_size} {given.words} {given.flag} {given.sizes} {kennel_toy.WORD} {sorted(os.listdir(given.train))}")
print(f"PLACES {os.getcwd()} {given.model_dir} {sys.executable}")
print(f"Average loss: {given.lr * 2}")
open(given.model_dir + "/model.txt", "w").write("weights")
"""
RANKS = """
import os, torch, torch.distributed as dist
dist.init_process_group("gloo")
value = torch.tensor([1.0 + dist.get_rank()])
dist.all_reduce(value)
print(f"RANK {dist.get_rank()} of {dist.get_world_size()} sums {value.item()}", flush=True)
dist.destroy_process_group()
"""


@pytest.fixture(scope="module")
def person(client: Client) -> Client:
    """The client's folder, with the scripts and their data."""
    wheels = write_wheel(client.folder / "wheels", "kennel_toy", {"kennel_toy.py": "WORD = 'installed'\n"})
    requirements = f"--no-index\n--find-links {wheels}\nkennel-toy\n"
    files = {"train.py": TRAIN, "ranks.py": RANKS, "requirements.txt": requirements}
    files["wrong.py"] = "def fit(rate):\n    raise ValueError('the rate is too high')\nfit(3)\n"
    for place, text in {**{f"code/{name}": text for name, text in files.items()}, "data/a.txt": "", "data/b.txt": ""}.items():
        (client.folder / place).parent.mkdir(exist_ok=True)
        (client.folder / place).write_text(text)
    return client


def test_a_tuner_searches(person: Client) -> None:
    said = person.run("sdk-v3", HERE / "sdk_v3_script.py", person.folder, "tune")
    assert re.search(r"^TUNED Completed 2$", said, re.MULTILINE), said[-3000:]


def test_the_sdks_own_driver_runs_scripts_as_on_aws(person: Client) -> None:
    said = person.run("sdk-v3", HERE / "sdk_v3_script.py", person.folder, "train")
    assert re.search(r"^IMAGE 763104351884\.dkr\.ecr\.us-east-1\.amazonaws\.com/pytorch-training:2\.5", said, re.MULTILINE)
    assert "GIVEN 8 two words True [8, 4] installed ['a.txt', 'b.txt']" in said
    assert "PLACES /opt/ml/input/data/code /opt/ml/model " in said
    assert said.count("RANK 0 of 2 sums 3.0") == said.count("RANK 1 of 2 sums 3.0") == 2, "from Torchrun() and from a command"
    ended = {found[1]: found[2] for found in re.finditer(r"^ENDED (\w+) (.*)$", said, re.MULTILINE)}
    assert ended["entry"] == "Completed {'loss': 0.5} ''" and ended["command"] == "Completed {'loss': 1.0} ''"
    assert ended["torchrun"] == "Completed {} ''"
    assert ended["wrong"].startswith("Failed {} 'AlgorithmError: ExecuteUserScriptError: ExitCode 1")
    assert 'ErrorMessage "ValueError: the rate is too high (wrong.py:2 in fit)' in ended["wrong"]
    assert "ConfigError: distributed=MPI(): the SDK's driver starts sshd" in ended["refused"]
    assert importlib.util.find_spec("kennel_toy") is None, "nothing was installed into this program's own environment"
