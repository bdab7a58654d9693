"""A real local SageMaker for tests: the server as a process, real boto3 clients, and two tiny images that keep the contract."""

import glob
import io
import json
import shlex
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parents[2]
SUPPORT = ROOT / "tests" / "support"
TRAIN_IMAGE = "test-train:1"
SERVE_IMAGE = "test-serve:1"
PROCESSING_IMAGE = "test-processing:1"
MULTI_MODEL_IMAGE = "test-multi-model:1"
TRANSFORM_IMAGE = "test-transform:1"
IMAGES = {
    TRAIN_IMAGE: [sys.executable, str(SUPPORT / "train_container.py")],
    SERVE_IMAGE: [sys.executable, str(SUPPORT / "serve_container.py")],
    PROCESSING_IMAGE: [sys.executable, str(SUPPORT / "processing_container.py")],
    MULTI_MODEL_IMAGE: [sys.executable, str(SUPPORT / "multi_model_container.py")],
    TRANSFORM_IMAGE: [sys.executable, str(SUPPORT / "transform_container.py")],
}
ROLE = "arn:aws:iam::000000000000:role/demo"


class LocalServer:
    """`python -m local_sagemaker` on a root of its own. `kill` is SIGKILL; `start` after it is the next server.

    `options` of its command line come after those that every test's server has.
    """

    def __init__(self, root: Path, *options: str) -> None:
        self.root = root
        self.options = options
        self.process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> float:
        """Starts the server; returns the seconds until it was ready."""
        began = time.monotonic()
        images = [f"--image={name}={shlex.join(command)}" for name, command in IMAGES.items()]
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "server.json").unlink(missing_ok=True)
        self.log = (self.root / "server.log").open("a")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local_sagemaker", "--root", str(self.root), "--port", "0", *images, *self.options],
            cwd=ROOT,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            text=True,
        )
        wait_until(lambda: (self.root / "server.json").exists() or self.process.poll() is not None, 60)
        assert self.process.poll() is None, (self.root / "server.log").read_text()
        about = json.loads((self.root / "server.json").read_text())
        self.url, self._keys = about["url"], (about["access_key"], about["secret_key"])
        self.sagemaker, self.s3, self.logs = self.client("sagemaker"), self.client("s3"), self.client("logs")
        self.runtime, self.ecr = self.client("sagemaker-runtime"), self.client("ecr")
        return time.monotonic() - began

    def client(self, service: str, region: str = "us-east-1", **options: Any) -> Any:
        """A boto3 client that does not repeat what failed."""
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=self._keys[0],
            aws_secret_access_key=self._keys[1],
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=60, read_timeout=90, **options),
        )

    def files(self, pattern: str) -> list[Path]:
        """The files and folders below the root that fit a pattern of `glob.glob`; what goes meanwhile is left out."""
        return [self.root / name for name in glob.glob(pattern, root_dir=self.root, recursive=True, include_hidden=True)]

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM, and what a person would wait for."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(60) == 0, (self.root / "server.log").read_text()[-3000:]
        self.log.close()


def wait_until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """The first true value of a condition; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)
    return value


def job_request(name: str, **change: Any) -> dict[str, Any]:
    """A CreateTrainingJob request for the training image, with members changed or added."""
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": TRAIN_IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
        },
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **change,
    }


def wait_for_job(server: LocalServer, name: str, seconds: float = 60.0) -> dict[str, Any]:
    """DescribeTrainingJob once the job has ended."""
    job: dict[str, Any] = {}

    def ended() -> bool:
        nonlocal job
        job = server.sagemaker.describe_training_job(TrainingJobName=name)
        return job["TrainingJobStatus"] not in ("InProgress", "Stopping")

    wait_until(ended, seconds)
    return job


def processing_request(name: str, environment: dict[str, str] | None = None, **change: Any) -> dict[str, Any]:
    """A CreateProcessingJob request for the processing image, with members changed or added."""
    cluster = {"InstanceCount": 1, "InstanceType": "ml.t3.medium", "VolumeSizeInGB": 10}
    return {
        "ProcessingJobName": name,
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": PROCESSING_IMAGE},
        "Environment": environment or {},
        "RoleArn": ROLE,
        **change,
    }


def wait_for_processing(server: LocalServer, name: str, seconds: float = 60.0) -> dict[str, Any]:
    """DescribeProcessingJob once the job has ended."""
    describe = server.sagemaker.describe_processing_job
    wait_until(lambda: describe(ProcessingJobName=name)["ProcessingJobStatus"] not in ("InProgress", "Stopping"), seconds)
    return describe(ProcessingJobName=name)


def log_lines(server: LocalServer, job: str, host: str = "algo-1", kind: str = "TrainingJobs") -> list[str]:
    """What a training or processing job's host printed so far, in all its attempts."""
    group, found = f"/aws/sagemaker/{kind}", []
    try:
        streams = server.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/{host}-")["logStreams"]
    except ClientError:
        return []
    for stream in streams:
        events = server.logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)
        found += [event["message"] for event in events["events"]]
    return found


def model_archive(text: str, padding: int = 0) -> bytes:
    """A model.tar.gz with weights.txt holding `text`, and a file of zeros of `padding` bytes, where that is not 0."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz", compresslevel=1) as tar:
        for name, content in (("weights.txt", text.encode()), ("padding", bytes(padding))):
            if content:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return body.getvalue()


def put_model(server: LocalServer, text: str, key: str = "") -> str:
    """A model.tar.gz with weights.txt holding `text`; returns its S3 URI."""
    key = key or f"models/{text}.tar.gz"
    server.s3.put_object(Bucket="bucket", Key=key, Body=model_archive(text))
    return f"s3://bucket/{key}"


def make_config(server: LocalServer, name: str, timeout: int | None = None, count: int = 1, **environment: str) -> str:
    """A model whose weights say `name`, and an endpoint configuration of it; both are called `name`."""
    container = {"Image": SERVE_IMAGE, "ModelDataUrl": put_model(server, name), "Environment": environment}
    server.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": count}
    if timeout is not None:
        variant["ContainerStartupHealthCheckTimeoutInSeconds"] = timeout
    server.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    return name


def wait_for_endpoint(server: LocalServer, name: str, seconds: float = 60.0) -> dict[str, Any]:
    """DescribeEndpoint once nothing goes on any more."""

    def settled() -> dict[str, Any] | None:
        found = server.sagemaker.describe_endpoint(EndpointName=name)
        return found if found["EndpointStatus"] in ("InService", "Failed") else None

    return wait_until(settled, seconds)


def make_endpoint(server: LocalServer, name: str, **options: Any) -> dict[str, Any]:
    """An endpoint with a model and a configuration of the same name, once it has settled."""
    server.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=make_config(server, name, **options))
    return wait_for_endpoint(server, name)


def make_multi_model_config(
    server: LocalServer, name: str, prefix: str = "many/", count: int = 1, cache: str | None = None, **environment: str
) -> str:
    """A model of all models below `prefix`, under which there has to be one, and an endpoint configuration of the same name."""
    url = f"s3://bucket/{prefix}"
    container = {"Image": MULTI_MODEL_IMAGE, "Mode": "MultiModel", "ModelDataUrl": url, "Environment": environment}
    if cache is not None:
        container["MultiModelConfig"] = {"ModelCacheSetting": cache}
    server.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": count}
    server.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    return name


def make_multi_model_endpoint(server: LocalServer, name: str, **options: Any) -> dict[str, Any]:
    """An endpoint of many models, once it has settled."""
    config = make_multi_model_config(server, name, **options)
    server.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    return wait_for_endpoint(server, name)


def ask(server: LocalServer, name: str, body: str | bytes = "who", **request: Any) -> str:
    """What the endpoint answers."""
    return server.runtime.invoke_endpoint(EndpointName=name, Body=body, **request)["Body"].read().decode()
