"""What a notebook does with version 3 of the SageMaker Python SDK: train, create, invoke, delete. Run by test_sdk_v3.py.

Arguments: a folder of pictures, a metric's name and its regular expression.
"""

import logging
import sys
from pathlib import Path

from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, TrainingJob
from sagemaker.core.shapes import (
    AlgorithmSpecification,
    Channel,
    ContainerDefinition,
    DataSource,
    MetricDefinition,
    OutputDataConfig,
    ProductionVariant,
    ResourceConfig,
    S3DataSource,
    StoppingCondition,
)
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import InputData

logging.basicConfig(level=logging.INFO, stream=sys.stdout)  # it logs what a job prints
pictures, metric, pattern = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
ROLE, BUCKET = "arn:aws:iam::000000000000:role/kennel-execution", "kennel-local"
SMALL = {"arch": "shufflenet_v2_x0_5", "picture-size": "32", "epochs": "1", "train-layers": "all"}
session = Session(default_bucket=BUCKET)

trainer = ModelTrainer(sagemaker_session=session, training_image="kennel-train", role=ROLE, hyperparameters=SMALL)
trainer.with_metric_definitions([MetricDefinition(name=metric, regex=pattern)])
inputs = [InputData(channel_name=name, data_source=str(pictures / folder)) for name, folder in
          (("train", "train"), ("validation", "valid"))]  # fmt: skip
trainer.train(input_data_config=inputs, wait=True, logs=True)
first = trainer._latest_training_job
print("TRAINED", first.training_job_status, first.model_artifacts.s3_model_artifacts)


def channel(name: str) -> Channel:
    found = next(one for one in first.input_data_config if one.channel_name == name)
    where = S3DataSource(s3_data_type="S3Prefix", s3_uri=found.data_source.s3_data_source.s3_uri)
    return Channel(channel_name=name, data_source=DataSource(s3_data_source=where))


job = TrainingJob.create(
    training_job_name="core",
    role_arn=ROLE,
    hyper_parameters=SMALL,
    algorithm_specification=AlgorithmSpecification(training_image="kennel-train", training_input_mode="File"),
    input_data_config=[channel("train"), channel("validation")],
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{BUCKET}/core"),
    resource_config=ResourceConfig(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=1),
    stopping_condition=StoppingCondition(max_runtime_in_seconds=600),
)
job.wait()
print("TRAINED", job.training_job_status, job.model_artifacts.s3_model_artifacts)

container = ContainerDefinition(image="kennel-serve", model_data_url=job.model_artifacts.s3_model_artifacts)
model = Model.create(model_name="core", primary_container=container, execution_role_arn=ROLE)
variant = ProductionVariant(variant_name="all", model_name="core", initial_instance_count=1, instance_type="ml.m5.large")
config = EndpointConfig.create(endpoint_config_name="core", production_variants=[variant])
endpoint = Endpoint.create(endpoint_name="core", endpoint_config_name="core")
endpoint.wait_for_status("InService")
picture = next(pictures.glob("valid/*/*")).read_bytes()
print("ANSWERED", endpoint.invoke(body=picture, content_type="image/jpeg").body.read().decode())
endpoint.delete()
endpoint.wait_for_delete()
config.delete()
model.delete()
print("LEFT", list(Endpoint.get_all()), list(Model.get_all()))
