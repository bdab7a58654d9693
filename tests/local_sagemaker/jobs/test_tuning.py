"""Tuning jobs through boto3 with real training processes: search, parallelism, early stopping, counters, lists, warm start.

Of local_sagemaker.jobs.tuning_run, local_sagemaker.jobs.tuning_jobs and local_sagemaker.jobs.tuning_state.
"""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.local_server import LocalServer, job_request, wait_for_job, wait_until

RANGES = {
    "ContinuousParameterRanges": [{"Name": "lr", "MinValue": "0.0001", "MaxValue": "1", "ScalingType": "Logarithmic"}],
    "CategoricalParameterRanges": [{"Name": "batch-size", "Values": ["32", "64"]}],
}


def tuning_request(name: str, static: dict[str, str] | None = None, **config: Any) -> dict[str, Any]:
    request = job_request("unused")
    definition = {member: value for member, value in request.items() if member != "TrainingJobName"}
    limits = {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2, **config.pop("ResourceLimits", {})}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {key: value for key, value in limits.items() if value is not None},
            "ParameterRanges": RANGES,
            "RandomSeed": 11,
            **config,
        },
        "TrainingJobDefinition": {
            **definition,
            "StaticHyperParameters": {"epochs": "2", "epoch_seconds": "0.02", **(static or {})},
        },
    }


def wait_for_tuning(server: LocalServer, name: str, seconds: float = 60.0) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        job = server.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return None if job["HyperParameterTuningJobStatus"] in ("InProgress", "Stopping") else job

    return wait_until(ended, seconds)


def trials(server: LocalServer, name: str, **request: Any) -> list[dict[str, Any]]:
    pages = server.sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    found = pages.paginate(HyperParameterTuningJobName=name, PaginationConfig={"PageSize": 3}, **request)
    return [job for page in found for job in page["TrainingJobSummaries"]]


def test_a_search_ends_with_its_best_job_and_every_count(server: LocalServer) -> None:
    request = tuning_request("search", Strategy="Bayesian", ResourceLimits={"MaxNumberOfTrainingJobs": 6})
    arn = server.sagemaker.create_hyper_parameter_tuning_job(**request)["HyperParameterTuningJobArn"]
    most = 0
    while (job := server.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="search"))[
        "HyperParameterTuningJobStatus"
    ] == "InProgress":
        most = max(most, job["TrainingJobStatusCounters"]["InProgress"])
        time.sleep(0.05)
    assert job["HyperParameterTuningJobStatus"] == "Completed", job
    assert most == 2
    assert job["TrainingJobStatusCounters"] == {
        "Completed": 6, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0,
    }  # fmt: skip
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 6, "Pending": 0, "Failed": 0}
    ranked = trials(server, "search", SortBy="FinalObjectiveMetricValue", SortOrder="Ascending")
    values = [one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in ranked]
    assert values == sorted(values) and len(values) == 6
    assert values[::-1] == [
        one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
        for one in trials(server, "search", SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    ]
    best = job["BestTrainingJob"]
    assert best["TrainingJobName"] == ranked[0]["TrainingJobName"]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Type"] == "Minimize"
    assert set(best["TunedHyperParameters"]) == {"lr", "batch-size"}
    names = [one["TrainingJobName"] for one in trials(server, "search")]
    assert [name[:-8] for name in names] == [f"search-00{number}-" for number in range(1, 7)]
    trained = server.sagemaker.describe_training_job(TrainingJobName=names[0])
    assert trained["TuningJobArn"] == arn
    assert trained["HyperParameters"]["_tuning_objective_metric"] == "loss"
    assert trained["HyperParameters"]["epochs"] == "2"
    listed = server.sagemaker.list_hyper_parameter_tuning_jobs(NameContains="search")["HyperParameterTuningJobSummaries"]
    assert [one["HyperParameterTuningJobStatus"] for one in listed] == ["Completed"]


def test_the_same_seed_proposes_the_same_values_and_a_child_learns_from_its_parent(server: LocalServer) -> None:
    for name in ("seed-a", "seed-b"):
        server.sagemaker.create_hyper_parameter_tuning_job(**tuning_request(name, ResourceLimits={"MaxParallelTrainingJobs": 1}))
        wait_for_tuning(server, name)
    first, second = ([one["TunedHyperParameters"] for one in trials(server, name)] for name in ("seed-a", "seed-b"))
    assert first == second
    child = tuning_request("child", Strategy="Bayesian", ResourceLimits={"MaxNumberOfTrainingJobs": 2})
    child["WarmStartConfig"] = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "seed-a"}],
        "WarmStartType": "IdenticalDataAndAlgorithm",
    }
    server.sagemaker.create_hyper_parameter_tuning_job(**child)
    job = wait_for_tuning(server, "child")
    bests = [job["BestTrainingJob"], *trials(server, "seed-a", SortBy="FinalObjectiveMetricValue", SortOrder="Ascending")[:1]]
    lowest = min(one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in bests)
    assert job["OverallBestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == lowest
    child["WarmStartConfig"]["ParentHyperParameterTuningJobs"] = [{"HyperParameterTuningJobName": "nobody"}]
    with pytest.raises(ClientError, match="Parent hyperparameter tuning job 'nobody' does not exist"):
        server.sagemaker.create_hyper_parameter_tuning_job(**{**child, "HyperParameterTuningJobName": "orphan"})


def test_a_grid_is_walked_whole(server: LocalServer) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "lr", "Values": ["0.1", "0.01", "0.5"]}]}
    limits = {"MaxNumberOfTrainingJobs": None, "MaxParallelTrainingJobs": 3}
    request = tuning_request("grid", Strategy="Grid", ParameterRanges=ranges, ResourceLimits=limits)
    server.sagemaker.create_hyper_parameter_tuning_job(**request)
    job = wait_for_tuning(server, "grid")
    assert job["TrainingJobStatusCounters"]["Completed"] == 3
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"lr": "0.01"}


def test_early_stopping_ends_the_hopeless_and_they_end_stopped(server: LocalServer) -> None:
    values = ["0.01", "0.02", "0.03", "0.04", "5.0", "6.0"]
    ranges = {"CategoricalParameterRanges": [{"Name": "lr", "Values": values}]}
    limits = {"MaxNumberOfTrainingJobs": 6, "MaxParallelTrainingJobs": 1}
    request = tuning_request(
        "early",
        {"epochs": "4", "epoch_seconds": "0.2"},
        Strategy="Grid",
        ParameterRanges=ranges,
        ResourceLimits=limits,
        TrainingJobEarlyStoppingType="Auto",
    )
    server.sagemaker.create_hyper_parameter_tuning_job(**request)
    job = wait_for_tuning(server, "early")
    states = {one["TunedHyperParameters"]["lr"]: one["TrainingJobStatus"] for one in trials(server, "early")}
    assert [states[value] for value in values] == ["Completed"] * 4 + ["Stopped"] * 2
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["Stopped"] == 2
    assert job["ObjectiveStatusCounters"]["Succeeded"] == 6


def test_hyperband_stops_jobs_at_its_rungs(server: LocalServer) -> None:
    request = tuning_request(
        "band",
        {"epochs": "9", "epoch_seconds": "0.1"},
        Strategy="Hyperband",
        StrategyConfig={"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}},
        ResourceLimits={"MaxNumberOfTrainingJobs": 8, "MaxParallelTrainingJobs": 4},
    )
    server.sagemaker.create_hyper_parameter_tuning_job(**request)
    counts = wait_for_tuning(server, "band")["TrainingJobStatusCounters"]
    assert counts["Stopped"] >= 1 and counts["Completed"] >= 2, counts


def test_stopping_a_tuning_job_stops_its_training_jobs(server: LocalServer) -> None:
    request = tuning_request("halt", {"epochs": "1000"}, ResourceLimits={"MaxNumberOfTrainingJobs": 4})
    server.sagemaker.create_hyper_parameter_tuning_job(**request)
    wait_until(lambda: len(trials(server, "halt")) == 2)
    server.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="halt")
    job = wait_for_tuning(server, "halt")
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    assert {one["TrainingJobStatus"] for one in trials(server, "halt")} == {"Stopped"}
    with pytest.raises(ClientError, match="is in status Stopped"):
        server.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="halt")
    server.sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName="halt")
    with pytest.raises(ClientError, match="can't find a tuning job with the name halt"):
        server.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="halt")


def test_training_jobs_that_all_fail_fail_the_tuning_job(server: LocalServer) -> None:
    limits = {"MaxNumberOfTrainingJobs": 20}
    server.sagemaker.create_hyper_parameter_tuning_job(**tuning_request("doomed", {"exit": "2"}, ResourceLimits=limits))
    job = wait_for_tuning(server, "doomed")
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("No training job succeeded after")
    assert 5 <= len(trials(server, "doomed")) <= 7
    first = trials(server, "doomed")[0]
    assert first["ObjectiveStatus"] == "Failed"
    assert first["FailureReason"].endswith("exit code: 2")


def test_a_target_ends_the_search_early(server: LocalServer) -> None:
    limits = {"MaxNumberOfTrainingJobs": 30, "MaxParallelTrainingJobs": 1}
    criteria = {"TargetObjectiveMetricValue": 5.0}
    request = tuning_request("target", ResourceLimits=limits, TuningJobCompletionCriteria=criteria)
    server.sagemaker.create_hyper_parameter_tuning_job(**request)
    job = wait_for_tuning(server, "target")
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert len(trials(server, "target")) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "accuracy"}}, "has no metric definition"),
        ({"ResourceLimits": {"MaxNumberOfTrainingJobs": 1}}, "cannot be less than MaxParallelTrainingJobs 2"),
        ({"Strategy": "Grid"}, "lr is not one"),
        ({"Strategy": "Hyperband"}, "MaxResource is needed"),
        ({"ParameterRanges": {}}, "no range"),
        ({"ParameterRanges": {"CategoricalParameterRanges": [{"Name": "epochs", "Values": ["1"]}]}}, "both static and searched"),
        ({"TuningJobCompletionCriteria": {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}}, "ConvergenceDetected"),
    ],
)
def test_what_cannot_be_searched_is_refused(server: LocalServer, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words):
        server.sagemaker.create_hyper_parameter_tuning_job(**tuning_request("refused", **change))


def test_resources_go_by_either_of_their_two_names_but_not_by_both(server: LocalServer) -> None:
    request = tuning_request("renamed", ResourceLimits={"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1})
    definition = request["TrainingJobDefinition"]
    definition["HyperParameterTuningResourceConfig"] = definition["ResourceConfig"]
    with pytest.raises(ClientError, match="either ResourceConfig or HyperParameterTuningResourceConfig"):
        server.sagemaker.create_hyper_parameter_tuning_job(**request)
    given = definition.pop("ResourceConfig")
    server.sagemaker.create_hyper_parameter_tuning_job(**request)
    described = wait_for_tuning(server, "renamed")
    assert described["TrainingJobDefinition"]["ResourceConfig"] == given, "a client attaches to that name"
    best = described["BestTrainingJob"]["TrainingJobName"]
    assert server.sagemaker.describe_training_job(TrainingJobName=best)["ResourceConfig"] == given


@pytest.mark.parametrize(
    ("static", "objective"), [({}, "average test loss"), ({"sagemaker_estimator_class_name": '"PyTorch"'}, '"average test loss"')]
)
def test_the_objective_is_a_static_hyperparameter_and_a_framework_gets_it_in_quotes(
    server: LocalServer, static: dict[str, str], objective: str
) -> None:
    name = f"objective-{len(static)}"
    request = tuning_request(name, static, ResourceLimits={"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1})
    definition = request["TrainingJobDefinition"]
    definition["AlgorithmSpecification"]["MetricDefinitions"][0]["Name"] = "average test loss"
    request["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"] = "average test loss"
    ranges = {"ContinuousParameterRanges": RANGES["ContinuousParameterRanges"]}
    request["HyperParameterTuningJobConfig"]["ParameterRanges"] = ranges
    server.sagemaker.create_hyper_parameter_tuning_job(**request)
    job = wait_for_tuning(server, name)
    shown = job["TrainingJobDefinition"]
    assert shown["StaticHyperParameters"] == {**definition["StaticHyperParameters"], "_tuning_objective_metric": objective}
    assert shown["OutputDataConfig"] == {"KmsKeyId": "", **definition["OutputDataConfig"]}
    assert job["HyperParameterTuningJobConfig"]["ParameterRanges"] == {
        "IntegerParameterRanges": [], "CategoricalParameterRanges": [], **ranges,
    }  # fmt: skip
    assert job["HyperParameterTuningJobConfig"]["TrainingJobEarlyStoppingType"] == "Off"
    best = job["BestTrainingJob"]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["MetricName"] == "average test loss"
    trained = server.sagemaker.describe_training_job(TrainingJobName=best["TrainingJobName"])
    assert trained["HyperParameters"]["_tuning_objective_metric"] == objective
    assert job["ConsumedResources"]["RuntimeInSeconds"] >= 1


def test_a_tuning_job_goes_on_after_the_server_was_killed(server: LocalServer) -> None:
    request = tuning_request("survivor", {"epochs": "10"}, ResourceLimits={"MaxNumberOfTrainingJobs": 4})
    server.sagemaker.create_hyper_parameter_tuning_job(**request)
    wait_until(lambda: len(trials(server, "survivor")) == 2)
    before = [one["TrainingJobName"] for one in trials(server, "survivor")]
    server.kill()
    server.start()
    job = wait_for_tuning(server, "survivor")
    assert job["HyperParameterTuningJobStatus"] == "Completed", job
    assert job["TrainingJobStatusCounters"]["Completed"] == 4
    assert [one["TrainingJobName"] for one in trials(server, "survivor")][:2] == before
    assert wait_for_job(server, before[0])["TrainingJobStatus"] == "Completed"


def test_a_training_job_that_was_deleted_or_is_yet_to_come_disturbs_no_answer(server: LocalServer) -> None:
    """Describes and lists as fast as it can while training jobs come and go, then after one was deleted."""
    request = tuning_request("gone", {"epochs": "1"}, ResourceLimits={"MaxNumberOfTrainingJobs": 6})
    server.sagemaker.create_hyper_parameter_tuning_job(**request)
    while (job := server.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="gone"))[
        "HyperParameterTuningJobStatus"
    ] == "InProgress":
        assert job["TrainingJobStatusCounters"]["Stopped"] == 0
        trials(server, "gone")
    first = trials(server, "gone")[0]["TrainingJobName"]
    server.sagemaker.delete_training_job(TrainingJobName=first)
    counts = server.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="gone")["TrainingJobStatusCounters"]
    assert (counts["Completed"], counts["Stopped"]) == (5, 1)
    assert len(trials(server, "gone", SortBy="FinalObjectiveMetricValue")) == 6
