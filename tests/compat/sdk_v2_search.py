"""What a notebook does with a script of its own and a tuner of version 2 of the SageMaker Python SDK.

Run by test_sdk_v2_projects.py. Arguments: the project as JSON, a folder of pictures. Prints what came of it as one line of JSON.
"""

import json
import sys

import sagemaker
from sagemaker.pytorch import PyTorch
from sagemaker.tuner import CategoricalParameter, ContinuousParameter, HyperparameterTuner

project, pictures = json.loads(sys.argv[1]), sys.argv[2]
session = sagemaker.Session(default_bucket="kennel-local")
estimator = PyTorch(
    entry_point=project["program"],
    source_dir=project["source"],
    role="arn:aws:iam::000000000000:role/kennel-execution",
    framework_version="1.8",
    py_version="py36",
    instance_count=1,
    instance_type="ml.m5.xlarge",
    hyperparameters={"epochs": 2},
    sagemaker_session=session,
)
tuner = HyperparameterTuner(
    estimator,
    project["metric"]["Name"],
    {"lr": ContinuousParameter(0.001, 0.1), "batch-size": CategoricalParameter([4, 6])},
    [project["metric"]],
    objective_type="Minimize",
    max_jobs=3,
    max_parallel_jobs=2,
    early_stopping_type="Auto",
)
inputs = {
    channel: session.upload_data(f"{pictures}/{part}", key_prefix=f"search/{channel}")
    for channel, part in project["channels"].items()
}
tuner.fit(inputs, wait=True)
best = tuner.best_estimator()
table = tuner.analytics().dataframe()
about = tuner.describe()
print(
    json.dumps(
        {
            "status": about["HyperParameterTuningJobStatus"],
            "early_stopping": about["HyperParameterTuningJobConfig"]["TrainingJobEarlyStoppingType"],
            "columns": sorted(table.columns),
            "statuses": list(table["TrainingJobStatus"]),
            "trials": dict(zip(table["TrainingJobName"], table["FinalObjectiveValue"])),  # noqa: B905
            "best": tuner.best_training_job(),
            "model": best.model_data,
            "hyperparameters": best.hyperparameters(),
        }
    )
)
