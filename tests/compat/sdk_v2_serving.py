"""A person's own training and inference scripts under version 2 of the SageMaker Python SDK. Run by test_sdk_v2.py."""

from pathlib import Path

import numpy as np
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.predictor import Predictor
from sagemaker.pytorch import PyTorch, PyTorchModel
from sagemaker.serializers import IdentitySerializer

ROLE = "arn:aws:iam::000000000000:role/kennel-execution"
NETWORK = """
import os, torch

def network():
    layer = torch.nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight[:] = torch.tensor([[2.0, 3.0]])
        layer.bias[:] = 1.0
    return layer

def model_fn(model_dir):
    model = torch.nn.Linear(2, 1)
    with open(os.path.join(model_dir, "model.pth"), "rb") as f:
        model.load_state_dict(torch.load(f, map_location=torch.device("cpu")))
    return model.eval()
"""
TRAIN = """
if __name__ == "__main__":
    torch.save(network().cpu().state_dict(), os.path.join(os.environ["SM_MODEL_DIR"], "model.pth"))
"""
INFERENCE = """
import io
from PIL import Image

def input_fn(request_body, content_type="image/jpeg"):
    if content_type == "image/jpeg":
        return torch.tensor([[float(side) for side in Image.open(io.BytesIO(request_body)).size]])
    raise Exception(f"Requested unsupported ContentType: {content_type}")
"""
for name, text in {"train.py": NETWORK + TRAIN, "inference.py": NETWORK + INFERENCE}.items():
    Path("source").mkdir(exist_ok=True)
    (Path("source") / name).write_text(text)


class ImagePredictor(Predictor):
    def __init__(self, endpoint_name, sagemaker_session):
        super().__init__(
            endpoint_name,
            sagemaker_session=sagemaker_session,
            serializer=IdentitySerializer("image/jpeg"),
            deserializer=JSONDeserializer(),
        )


session = sagemaker.Session(default_bucket="kennel-local")
machine = {"instance_type": "ml.m5.large", "initial_instance_count": 1}
version = {"framework_version": "1.8", "py_version": "py36"}
estimator = PyTorch(
    entry_point="train.py",
    source_dir="source",
    role=ROLE,
    instance_count=1,
    instance_type="ml.m5.large",
    sagemaker_session=session,
    **version,
)
estimator.fit(wait=True, logs="None")
predictor = estimator.deploy(**machine)
print("ARRAY", type(predictor).__name__, predictor.predict(np.array([[1, 1], [10, 0]], np.float32)).tolist())
predictor.delete_endpoint()

model = PyTorchModel(
    model_data=estimator.model_data,
    role=ROLE,
    entry_point="inference.py",
    source_dir="source",
    sagemaker_session=session,
    predictor_cls=ImagePredictor,
    **version,
)
predictor = model.deploy(**machine)
print("PICTURE", predictor.predict(Path("picture.jpg").read_bytes()))
predictor.delete_endpoint()
