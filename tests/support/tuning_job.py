"""A tuning job as SageMaker describes it, with trials whose objective is known."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any


def search(trials: int = 20) -> dict[str, Any]:
    """A search whose objective depends on the distance of lr from 0.01 alone; every seventh trial is stopped, the fifth fails."""
    choice, began, rows = random.Random(3), datetime(2026, 11, 25, 10, tzinfo=UTC), []
    for index in range(trials):
        power = choice.uniform(-4, -1)
        start = began + timedelta(minutes=index // 2)
        row = {
            "TrainingJobName": f"search-{index:03d}",
            "TrainingJobStatus": "Stopped" if index % 7 == 6 else "Completed",
            "CreationTime": str(start),
            "TrainingStartTime": str(start),
            "TrainingEndTime": str(start + timedelta(seconds=50)),
            "TunedHyperParameters": {
                "lr": repr(10**power),
                "weight-decay": repr(choice.uniform(0.001, 0.1)),
                "batch-size": choice.choice(["32", "64"]),
            },
            "FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "validation:loss", "Value": 0.4 + (power + 2) ** 2},
        }
        if index == 5:
            row |= {"TrainingJobStatus": "Failed", "FailureReason": "loss is nan at step 12"}
            del row["FinalHyperParameterTuningJobObjectiveMetric"]
        rows.append(row)
    ranges = {
        "ContinuousParameterRanges": [
            {"Name": "lr", "MinValue": "0.0001", "MaxValue": "0.1", "ScalingType": "Logarithmic"},
            {"Name": "weight-decay", "MinValue": "0.001", "MaxValue": "0.1", "ScalingType": "Auto"},
        ],
        "CategoricalParameterRanges": [{"Name": "batch-size", "Values": ["32", "64"]}],
    }
    config = {
        "Strategy": "Bayesian",
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:loss"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": trials},
        "TrainingJobEarlyStoppingType": "Auto",
        "ParameterRanges": ranges,
    }
    job = {
        "HyperParameterTuningJobName": "search",
        "HyperParameterTuningJobStatus": "Completed",
        "HyperParameterTuningJobConfig": config,
    }
    return {"HyperParameterTuningJob": job, "TrainingJobs": rows}
