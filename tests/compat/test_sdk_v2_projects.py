"""Scripts as people wrote them (tests/projects) under version 2 of the SageMaker Python SDK, as its makers publish it."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import projects
from tests.support.compat_client import HERE, Client
from tests.support.projects import NAMED, PROJECTS, Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
READ = """
import json, sys
from smdebug import modes
from smdebug.trials import create_trial
trial = create_trial(sys.argv[1])
name = trial.tensor_names(collection="losses")[0]
steps = {mode: trial.tensor(name).steps(mode=modes[mode]) for mode in sys.argv[2:]}
values = {mode: [float(trial.tensor(name).value(at, mode=modes[mode]).mean()) for at in found] for mode, found in steps.items()}
print(json.dumps({"name": name, "values": values, "gradients": trial.tensor_names(collection="gradients")}))
"""
"""What a notebook does with the tensors of a job: read them from S3 with smdebug."""


def read_tensors(client: Client, place: str, modes: tuple[str, ...]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", READ, place, *modes], env=client.environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_a_notebook_trains_a_persons_project(client: Client, pictures: Path, project: Project, tmp_path: Path) -> None:
    projects.put_weights(client.folder / ".kennel" / "cache", project.pretrained)
    projects.skip_without_packages(project, tmp_path)
    said = client.run("sdk-v2", HERE / "sdk_v2_project.py", projects.as_json(project), pictures)
    print(said[-2500:])
    found = json.loads(said.splitlines()[-1])
    assert found["status"] == "Completed" and found["metrics"] == [project.metric["Name"]]
    assert found["model"].endswith(f"/{found['job']}/output/model.tar.gz")
    tensors = read_tensors(client, found["tensors"], project.modes)
    assert tensors["name"] == project.loss and tensors["gradients"]
    assert all(values and all(map(math.isfinite, values)) for values in tensors["values"].values()), tensors["values"]
    expected = {"VanishingGradient", "Overfit", "PoorWeightInitialization", "LossNotDecreasing", "LowGPUUtilization"}
    assert set(found["rules"]) == {*expected, "ProfilerReport"}
    if project.modes == ("GLOBAL",):
        status, details = found["rules"]["Overfit"]
        assert status == "NoIssuesFound" and "the script sets no mode" in details
    assert {status for status, _ in found["rules"].values()} <= {"IssuesFound", "NoIssuesFound"}, found["rules"]


def test_a_notebook_searches_the_hyperparameters_of_one(client: Client, pictures: Path) -> None:
    said = client.run("sdk-v2", HERE / "sdk_v2_search.py", projects.as_json(NAMED["head_logged"]), pictures)
    print(said[-2500:])
    found = json.loads(said.splitlines()[-1])
    assert found["status"] == "Completed" and found["statuses"] == ["Completed"] * 3
    assert {"FinalObjectiveValue", "TrainingJobName", "TrainingJobStatus", "batch-size", "lr"} <= set(found["columns"])
    assert found["best"] == min(found["trials"], key=found["trials"].get)
    parameters = found["hyperparameters"]
    assert parameters["batch-size"] in ('"4"', '"6"') and 0.001 <= float(parameters["lr"].strip('"')) <= 0.1
    assert parameters["epochs"] == "2" and parameters["_tuning_objective_metric"] == '"average test loss"'
    assert found["early_stopping"] == "Auto" and found["model"].endswith("/output/model.tar.gz")
