"""A person's inference code deployed and asked under version 2 of the SageMaker Python SDK. Run by test_sdk_v2_handlers.py.

Arguments: the handler as JSON, the model's archive, the file of the request's body and that of the answer to write.
"""

import json
import sys
from pathlib import Path

import sagemaker
from sagemaker.deserializers import BytesDeserializer
from sagemaker.predictor import Predictor
from sagemaker.pytorch import PyTorchModel
from sagemaker.serializers import IdentitySerializer

handler, archive, body, answer = json.loads(sys.argv[1]), *map(Path, sys.argv[2:])


class Asking(Predictor):
    def __init__(self, endpoint_name, sagemaker_session):
        super().__init__(
            endpoint_name,
            sagemaker_session=sagemaker_session,
            serializer=IdentitySerializer(handler["content_type"]),
            deserializer=BytesDeserializer(accept=handler["accept"]),
        )


session = sagemaker.Session(default_bucket="kennel-local")
model = PyTorchModel(
    model_data=session.upload_data(str(archive), bucket="kennel-local", key_prefix=handler["name"]),
    role="arn:aws:iam::000000000000:role/kennel-execution",
    entry_point=handler["entry"],
    source_dir=handler["source"],
    framework_version="1.13",
    py_version="py39",
    env=handler["environment"],
    predictor_cls=Asking,
    sagemaker_session=session,
)
predictor = model.deploy(instance_type="ml.m5.large", initial_instance_count=1)
answer.write_bytes(predictor.predict(body.read_bytes(), custom_attributes="trace=7"))
predictor.delete_endpoint()
