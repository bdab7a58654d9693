"""What a script is given, and what of a job's request is refused by name."""

import json
from pathlib import Path

import pytest

from tests.support.script_jobs import ScriptContainer
from train.script.script_job import ScriptJob

SHOW = """
import json, os, sys
print(json.dumps({"args": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ), "path": sys.path}))
open(os.environ["SM_MODEL_DIR"] + "/model.pth", "w").write("weights")
"""


def test_a_script_gets_what_sagemaker_gives_it(tmp_path: Path) -> None:
    given = {"batch-size": 8, "lr": 0.1, "k": "v", "flag": True, "nothing": None, "items": [1, "a"], "text": "it's"}
    job = ScriptContainer(tmp_path / "ml", {"train.py": SHOW}, pictures=1, _tuning_objective_metric="loss", **given)
    run = job.run(SECRET_KEY="do-not-print-me")
    assert run.code == 0, run.err
    seen = json.loads(run.out.splitlines()[-1])
    code = str(job.base / "code")
    pairs = [("--batch-size", "8"), ("--flag", "True"), ("--items", "[1, 'a']"), ("-k", "v"), ("--lr", "0.1")]
    assert seen["args"] == [word for pair in [*pairs, ("--nothing", ""), ("--text", "it's")] for word in pair]
    env = seen["env"]
    assert seen["cwd"] == seen["path"][0] == code
    assert env["SM_CHANNEL_TRAIN"] == str(job.base / "input/data/train") and env["SM_MODEL_DIR"] == str(job.layout.model)
    assert env["SM_HP_BATCH-SIZE"] == "8" and env["SM_HP_FLAG"] == "true" and "_tuning" not in env["SM_HPS"]
    assert (env["SM_HOSTS"], env["SM_CURRENT_HOST"], env["MASTER_ADDR"], env["MASTER_PORT"]) == (
        '["algo-1"]',
        "algo-1",
        "algo-1",
        "7777",
    )
    assert "do-not-print-me" not in run.out.replace(env["SECRET_KEY"], "", 1), "nothing else prints the environment"
    assert (job.layout.model / "model.pth").read_text() == "weights"


@pytest.mark.parametrize("name", ["sagemaker_multi_worker_mirrored_strategy_enabled", "sagemaker_parameter_server_enabled"])
def test_what_is_not_run_here_is_refused_by_name(tmp_path: Path, name: str) -> None:
    job = ScriptContainer(tmp_path / "ml", {"train.py": ""}, **{name: True})
    assert job.run().code == 1 and job.failure.startswith(f"ConfigError: {name}: "), job.failure


def job(hosts: int = 1, **changes: object) -> ScriptJob:
    names = tuple(f"algo-{number}" for number in range(1, hosts + 1))
    values = {"program": "train.py", "source": "", "arguments": ("--lr", "1"), "variables": {}, "hosts": names}
    return ScriptJob(**{**values, "current_host": names[-1], "network_interface": "eth0", "processes": None, **changes})


def test_torchrun_starts_one_process_a_gpu_on_every_host() -> None:
    place = {"MASTER_ADDR": "algo-1", "MASTER_PORT": "7777"}
    command = job(hosts=2, processes=4).command(Path("/code"), Path("/venv/bin/python"), place)
    assert command[:3] == ["/venv/bin/python", "-m", "torch.distributed.run"] and command[-3:] == ["train.py", "--lr", "1"]
    assert {"--nproc-per-node=4", "--nnodes=2", "--node-rank=1", "--master-addr=algo-1", "--master-port=7777"} <= set(command)
    alone = job(processes=1).command(Path("/code"), Path("python"), place)
    assert "--rdzv-endpoint=127.0.0.1:0" in alone, "two jobs of one machine do not want the same port"


def test_a_package_is_run_as_a_module_and_anything_else_by_the_shell(tmp_path: Path) -> None:
    (tmp_path / "setup.py").touch()
    assert job(program="a/b.py").command(tmp_path, Path("python"), {})[1:3] == ["-m", "a.b"]
    assert job(program="run").command(tmp_path, Path("python"), {})[:2] == ["/bin/sh", "-c"]


def test_torchrun_gives_the_script_its_rank(tmp_path: Path) -> None:
    script = "import os\nprint('rank', os.environ['RANK'], 'of', os.environ['WORLD_SIZE'], flush=True)\n"
    made = ScriptContainer(tmp_path / "ml", {"train.py": script}, sagemaker_torch_distributed_enabled=True)
    run = made.run()
    assert run.code == 0, run.err
    assert "rank 0 of 1" in run.out
