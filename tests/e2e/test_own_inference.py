"""A person's inference.py behind an endpoint, under AWS's own image name, as notebooks make one with plain boto3."""

import io
import json
import tarfile
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.support.train_jobs import wait_until

pytestmark = pytest.mark.timeout(300)
IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:1.8-cpu-py36"
NAME = "own-inference"
SCRIPT = """
import io, json, logging, os
import numpy as np
import torch
from PIL import Image

logger = logging.getLogger(__name__)

def model_fn(model_dir):
    network = torch.nn.Linear(3, 2)
    with open(os.path.join("/opt/ml/model", "model.pth"), "rb") as f:
        network.load_state_dict(torch.load(f, map_location="cpu"))
    return network.eval()

def input_fn(request_body, content_type="image/jpeg"):
    if content_type == "image/jpeg":
        pixels = np.asarray(Image.open(io.BytesIO(request_body)).resize((1, 1), Image.ANTIALIAS), np.float32)
        return torch.from_numpy(pixels.reshape(1, 3) / 255)
    if content_type == "application/json":
        return torch.tensor(json.loads(request_body)["values"], dtype=torch.float32)
    if content_type == "application/x-npy":
        return torch.from_numpy(np.load(io.BytesIO(request_body)))
    raise ValueError("no such type: " + content_type)

def predict_fn(data, model):
    with torch.no_grad():
        return model(data)
"""


def archive(network: torch.nn.Module) -> bytes:
    """As the SDK packs a model again with new code: the first member is the folder itself, and has no name."""
    state, packed = io.BytesIO(), io.BytesIO()
    torch.save(network.state_dict(), state)
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        folder = tarfile.TarInfo("")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in {"model.pth": state.getvalue(), "code/inference.py": SCRIPT.encode()}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def test_pictures_json_and_arrays_are_answered(clients: dict[str, Any]) -> None:
    network, sagemaker = torch.nn.Linear(3, 2), clients["sagemaker"]
    clients["s3"].put_object(Bucket="kennel-local", Key="own/model.tar.gz", Body=archive(network))
    environment = {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
        "SAGEMAKER_REGION": "us-east-1",
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
    }
    sagemaker.create_model(
        ModelName=NAME,
        ExecutionRoleArn="arn:aws:iam::000000000000:role/demo",
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": "s3://kennel-local/own/model.tar.gz", "Environment": environment},
    )
    variant = {"VariantName": "AllTraffic", "ModelName": NAME, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 90})

    def ask(body: bytes, content_type: str, **more: str) -> Any:
        return clients["sagemaker-runtime"].invoke_endpoint(EndpointName=NAME, Body=body, ContentType=content_type, **more)

    def wanted(values: np.ndarray) -> np.ndarray:
        return network(torch.from_numpy(values.astype(np.float32))).detach().numpy()

    picture, array = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (8, 8), (255, 0, 0)).save(picture, "JPEG", quality=100)
    answer = ask(picture.getvalue(), "image/jpeg")
    assert answer["ContentType"] == "application/json"
    assert np.allclose(json.loads(answer["Body"].read()), wanted(np.array([[1, 0, 0]])), atol=0.02)
    answer = ask(json.dumps({"values": [[1, 2, 3]]}).encode(), "application/json")
    assert np.allclose(json.loads(answer["Body"].read()), wanted(np.array([[1, 2, 3]])), atol=1e-5)
    np.save(array, np.array([[3, 2, 1]], np.float32))
    answer = ask(array.getvalue(), "application/x-npy", Accept="application/x-npy")
    assert answer["ContentType"] == "application/x-npy"
    assert np.allclose(np.load(io.BytesIO(answer["Body"].read())), wanted(np.array([[3, 2, 1]])))
    with pytest.raises(clients["sagemaker-runtime"].exceptions.ModelError) as caught:
        ask(b"x", "text/plain")
    assert caught.value.response["OriginalStatusCode"] == 500 and "ValueError (inference.py:23 in input_fn)" in str(caught.value)

    def said() -> str:
        events = clients["logs"].filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{NAME}")["events"]
        return "\n".join(event["message"] for event in events)

    wait_until(lambda: "no such type: text/plain" in said(), seconds=30, interval=0.2)
    assert "pytorch-inference:1.8-cpu-py36 runs as kennel-serve: torch " in said()
