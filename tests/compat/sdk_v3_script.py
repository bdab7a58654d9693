"""A person's own scripts through ModelTrainer of version 3 of the SageMaker Python SDK. Run by test_sdk_v3_script.py.

Arguments: a folder with the source folder `code` and the input folder `data`; `train` or `tune`.
"""

import logging
import sys
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.parameter import ContinuousParameter
from sagemaker.core.shapes import MetricDefinition
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode
from sagemaker.train.distributed import MPI, Torchrun
from sagemaker.train.tuner import HyperparameterTuner

logging.basicConfig(level=logging.INFO, stream=sys.stdout)
folder = Path(sys.argv[1])
image = image_uris.retrieve(
    "pytorch", "us-east-1", version="2.5", py_version="py311", instance_type="ml.m5.large", image_scope="training"
)
CODE = str(folder / "code")


DATA = InputData(channel_name="train", data_source=str(folder / "data"))
METRIC = MetricDefinition(name="loss", regex="Average loss: ([0-9.]+)")


def trainer(name, *, hyperparameters=None, distributed=None, **source):
    """A trainer of one of the scripts."""
    return ModelTrainer(
        sagemaker_session=Session(default_bucket="kennel-local"),
        training_image=image,
        role="arn:aws:iam::000000000000:role/kennel-execution",
        base_job_name=name,
        source_code=SourceCode(source_dir=CODE, **source),
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
        hyperparameters=hyperparameters,
        distributed=distributed,
    ).with_metric_definitions([METRIC])


def train(name, **given):
    """Runs one job to its end, and prints how it ended."""
    made = trainer(name, **given)
    try:
        made.train(input_data_config=[DATA], wait=True, logs=True)
    except Exception as error:
        print(f"RAISED {name} {type(error).__name__}")
    job = made._latest_training_job.refresh()
    metrics = {metric.metric_name: metric.value for metric in job.final_metric_data_list or []}
    reason = job.failure_reason if isinstance(job.failure_reason, str) else ""
    print(f"ENDED {name} {job.training_job_status} {metrics} {reason!r}")


def train_each():
    print("IMAGE", image)
    given = {"lr": 0.25, "batch-size": 8, "words": "two words", "flag": True, "sizes": [8, 4]}
    train("entry", entry_script="train.py", requirements="requirements.txt", hyperparameters=given)
    train("torchrun", entry_script="ranks.py", distributed=Torchrun(process_count_per_node=2))
    train("command", command="python3 train.py --lr 0.5 && torchrun --nproc_per_node=2 ranks.py", requirements="requirements.txt")
    train("wrong", entry_script="wrong.py")
    train("refused", entry_script="wrong.py", hyperparameters={"lr": 1}, distributed=MPI(process_count_per_node=2))


def tune():
    tuner = HyperparameterTuner(
        model_trainer=trainer("tune", entry_script="train.py", requirements="requirements.txt"),
        objective_metric_name="loss",
        objective_type="Minimize",
        hyperparameter_ranges={"lr": ContinuousParameter(0.1, 0.5)},
        metric_definitions=[{"Name": METRIC.name, "Regex": METRIC.regex}],
        max_jobs=2,
        max_parallel_jobs=2,
    )
    uploaded = Session(default_bucket="kennel-local").upload_data(str(folder / "data"), key_prefix="data")
    tuner.tune(inputs=[InputData(channel_name="train", data_source=uploaded)], wait=True)
    job = tuner.latest_tuning_job.refresh()
    print("TUNED", job.hyper_parameter_tuning_job_status, job.training_job_status_counters.completed)


{"train": train_each, "tune": tune}[sys.argv[2]]()
