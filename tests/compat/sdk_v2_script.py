"""A script of one's own under version 2 of the SageMaker Python SDK: fit, tune, attach to both by name. Run by test_sdk_v2.py."""

from pathlib import Path

import sagemaker
from sagemaker.pytorch import PyTorch
from sagemaker.tuner import CategoricalParameter, ContinuousParameter, HyperparameterTuner

ROLE = "arn:aws:iam::000000000000:role/demo"
METRICS = [{"Name": "average test loss", "Regex": "loss=([0-9.]+);"}]
Path("script.py").write_text("print('a script')\n")
session = sagemaker.Session(default_bucket="bucket")
estimator = PyTorch(
    entry_point="script.py",
    role=ROLE,
    framework_version="1.8",
    py_version="py36",
    instance_count=1,
    instance_type="ml.g4dn.xlarge",
    sagemaker_session=session,
    metric_definitions=METRICS,
    hyperparameters={"epochs": 2, "epoch_seconds": 0.02, "read": "sagemaker_submit_directory"},
    output_kms_key="alias/mine",
)
tuner = HyperparameterTuner(
    estimator,
    objective_metric_name="average test loss",
    objective_type="Minimize",
    hyperparameter_ranges={"lr": ContinuousParameter(0.01, 0.1), "size": CategoricalParameter([16, 32])},
    metric_definitions=METRICS,
    max_jobs=2,
    max_parallel_jobs=2,
)
tuner.fit(wait=False)
estimator.fit(wait=True, logs="All")
print("IMAGE", estimator.training_image_uri())
again = PyTorch.attach(estimator.latest_training_job.name, sagemaker_session=session)
print("ATTACHED", again.hyperparameters()["epochs"], again.instance_type, again.entry_point, again.output_kms_key)
tuner.wait()
found = HyperparameterTuner.attach(tuner.latest_tuning_job.name, sagemaker_session=session)
ranges = sorted(one["Name"] for ranges in found.hyperparameter_ranges().values() for one in ranges)
print("TUNER", type(found.estimator).__name__, found.objective_metric_name, ranges, found.early_stopping_type)
best = found.best_estimator()
print("BEST", best.hyperparameters()["_tuning_objective_metric"], best.hyperparameters()["size"], best.model_data)
