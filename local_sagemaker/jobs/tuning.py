"""The tuning job operations: what is checked before one is taken on, and how they are listed. Running is tuning_run.py."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from ..context import Context, Platform
from ..errors import Exists, in_use, not_found, validation
from ..protocol import pages, tags
from ..protocol.operation import Operation, Reply, Request
from . import training, tuning_state
from .training_state import Progress
from .tuning_run import make_search, trial_jobs
from .tuning_state import KIND, Trial, TuningJob


def create_tuning_job(platform: Platform, request: Request) -> Reply:
    """CreateHyperParameterTuningJob: checks, records, starts."""
    _check(platform, request)
    name = request["HyperParameterTuningJobName"]
    arn = platform.arn("sagemaker", f"hyper-parameter-tuning-job/{name}")
    seed = request["HyperParameterTuningJobConfig"].get("RandomSeed")
    kept = {member: value for member, value in request.items() if member != "Tags"}
    record = tuning_state.new(kept, arn, secrets.randbelow(2**31) if seed is None else seed, platform.clock())
    try:
        with platform.store.transaction():
            platform.store.create(KIND, name, record)
            tags.keep(platform.store, arn, request.get("Tags", []))
    except Exists:
        raise in_use(
            "Hyperparameter tuning job names must be unique within an AWS account and region, and a tuning job with this name"
            f" already exists ({arn})"
        ) from None
    platform.tuning_jobs.begin(name)
    return {"HyperParameterTuningJobArn": arn}


def _check(context: Context, request: Request) -> None:
    config = request["HyperParameterTuningJobConfig"]
    if "TrainingJobDefinition" not in request:
        raise validation("TrainingJobDefinition is needed.")
    definition = request["TrainingJobDefinition"]
    if {"ResourceConfig", tuning_state.RESOURCES} <= definition.keys():
        raise validation(f"TrainingJobDefinition takes either ResourceConfig or {tuning_state.RESOURCES}, not both.")
    if "HyperParameterTuningJobObjective" not in config:
        raise validation("HyperParameterTuningJobConfig.HyperParameterTuningJobObjective is needed.")
    metric, _ = tuning_state.objective(request)
    names = [one["Name"] for one in definition["AlgorithmSpecification"].get("MetricDefinitions", [])]
    if metric not in names:
        raise validation(
            f"The objective metric {metric!r} has no metric definition; MetricDefinitions has: {', '.join(names) or 'none'}."
        )
    values = dict.fromkeys(_check_ranges(request), "")
    _check_strategy(config)
    if both := sorted(set(values) & set(definition.get("StaticHyperParameters", {}))):
        raise validation(f"Hyperparameter {both[0]!r} is both static and searched. Give it in one place.")
    training.check_request(context, tuning_state.training_request(request, "check", values))
    for parent in request.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", []):
        _check_parent(context, parent.get("HyperParameterTuningJobName", ""), metric)


def _check_ranges(request: Request) -> list[str]:
    """The hyperparameters that are searched."""
    from .hyperparameter_search import BadRange, axes, grid  # with Optuna, 0.4 s, which only a tuning job waits for

    config = request["HyperParameterTuningJobConfig"]
    try:
        make_search(request, 0)
        found = axes(config["ParameterRanges"])
        if config["Strategy"] == "Grid":
            most, count = config["ResourceLimits"].get("MaxNumberOfTrainingJobs"), len(grid(found))
            if most is not None and most != count:
                raise validation(f"MaxNumberOfTrainingJobs {most} has to be the number of combinations of the grid, {count}.")
    except BadRange as error:
        raise validation(str(error)) from None
    return [axis.name for axis in found]


def _check_strategy(config: dict[str, Any]) -> None:
    limits, strategy = config["ResourceLimits"], config["Strategy"]
    most, parallel = limits.get("MaxNumberOfTrainingJobs"), limits["MaxParallelTrainingJobs"]
    if most is None and strategy != "Grid":
        raise validation(f"ResourceLimits.MaxNumberOfTrainingJobs is needed for strategy {strategy}.")
    if most is not None and strategy != "Grid" and most < parallel:
        raise validation(f"MaxNumberOfTrainingJobs {most} cannot be less than MaxParallelTrainingJobs {parallel}.")
    hyperband = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig")
    if hyperband is not None and strategy != "Hyperband":
        raise validation(f"HyperbandStrategyConfig is for strategy Hyperband, not {strategy}.")
    if strategy == "Hyperband":
        if "MaxResource" not in (hyperband or {}):
            raise validation("StrategyConfig.HyperbandStrategyConfig.MaxResource is needed for strategy Hyperband.")
        if hyperband.get("MinResource", 1) > hyperband["MaxResource"]:
            raise validation("HyperbandStrategyConfig.MinResource cannot be greater than MaxResource.")
        if config.get("TrainingJobEarlyStoppingType") == "Auto":
            raise validation("TrainingJobEarlyStoppingType has to be Off for strategy Hyperband, which stops jobs itself.")


def _check_parent(context: Context, name: str, metric: str) -> None:
    parent = context.store.get(KIND, name)
    if parent is None:
        raise validation(f"Parent hyperparameter tuning job {name!r} does not exist.")
    if parent["status"] not in tuning_state.ENDED:
        raise validation(f"Parent hyperparameter tuning job {name!r} is in status {parent['status']}; it has to have ended.")
    if tuning_state.objective(parent["request"])[0] != metric:
        raise validation(f"Parent hyperparameter tuning job {name!r} has another objective metric than {metric!r}.")


def describe_tuning_job(context: Context, request: Request) -> Reply:
    """DescribeHyperParameterTuningJob."""
    record = _need(context, request)
    answer = tuning_state.describe(record, _jobs_of(context, record), context.clock())
    warm = record["request"].get("WarmStartConfig", {})
    if warm.get("WarmStartType") == "IdenticalDataAndAlgorithm" and (best := _overall_best(context, record, warm)):
        answer["OverallBestTrainingJob"] = best
    return answer


def _overall_best(context: Context, record: TuningJob, warm: Mapping[str, Any]) -> dict[str, Any] | None:
    """The best training job of this tuning job and its parents."""
    _, maximize = tuning_state.objective(record["request"])
    family = [record]
    for parent in warm["ParentHyperParameterTuningJobs"]:
        if found := context.store.get(KIND, parent["HyperParameterTuningJobName"]):
            family.append(found)
    bests = []
    for member in family:
        jobs = _jobs_of(context, member)
        if (place := tuning_state.best_trial(member, jobs)) is not None:
            shown = tuning_state.summary(member, member["trials"][place], jobs[place], best=True)
            bests.append({**shown, "TuningJobName": member["request"]["HyperParameterTuningJobName"]})
    pick = max if maximize else min
    return pick(bests, key=lambda one: one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]) if bests else None


def stop_tuning_job(platform: Platform, request: Request) -> Reply:
    """StopHyperParameterTuningJob: its training jobs are stopped, too."""
    record = _need(platform, request)

    def change(record: TuningJob) -> None:
        if record["status"] in tuning_state.ENDED:
            raise validation(f"The request was rejected because the hyperparameter tuning job is in status {record['status']}.")
        record["status"] = "Stopping"
        record["modified"] = platform.clock()

    name = record["request"]["HyperParameterTuningJobName"]
    platform.store.update(KIND, name, change)
    platform.tuning_jobs.wake(name)
    return {}


def delete_tuning_job(context: Context, request: Request) -> Reply:
    """DeleteHyperParameterTuningJob: the tuning job only; its training jobs stay."""
    name = request["HyperParameterTuningJobName"]
    with context.store.transaction():
        record = _need(context, request)
        if record["status"] in tuning_state.LIVE:
            raise in_use(f"Hyperparameter tuning job {name} is in status {record['status']} and cannot be deleted.")
        context.store.delete(KIND, name)
        tags.forget(context.store, record["arn"])
    return {}


def list_tuning_jobs(context: Context, request: Request) -> Reply:
    """ListHyperParameterTuningJobs: newest first unless asked otherwise."""
    found, more = pages.listed(context.store.list(KIND), request, _name)
    return {"HyperParameterTuningJobSummaries": [_summary(context, record) for record in found], **more}


def _summary(context: Context, record: TuningJob) -> dict[str, Any]:
    return {
        "HyperParameterTuningJobName": _name(record),
        "HyperParameterTuningJobArn": record["arn"],
        "HyperParameterTuningJobStatus": record["status"],
        "Strategy": record["request"]["HyperParameterTuningJobConfig"]["Strategy"],
        "CreationTime": record["created"],
        "LastModifiedTime": record["modified"],
        "ResourceLimits": record["request"]["HyperParameterTuningJobConfig"]["ResourceLimits"],
        **tuning_state.counters(record, _jobs_of(context, record)),
        **({"HyperParameterTuningEndTime": record["ended"]} if "ended" in record else {}),
    }


class _Row(TypedDict):
    """A training job of a tuning job, with what it is listed by."""

    trial: Trial
    job: Progress
    created: float
    status: str


def list_trials(context: Context, request: Request) -> Reply:
    """ListTrainingJobsForHyperParameterTuningJob. Jobs without an objective come last when sorted by it."""
    record = _need(context, request)
    metric, _ = tuning_state.objective(record["request"])
    rows: list[_Row] = [
        {"trial": trial, "job": job, "created": job["created"], "status": job["status"]}
        for trial, job in zip(record["trials"], _jobs_of(context, record), strict=True)
    ]
    wanted = request.get("StatusEquals")
    worst = float("-inf") if request.get("SortOrder") == "Descending" else float("inf")

    def value(row: _Row) -> float:
        found = tuning_state.final_objective(row["job"], metric)
        return worst if found is None else found

    found, more = pages.page(
        [row for row in rows if wanted in (None, row["status"])],
        request,
        lambda row: row["trial"]["name"],
        {
            "Name": lambda row: row["trial"]["name"],
            "CreationTime": lambda row: row["created"],
            "Status": lambda row: row["status"],
            "FinalObjectiveMetricValue": value,
        },
        default="Name",
        descending=False,
    )
    return {"TrainingJobSummaries": [tuning_state.summary(record, row["trial"], row["job"]) for row in found], **more}


def _jobs_of(context: Context, record: TuningJob) -> Sequence[Progress]:
    return trial_jobs(context, record, "InProgress" if record["status"] in tuning_state.LIVE else "Stopped")


def _name(record: TuningJob) -> str:
    return record["request"]["HyperParameterTuningJobName"]


def _need(context: Context, request: Request) -> TuningJob:
    record = context.store.get(KIND, request["HyperParameterTuningJobName"])
    if record is None:
        raise not_found(f"Amazon SageMaker can't find a tuning job with the name {request['HyperParameterTuningJobName']}.")
    return record


_DEFINITION = [
    name
    for name in training.CREATE_MEMBERS.split()
    if name.split(".")[0] not in ("TrainingJobName", "HyperParameters", "Tags", "DebugHookConfig")
    and name not in ("TensorBoardOutputConfig", "ProfilerConfig", "DebugRuleConfigurations", "ProfilerRuleConfigurations")
    and not name.endswith(("ContainerEntrypoint", "ContainerArguments", "EnableSageMakerMetricsTimeSeries"))
]
_CONFIG = """
Strategy StrategyConfig HyperParameterTuningJobObjective ResourceLimits TrainingJobEarlyStoppingType RandomSeed
ParameterRanges.IntegerParameterRanges ParameterRanges.ContinuousParameterRanges ParameterRanges.CategoricalParameterRanges
TuningJobCompletionCriteria.TargetObjectiveMetricValue TuningJobCompletionCriteria.BestObjectiveNotImproving
"""
_RESOURCES = ("InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId")
CREATE_MEMBERS = " ".join(
    [
        "HyperParameterTuningJobName WarmStartConfig Tags",
        *(f"HyperParameterTuningJobConfig.{name}" for name in _CONFIG.split()),
        *(f"TrainingJobDefinition.{name}" for name in ["DefinitionName", "StaticHyperParameters", *_DEFINITION]),
        *(f"TrainingJobDefinition.{tuning_state.RESOURCES}.{name}" for name in _RESOURCES),
    ]
)

OPERATIONS = {
    "CreateHyperParameterTuningJob": Operation(create_tuning_job, CREATE_MEMBERS),
    "DescribeHyperParameterTuningJob": Operation(describe_tuning_job, "HyperParameterTuningJobName"),
    "StopHyperParameterTuningJob": Operation(stop_tuning_job, "HyperParameterTuningJobName"),
    "DeleteHyperParameterTuningJob": Operation(delete_tuning_job, "HyperParameterTuningJobName"),
    "ListHyperParameterTuningJobs": Operation(
        list_tuning_jobs,
        "NextToken MaxResults SortBy SortOrder NameContains CreationTimeAfter CreationTimeBefore LastModifiedTimeAfter"
        " LastModifiedTimeBefore StatusEquals",
    ),
    "ListTrainingJobsForHyperParameterTuningJob": Operation(
        list_trials, "HyperParameterTuningJobName NextToken MaxResults StatusEquals SortBy SortOrder"
    ),
}
