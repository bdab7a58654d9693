"""Batch transform of a person's code under version 2 of the SageMaker Python SDK. Run by test_sdk_v2_transform.py.

Arguments: the handler as JSON, the model's archive and the file of rows, each with an id before it.
"""

import json
import sys

import sagemaker
from sagemaker.pytorch import PyTorchModel
from sagemaker.s3 import S3Downloader
from sagemaker.transformer import Transformer

handler, archive, rows = json.loads(sys.argv[1]), *sys.argv[2:]
session = sagemaker.Session(default_bucket="kennel-local")
model = PyTorchModel(
    model_data=session.upload_data(archive, bucket="kennel-local", key_prefix="transform-model"),
    role="arn:aws:iam::000000000000:role/kennel-execution",
    entry_point=handler["entry"],
    source_dir=handler["source"],
    framework_version="1.13",
    py_version="py39",
    sagemaker_session=session,
)
transformer = model.transformer(
    instance_count=1,
    instance_type="ml.m5.large",
    strategy="MultiRecord",
    assemble_with="Line",
    accept="text/csv",
    max_concurrent_transforms=2,
    max_payload=1,
    env={"MOOD": "good"},
    tags=[{"Key": "team", "Value": "dogs"}],
)
data = session.upload_data(rows, bucket="kennel-local", key_prefix="transform-rows")
transformer.transform(
    data,
    content_type="text/csv",
    split_type="Line",
    input_filter="$[1:]",
    join_source="Input",
    output_filter="$[0,-1]",
    model_client_config={"InvocationsTimeoutInSeconds": 60, "InvocationsMaxRetries": 1},
    wait=True,
    logs=True,
)
print("stored:", json.dumps(S3Downloader.read_file(f"{transformer.output_path}/rows.csv.out")))
again = Transformer.attach(transformer.latest_transform_job.name, sagemaker_session=session)
assert (again.model_name, again.output_path, again.strategy) == (
    transformer.model_name,
    transformer.output_path,
    transformer.strategy,
)
plain = Transformer(model.name, 1, "ml.m5.large", sagemaker_session=session)
plain.transform("s3://kennel-local/transform-rows/rows.csv", content_type="text/x-unknown", wait=False)
try:
    plain.wait(logs=False)
except sagemaker.exceptions.UnexpectedStatusException as error:
    print("refused:", error)
transformer.delete_model()
