"""A person's own scripts through ModelTrainer of version 3 of the SageMaker Python SDK. Run by test_sdk_v3_script.py.

Argument: a folder with the source folder `code` and the input folder `data`.
"""

import logging
import sys
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.shapes import MetricDefinition
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode
from sagemaker.train.distributed import MPI, Torchrun

logging.basicConfig(level=logging.INFO, stream=sys.stdout)
folder = Path(sys.argv[1])
image = image_uris.retrieve(
    "pytorch", "us-east-1", version="2.5", py_version="py311", instance_type="ml.m5.large", image_scope="training"
)
CODE = str(folder / "code")


def train(name, *, hyperparameters=None, distributed=None, data=True, **source):
    """Runs one job to its end, and prints how it ended."""
    trainer = ModelTrainer(
        sagemaker_session=Session(default_bucket="kennel-local"),
        training_image=image,
        role="arn:aws:iam::000000000000:role/kennel-execution",
        base_job_name=name,
        source_code=SourceCode(source_dir=CODE, **source),
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
        hyperparameters=hyperparameters,
        distributed=distributed,
    ).with_metric_definitions([MetricDefinition(name="loss", regex="Average loss: ([0-9.]+)")])
    inputs = [InputData(channel_name="train", data_source=str(folder / "data"))] if data else None
    try:
        trainer.train(input_data_config=inputs, wait=True, logs=True)
    except Exception as error:
        print(f"RAISED {name} {type(error).__name__}")
    job = trainer._latest_training_job.refresh()
    metrics = {metric.metric_name: metric.value for metric in job.final_metric_data_list or []}
    reason = job.failure_reason if isinstance(job.failure_reason, str) else ""
    print(f"ENDED {name} {job.training_job_status} {metrics} {reason!r}")


print("IMAGE", image)
given = {"lr": 0.25, "batch-size": 8, "words": "two words", "flag": True, "sizes": [8, 4]}
train("entry", entry_script="train.py", requirements="requirements.txt", hyperparameters=given)
train("torchrun", entry_script="ranks.py", distributed=Torchrun(process_count_per_node=2))
train("command", command="python3 train.py --lr 0.5 && torchrun --nproc_per_node=2 ranks.py", requirements="requirements.txt")
train("wrong", entry_script="wrong.py")
train("refused", entry_script="wrong.py", hyperparameters={"lr": 1}, distributed=MPI(process_count_per_node=2))
