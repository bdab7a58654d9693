"""A script's steps: what the rules and smdebug read of them, and that the script does not notice."""

from pathlib import Path

import pytest
from smdebug.profiler.algorithm_metrics_reader import LocalAlgorithmMetricsReader
from smdebug.profiler.utils import TimeUnits

from contract.timeline import COPY, PARTS
from rules.checks.evaluation import Evaluation, Result
from rules.checks.steps import StepOutlier
from rules.reading.source import Folder
from rules.reading.timeline import TimedStep, Timeline
from tests.support.script_jobs import ScriptContainer

SCRIPT = """
import argparse, copy, os, time
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    def forward(self, x):
        return self.parts(x)

class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return 480
    def __getitem__(self, at):
        return torch.ones(4), at % 2

parser = argparse.ArgumentParser()
for name in ("slow", "workers"):
    parser.add_argument(f"--{name}", type=int, default=0)
given = parser.parse_args()
net, loss = Net(), torch.nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(2):
    net.train()
    for number, (rows, labels) in enumerate(torch.utils.data.DataLoader(Rows(), batch_size=4, num_workers=given.workers)):
        optimizer.zero_grad()
        loss(net(rows), labels).backward()
        optimizer.step()
        time.sleep(0.02)
        if given.slow and number % 4 == 1:
            time.sleep(given.slow / 1000)
    net.eval()
    with torch.no_grad():
        for _ in range(3):
            net(torch.ones(1, 4))
torch.save(net, os.environ["SM_MODEL_DIR"] + "/net.pt")
assert list(copy.deepcopy(net).state_dict()) == list(net.state_dict())
torch.jit.script(net.parts)
"""


def run(base: Path, config: object, script: str = SCRIPT, **hyperparameters: int) -> Path:
    """Runs the script to its good end; the folder of its timeline."""
    job = ScriptContainer(base / "ml", {"train.py": script}, **hyperparameters)
    if config is not None:
        job.put("profilerconfig", config)
    ended = job.run()
    assert ended.code == 0, ended.err
    assert "the step timeline ends here" not in ended.err and "cannot be saved" not in ended.err, ended.err
    return job.layout.profiler


def steps_of(folder: Path) -> list[TimedStep]:
    timeline = Timeline(Folder(folder))
    timeline.poll()
    return timeline.steps()


def judged(folder: Path) -> Result:
    return Evaluation(rule=StepOutlier(n_outliers=45), place=str(folder)).run()


ASKED = {"S3OutputPath": "s3://bucket/profiles"}


@pytest.mark.parametrize(("slow", "status"), [(100, "IssuesFound"), (0, "NoIssuesFound")])
def test_slow_steps_of_a_script_are_found_and_a_calm_run_has_none(tmp_path: Path, slow: int, status: str) -> None:
    folder = run(tmp_path, ASKED, slow=slow, workers=2)
    steps = steps_of(folder)
    numbers = {mode: [step.number for step in steps if step.mode == mode] for mode in ("TRAIN", "EVAL")}
    assert numbers["TRAIN"] == [*range(119), *range(120, 239)], "the last of an epoch has no end that could be known"
    assert numbers["EVAL"] == [1, 2, 5, 6]
    assert {step.node for step in steps} == {"algo-1"}
    assert all(step.seconds >= 0.02 and sum(step.parts.values()) <= step.seconds for step in steps if step.mode == "TRAIN")
    assert all(set(step.parts) == set(PARTS) - {COPY} for step in steps if step.mode == "TRAIN" and step.number)
    found = judged(folder)
    assert found.status == status, (found.details, sorted(step.seconds for step in steps)[::12])
    late = [step.number for step in steps if step.seconds >= 0.12]
    assert not slow or set(late) >= {number for number in range(240) if number % 120 % 4 == 1}
    reader = LocalAlgorithmMetricsReader(str(folder))
    reader.refresh_event_file_list()
    phases = [event.event_phase for event in reader.get_events(0, 2**62, unit=TimeUnits.MICROSECONDS)]
    assert (phases.count("Step:ModeKeys.TRAIN"), phases.count("Step:ModeKeys.EVAL")) == (240, 6), "smdebug's reader reads it too"
    files = list(folder.rglob("*timeline.json"))
    assert len(files) == 1, "the workers of the loaders write none"


EVALUATES = """
import torch
net = torch.nn.Linear(2, 2)
net.eval()(torch.ones(2))
with torch.no_grad():
    net.train()(torch.ones(2))
"""
TRAINS = EVALUATES + "for _ in range(5):\n    net(torch.ones(2))\n"


@pytest.mark.parametrize(("config", "script"), [(None, TRAINS), ({**ASKED, "DisableProfiler": True}, TRAINS), (ASKED, EVALUATES)])
def test_a_job_that_asks_for_no_profile_or_trains_nothing_writes_nothing(tmp_path: Path, config: object, script: str) -> None:
    assert not list(run(tmp_path, config, script).parent.rglob("*timeline.json"))


FOLDS = """
import torch
teacher = torch.nn.Sequential(torch.nn.Linear(2, 2))
for fold in range(3):
    net = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Linear(2, 2)), torch.nn.ReLU())
    for step in range(5):
        with torch.no_grad():
            teacher(torch.ones(1, 2))
        net(torch.ones(1, 2)).sum().backward()
        torch.nn.Sequential(torch.nn.ReLU())(torch.ones(1))
    del net
net = torch.nn.Linear(2, 2)
for step in range(3):
    net(torch.ones(1, 2)).sum().backward()
del net
compiled = torch.compile(torch.nn.Linear(2, 2), backend="eager", fullgraph=True)
for step in range(3):
    compiled(torch.ones(2)).sum().backward()
whole = torch.compile(lambda: teacher(torch.ones(1, 2)), backend="eager", fullgraph=True)
whole(), whole()
"""


def test_the_next_network_follows_one_that_is_gone_and_what_is_called_beside_it_counts_nothing(tmp_path: Path) -> None:
    steps = steps_of(run(tmp_path, ASKED, FOLDS))
    assert [(step.mode, step.number) for step in steps] == [("TRAIN", number) for number in range(20)]


def test_a_folder_that_cannot_be_written_is_told_once_and_the_script_goes_on(tmp_path: Path) -> None:
    job = ScriptContainer(tmp_path / "ml", {"train.py": FOLDS})
    job.put("profilerconfig", ASKED | {"ProfilingParameters": {"RotateMaxFileSizeInBytes": "150"}})
    job.layout.profiler.mkdir(parents=True)
    (job.layout.profiler / "framework").write_text("in the way")
    run = job.run()
    assert run.code == 0, run.err
    assert run.err.count("the step timeline ends here, the script goes on: NotADirectoryError") == 1, run.err


def test_a_script_with_another_pytorch_runs_without(tmp_path: Path) -> None:
    job = ScriptContainer(tmp_path / "ml", {"train.py": "import torch\nprint(torch.OWN)", "torch.py": "OWN = 'mine'"})
    job.put("profilerconfig", ASKED)
    job.put("debughookconfig", {"LocalPath": str(job.layout.tensors), "S3OutputPath": "s3://bucket/tensors"})
    run = job.run()
    assert run.code == 0 and "mine" in run.out, run.err
    assert run.err.count("tensors or steps of this PyTorch cannot be saved: AttributeError") == 2, run.err


def test_an_error_in_the_network_is_told_at_the_scripts_own_line(tmp_path: Path) -> None:
    script = "import torch\nnet = torch.nn.Linear(2, 2)\nnet(torch.ones(2))\nnet(torch.ones(3))"
    job = ScriptContainer(tmp_path / "ml", {"train.py": script})
    job.put("profilerconfig", ASKED)
    assert job.run().code == 1
    assert "(train.py:4 in <module>)" in job.failure, job.failure
