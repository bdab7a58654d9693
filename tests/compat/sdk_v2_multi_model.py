"""MultiDataModel of version 2 of the SageMaker Python SDK, as people use it. Run by test_sdk_v2.py.

Arguments: the image, and the archives of two models.
"""

import sys

import sagemaker
from botocore.exceptions import ClientError
from sagemaker.model import Model
from sagemaker.multidatamodel import MultiDataModel
from sagemaker.predictor import Predictor

image, first, second = sys.argv[1:]
ROLE = "arn:aws:iam::000000000000:role/kennel-execution"
session = sagemaker.Session(default_bucket="bucket")
prefix = "s3://bucket/multi/"
uploaded = session.upload_data(first, bucket="bucket", key_prefix="trained")

model = Model(image_uri=image, role=ROLE, sagemaker_session=session, predictor_cls=Predictor)
many = MultiDataModel(name="many", model_data_prefix=prefix, model=model, sagemaker_session=session)
print("ADDED", many.add_model(model_data_source=uploaded, model_data_path="first.tar.gz"))
predictor = many.deploy(initial_instance_count=1, instance_type="ml.m5.large", endpoint_name="many")
print("LISTED", list(many.list_models()))
print("FIRST", predictor.predict(data=b"who", target_model="first.tar.gz").decode())
print("ADDED", many.add_model(model_data_source=second, model_data_path="later/second.tar.gz"))
print("LISTED", list(many.list_models()))
print("SECOND", predictor.predict(data=b"who", target_model="later/second.tar.gz").decode())
try:
    predictor.predict(data=b"who", target_model="nobody.tar.gz")
except ClientError as error:
    print("NOBODY", error.response["Error"]["Code"])
print("MODE", session.sagemaker_client.describe_model(ModelName="many")["PrimaryContainer"]["Mode"])
predictor.delete_endpoint()
many.delete_model()
