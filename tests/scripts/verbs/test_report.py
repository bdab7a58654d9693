"""`kennel report` against a real local SageMaker: of a job, a tuning job, two jobs, a folder and an S3 prefix."""

import json
from pathlib import Path

import pytest

from scripts.verbs.report import is_name
from tests.support.local_server import LocalServer
from tests.support.person import Kennel, write_pictures

JOB, SEARCH = "kennel-told", "kennel-searched"


@pytest.fixture()
def trained(local: Kennel, server: LocalServer) -> Kennel:
    """A folder in which a training and a tuning job have ended."""
    if not server.s3.list_objects_v2(Bucket="bucket", Prefix=f"kennel/jobs/{JOB}").get("KeyCount"):
        local.run("data", "--folder", str(write_pictures(local.folder / "pictures")), "--data-name", "tiny")
        local.run("train", "--name", JOB, "--data-name", "tiny", "--set", "epochs=1", "--no-best")
        local.run("tune", "--name", SEARCH, "--data-name", "tiny", "--jobs", "3", "--set", "epochs=1")
    local.state(training_job=JOB)
    return local


def test_the_last_training_job(trained: Kennel) -> None:
    done = trained.run("report")
    page = trained.folder / ".kennel" / "reports" / JOB / "report.html"
    assert f"report  .kennel/reports/{JOB}/report.html" in done.stdout and f"report {JOB} --open" in done.stdout.splitlines()[-1]
    html, body = page.read_text(), json.loads(page.with_suffix(".json").read_text())
    assert body["predictions"]["right"] == body["predictions"]["pictures"] == 4, "output.tar.gz was read"
    assert body["settings"]["job"]["status"] == "Completed" and body["time"]["phases"] and "What SageMaker did" in html
    assert body["machine"] and "No system metrics were saved" not in html and "Traceback" not in html


def test_a_tuning_job_by_its_name(trained: Kennel) -> None:
    trained.state(tuning_job=SEARCH)
    assert f"reports/{SEARCH}-tuning/report.html" in trained.run("report", "--tuning").stdout
    assert f"{JOB}: no training or tuning job" in trained.run("report", JOB, "--tuning", status=2).stderr
    trained.run("report", SEARCH, "--output", "there")
    body = json.loads((trained.folder / "there" / "report.json").read_text())
    assert body["kind"] == "tuning" and len(body["trials"]) == 3 and body["best"]
    assert "importance needs 10" in (trained.folder / "there" / "report.html").read_text()


def test_two_jobs(trained: Kennel, server: LocalServer) -> None:
    best = server.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=SEARCH)["BestTrainingJob"]
    done = trained.run("report", JOB, "--compare", best["TrainingJobName"])
    assert f"reports/{JOB}-beside-{best['TrainingJobName']}/report.html" in done.stdout
    assert "a tuning job cannot be compared" in trained.run("report", SEARCH, "--compare", JOB, status=2).stderr
    assert "a tuning job cannot be compared" in trained.run("report", SEARCH, "--tuning", "--compare", JOB, status=2).stderr


def test_a_prefix_and_a_folder(trained: Kennel) -> None:
    trained.run("report", f"s3://bucket/kennel/jobs/{JOB}/", "--output", "prefix")
    assert json.loads((trained.folder / "prefix" / "report.json").read_text())["predictions"]["pictures"] == 4
    data = trained.folder / "job" / "output" / "data"
    data.mkdir(parents=True)
    (data / "steps.csv").write_text("step,epoch,lr,loss,pictures\n1,1,0.1,0.5,ab\n2,1,0.1,0.4,ab\n")
    trained.run("report", "job", "--output", "folder")
    assert json.loads((trained.folder / "folder" / "report.json").read_text())["learning"]["loss"] == {
        "train": [[1, 0.5], [2, 0.4]]
    }


def test_a_folder_needs_no_server(kennel: Kennel) -> None:
    (kennel.folder / "job" / "model").mkdir(parents=True)
    (kennel.folder / "job" / "model" / "model.json").write_text("{}")
    failed = kennel.run("report", "job", status=2).stderr
    assert failed == "report: job: nothing of a job is there: no debug-output, profiler-output, output or rule-output.\n"
    assert not (kennel.folder / ".kennel" / "local").exists()


def test_it_is_shown_when_asked(trained: Kennel) -> None:
    browser, shown = trained.folder / "browser", trained.folder / "shown"
    browser.write_text(f'#!/bin/sh\necho "$1" > {shown}\n')
    browser.chmod(0o755)
    trained.run("report", "--open", BROWSER=str(browser))
    assert shown.read_text().strip() == (trained.folder / ".kennel" / "reports" / JOB / "report.html").resolve().as_uri()


def test_what_is_not_there_is_one_line(trained: Kennel) -> None:
    missing = trained.run("report", "kennel-none", status=2).stderr
    assert "kennel-none: no training or tuning job of this name" in missing and missing.count("\n") == 1
    assert "names no bucket" in trained.run("report", "s3://", status=2).stderr
    assert "cannot be read: NoSuchBucket" in trained.run("report", "s3://kennel-nowhere/x", status=2).stderr


def test_nothing_was_started_yet(kennel: Kennel) -> None:
    status, said = kennel.fail("report")
    assert status == 2 and "nothing was started from here yet" in said


def test_what_a_name_is(tmp_path: Path) -> None:
    assert is_name("kennel-train-1") and not is_name("s3://a/b") and not is_name(str(tmp_path)) and not is_name("a/b")
