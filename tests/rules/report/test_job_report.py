"""The report of a job: every number of it from files whose numbers are known, and every absence said."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rules.reading.job_files import JobFiles, find
from rules.report import command
from rules.report.job_page import page
from rules.report.job_report import gather, pictures_of, save
from rules.report.learning_curves import final_metrics, learning_curves
from rules.report.operators import operator_times
from rules.report.settings import job_settings
from rules.report.time_breakdown import job_phases
from tests.support import rule_jobs, saved_profile

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[JobFiles, dict]:
    job = find(str(rule_jobs.whole(tmp_path_factory.mktemp("jobs") / "a-job")))
    return job, gather(job)


def test_what_happened(whole: tuple[JobFiles, dict]) -> None:
    part = whole[1]["learning"]
    assert part["loss"]["train"][:2] == [[1, 2.0], [2, 1.0]] and len(part["loss"]["train"]) == 60
    assert part["loss"]["validation"] == [[20, 2.5], [40, 1.25], [60, 2.5 / 3]], "an evaluation is at its epoch's last step"
    assert part["accuracy"]["train"] == [[20, 0.2], [40, 0.4], [60, pytest.approx(0.6)]]
    assert part["rate"]["learning rate"][1] == [2, 0.005]
    assert set(part["saved"]) == {"TRAIN", "EVAL"} and part["saved"]["TRAIN"][0] == [1, 2.0]


def test_without_steps_csv_the_saved_losses_are_the_curve(tmp_path: Path) -> None:
    rule_jobs.tensors(tmp_path / "debug-output")
    part = gather(find(str(tmp_path)))["learning"]
    assert set(part["loss"]) == {"train", "validation"} and part["loss"]["validation"][0] == [0, 1.0] and not part["by_step"]


def test_what_was_found(whole: tuple[JobFiles, dict]) -> None:
    rows = {row["rule"]: row for row in whole[1]["findings"]["rules"]}
    exploding = rows["ExplodingTensor"]
    assert exploding["status"] == "IssuesFound" and exploding["evidence"][0]["step"] == 15 and exploding["advice"]
    assert exploding["evidence"][0]["subject"] == "CrossEntropyLoss_output_0"
    assert rows["DeadRelu"]["status"] == "Error" and "Save them" in rows["DeadRelu"]["details"]
    assert rows["LowGPUUtilization"]["status"] == "NotJudged" and "patience is 1000" in rows["LowGPUUtilization"]["details"]
    assert rows["StepOutlier"]["status"] == "NoIssuesFound"


def test_where_time_went(whole: tuple[JobFiles, dict]) -> None:
    part = whole[1]["time"]
    (group,) = part["groups"]
    assert group["outlier_count"] == 4 and group["causes"] == {"DataWait": 4}
    assert group["outlier_seconds"] == pytest.approx(4 * 1.2, rel=0.02) and sum(group["percent"].values()) == pytest.approx(100)
    assert part["flops"]["mfu"] == pytest.approx(40e9 / group["median"] / 400e9)
    assert part["operators"][0] == ["aten::convolution", pytest.approx(0.3), 2.0, pytest.approx(100 * 6 / 9)]
    assert part["kernels"] == [["sgemm", pytest.approx(0.15), 2.0, 100.0]]


def test_mfu_is_of_the_type_of_number_that_the_job_says() -> None:
    files = {
        "operators.json": json.dumps({"steps": [3], "flops_per_step": 8}).encode(),
        "machine.json": json.dumps({"peak_flops": {"float32": 16, "bfloat16": 32}}).encode(),
    }
    groups = [{"mode": "TRAIN", "median": 1.0}]
    assert operator_times(files, groups, "bfloat16", [])["flops"]["mfu"] == 0.25
    assert (
        operator_times(files, groups, "", [])["flops"] | {"type": "float32", "mfu": 0.5}
        == operator_times(files, groups, "", [])["flops"]
    )
    assert operator_times({}, groups, "", [])["flops"] == {}


def test_the_page_shows_the_numbers(whole: tuple[JobFiles, dict]) -> None:
    job, body = whole
    html = page(body, pictures_of(job, body))
    for words in ("50.0 %", "ExplodingTensor", "waiting for data", "Footprint", "Confusion matrix", "2.15.0", "(MFU)"):
        assert words in html
    assert html.count("data:image/jpeg;base64,") == 2
    assert "NaN" not in html and "Infinity" not in html and ">None<" not in html


def test_the_json_is_strict_and_has_the_same_numbers(whole: tuple[JobFiles, dict], tmp_path: Path) -> None:
    _, body = whole
    path = save(tmp_path / "out", page(body, {}), body)
    text = path.with_suffix(".json").read_text()
    again = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert page(again, {}) == page(body, {}), "the page needs nothing that the JSON has not"
    assert sorted(one.name for one in path.parent.iterdir()) == ["report.html", "report.json"]


def test_every_absent_part_is_said_and_no_empty_plot_is_left(tmp_path: Path) -> None:
    rule_jobs.data(tmp_path)
    (rule_jobs.data(tmp_path) / "history.json").write_text("[]")
    body = gather(find(str(tmp_path)))
    for part in ("learning", "findings", "time", "machine", "predictions", "settings"):
        assert body[part]["absent"].endswith("."), part
    html = page(body, {})
    assert html.count('class="absent"') == 6 and "<svg" not in html and 'class="tile' not in html
    assert "No system metrics were saved" in html


def test_damaged_files_are_told_and_the_rest_is_shown(tmp_path: Path) -> None:
    rule_jobs.whole(tmp_path)
    data = rule_jobs.data(tmp_path)
    (data / "steps.csv").write_text("step,epoch,lr,loss,pictures\n1,1,0.1,0.5,ab\n2,1,what,0.5,ab\n")
    (data / "history.json").write_text("{")
    (data / "predictions-test.csv").write_bytes(b"\xff\xfe\x00")
    (data / "profiler" / "operators.json").write_text("[]")
    (tmp_path / "model" / "model.json").write_text("[" * 100_000)
    next((tmp_path / "output" / "profiler" / "system").rglob("*.algo-1.json")).write_text("not a line\n")
    body = gather(find(str(tmp_path)))
    told = " ".join(body["warnings"])
    for name in ("steps.csv", "history.json", "operators.json", "model.json", "algo-1.json"):
        assert name in told
    assert body["learning"]["loss"]["train"] == [[1, 0.5]] and "absent" in body["predictions"]
    assert "What could not be read" in page(body, {})


def test_the_parts_of_the_job_in_order() -> None:
    changes = [
        {"Status": "Downloading", "StartTime": "2026-11-25 10:00:00+00:00", "EndTime": "2026-11-25T10:01:30+00:00"},
        {"Status": "Training", "StartTime": "2026-11-25 10:01:30+00:00"},
    ]
    assert job_phases({"SecondaryStatusTransitions": changes}) == [("Downloading", 90.0)] and job_phases({}) == []


def test_settings_without_a_model_are_those_of_the_request() -> None:
    job = {"HyperParameters": {"lr": "0.1"}, "TrainingJobStatus": "Failed", "FailureReason": "loss is nan"}
    found = job_settings(JobFiles(name="j", location="", description=job))
    assert found["hyperparameters"] == {"lr": "0.1"} and found["job"]["reason of the failure"] == "loss is nan"
    told = {"FinalMetricDataList": [{"MetricName": "train:loss", "Value": 0.5}]}
    assert final_metrics(JobFiles(name="j", location="", description=told)) == {"train:loss": 0.5}
    assert "absent" in learning_curves(JobFiles(name="j", location=""), [])


def test_a_scripts_job_shows_its_own_metrics_arguments_and_saved_losses(tmp_path: Path) -> None:
    """Nothing of the picture classifier's is expected of it, and what a script did not leave is said."""
    sent = {"lr": "0.1", "optimizer": '"adam"', "sagemaker_program": '"train.py"', "sagemaker_region": '"eu-west-1"'}
    metrics = [{"MetricName": f"m{number}", "Value": number + 0.5} for number in range(5)]
    described = {
        "TrainingJobName": "a-job",
        "OutputDataConfig": {"S3OutputPath": str(tmp_path)},
        "DebugHookConfig": {"S3OutputPath": str(tmp_path)},
        "ProfilerConfig": {"S3OutputPath": str(tmp_path)},
        "HyperParameters": sent,
        "FinalMetricDataList": metrics,
    }
    (tmp_path / "job.json").write_text(json.dumps(described))
    rule_jobs.tensors(tmp_path / "a-job" / "debug-output")
    folder = tmp_path / "a-job" / "profiler-output"
    folder.mkdir()
    saved_profile.sample(folder, {"CPUUtilization": {"cpu0": [50.0] * 100}})
    saved_profile.events(folder, saved_profile.steps([0.1] * 30, DataWait=[0.02] * 30))
    body = gather(find(str(tmp_path / "job.json")))
    assert body["script"] == body["settings"]["job"]["script"] == "train.py"
    assert body["settings"]["hyperparameters"] == {"lr": "0.1", "optimizer": "adam"}
    html = page(body, {})
    assert [html.count(f"<b>{name}</b>") or html.count(f">{name}<") for name in ("m0", "m3", "m4")] == [1, 1, 0], "four of them"
    assert "saved step, over all modes" in html and ">epoch<" not in html
    assert "it is in other" in html and "SM_OUTPUT_DATA_DIR" in html and html.count('class="absent"') == 1


def test_an_environment_names_a_script_too_and_other_jobs_have_none() -> None:
    def script(**told: object) -> str:
        return JobFiles(name="j", location="", description=told).script

    assert script(Environment={"SAGEMAKER_PROGRAM": "run.sh"}) == "run.sh"
    assert script() == script(HyperParameters={"lr": "1"}, Environment=None) == ""


def test_the_program_writes_both_files_and_says_where(tmp_path: Path) -> None:
    rule_jobs.learnt(tmp_path / "job")
    command = [sys.executable, "-m", "rules", "report", str(tmp_path / "job"), "--output", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == str(tmp_path / "out" / "report.html"), done
    assert json.loads((tmp_path / "out" / "report.json").read_text())["name"] == "job"


@pytest.mark.parametrize("content", ["", "{}", "[1]", "{"])
def test_a_place_that_is_no_job_is_one_line(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "job.json"
    file.write_text(content)
    for place in (str(file), str(tmp_path), str(tmp_path / "nowhere")):
        assert command.main([place, "--output", str(tmp_path / "out")]) == 2
        said = capsys.readouterr().out
        assert said.startswith("error: ") and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_profiler_report_leaves_its_page_in_the_layout_of_aws(tmp_path: Path) -> None:
    from rules.__main__ import main

    saved_profile.sample(tmp_path / "profile", {"CPUUtilization": {"cpu0": [50.0] * 100}})
    assert main(["ProfilerReport", str(tmp_path / "profile"), "--output", str(tmp_path / "rule")]) == 0
    html = (tmp_path / "rule" / "profiler-output" / "profiler-report.html").read_text()
    assert "What the machine did" in html and "What it confuses" not in html and "could not judge, and why" in html
    assert (tmp_path / "rule" / "profiler-output" / "profiler-reports" / "StepOutlier.json").exists()
