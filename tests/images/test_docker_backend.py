"""The docker backend with a real engine: an image that was pushed to the server, pulled, trained, stopped, served, isolated."""

import base64
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.support.local_server import LocalServer, job_request, log_lines, wait_for_endpoint, wait_for_job, wait_until

SUPPORT = Path(__file__).resolve().parents[1] / "support"
DOCKERFILE = """
FROM {base}
ENV SAGEMAKER_BASE_DIR=/opt/ml SAGEMAKER_BIND_TO_PORT=8080
COPY --chmod=755 train serve /usr/local/bin/
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, base_image: str) -> Iterator[LocalServer]:
    started = LocalServer(tmp_path_factory.mktemp("docker-backend") / "root", f"--image-alias=*/framework:*={base_image}")
    started.s3.create_bucket(Bucket="bucket")
    started.ecr.create_repository(repositoryName="toy")
    yield started
    started.stop()


@pytest.fixture(scope="module")
def image(engine: docker.DockerClient, base_image: str, server: LocalServer) -> Iterator[str]:
    """URI with digest of an image of the toy programs, which is in the server's registry and not in the engine."""
    context = io.BytesIO()
    files = {"Dockerfile": DOCKERFILE.format(base=base_image).replace("--chmod=755 ", "")}
    for name in ("train", "serve"):
        files[name] = "#!/usr/bin/env python3.11\n" + (SUPPORT / f"{name}_container.py").read_text().replace(
            '"127.0.0.1"', '"0.0.0.0"'
        )
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), 0o755
            archive.addfile(member, io.BytesIO(text.encode()))
    context.seek(0)
    repository = server.ecr.describe_repositories()["repositories"][0]["repositoryUri"]
    built, _ = engine.images.build(fileobj=context, custom_context=True, tag=f"{repository}:1", rm=True)
    login = server.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    username, _, password = base64.b64decode(login).decode().partition(":")
    said = engine.images.push(repository, "1", auth_config={"username": username, "password": password}, decode=True, stream=True)
    errors = [line["error"] for line in said if "error" in line]
    assert not errors
    digest = server.ecr.describe_images(repositoryName="toy")["imageDetails"][0]["imageDigest"]
    engine.images.remove(built.id, force=True)
    yield f"{repository}@{digest}"
    for left in engine.images.list(repository):
        engine.images.remove(left.id, force=True)


def run(server: LocalServer, image: str, name: str, **change: object) -> dict:
    request = job_request(name, **change)
    request["AlgorithmSpecification"]["TrainingImage"] = image
    server.sagemaker.create_training_job(**request)
    return request


def test_an_image_of_exactly_that_name_goes_before_the_alias(
    engine: docker.DockerClient, server: LocalServer, base_image: str
) -> None:
    found = engine.images.get(base_image)
    try:
        found.tag("registry.invalid/framework", "2")
        for tag, words in (("1", f"framework:1 runs as {base_image}."), ("2", "")):
            request = job_request(f"framework-{tag}")
            request["AlgorithmSpecification"] |= {
                "TrainingImage": f"registry.invalid/framework:{tag}",
                "ContainerEntrypoint": ["python3.11", "-c", "print('ran')"],
            }
            server.sagemaker.create_training_job(**request)
            job = wait_for_job(server, f"framework-{tag}", 120)
            assert job["TrainingJobStatus"] == "Completed", job
            message = next(one for one in job["SecondaryStatusTransitions"] if one["Status"] == "Training")["StatusMessage"]
            assert message == f"Training image download completed. Training in progress. {words}".strip()
            assert log_lines(server, f"framework-{tag}") == [*([f"[platform] {words}"] if words else []), "ran"]
    finally:
        engine.images.remove("registry.invalid/framework:2")


ASKS = """
import os, socket, urllib.error, urllib.request
try:
    urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"])
except urllib.error.HTTPError as error:
    print("answered", error.code, bool(os.environ["AWS_SECRET_ACCESS_KEY"]), socket.gethostbyname("algo-1"))
except KeyError:
    print("no way there")
"""


@pytest.mark.parametrize(
    ("change", "printed"),
    [
        (
            {"HyperParameters": {"sagemaker_submit_directory": '"s3://bucket/code/sourcedir.tar.gz"'}},
            "answered 403 True 127.0.0.1",
        ),
        ({"Environment": {"CODE": "s3://bucket/code/sourcedir.tar.gz"}, "EnableNetworkIsolation": True}, "no way there"),
    ],
)
def test_a_container_that_has_to_fetch_its_code_reaches_the_server(
    server: LocalServer, base_image: str, change: dict, printed: str
) -> None:
    name = f"fetches-{len(change)}"
    request = job_request(name, **change)
    request["Environment"] = {**request.get("Environment", {}), "ASKS": ASKS}
    entry = ["python3.11", "-c", "import os; exec(os.environ['ASKS'])"]
    request["AlgorithmSpecification"] |= {"TrainingImage": base_image, "ContainerEntrypoint": entry}
    server.sagemaker.create_training_job(**request)
    assert wait_for_job(server, name, 120)["TrainingJobStatus"] == "Completed"
    assert log_lines(server, name) == [printed]


def left(engine: docker.DockerClient, server: LocalServer) -> list[str]:
    mine = {"label": f"local-sagemaker.root={server.root}"}
    names = [container.name for container in engine.containers.list(all=True, filters=mine)]
    return names + [network.name for network in engine.networks.list(filters=mine)]


def test_a_job_trains_in_the_image_that_was_pushed(engine: docker.DockerClient, server: LocalServer, image: str) -> None:
    run(server, image, "trains", HyperParameters={"epochs": "2", "say": "hello"}, EnableNetworkIsolation=True)
    job = wait_for_job(server, "trains", 90)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["FinalMetricDataList"][0]["MetricName"] == "loss"
    body = server.s3.get_object(Bucket="bucket", Key="out/trains/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as model:
        assert "weights.json" in model.getnames()
    assert left(engine, server) == []


def test_two_hosts_know_each_other_and_a_stop_is_sigterm(engine: docker.DockerClient, server: LocalServer, image: str) -> None:
    two = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 10}
    run(server, image, "stops", HyperParameters={"wait": "100"}, ResourceConfig=two)
    group = "/aws/sagemaker/TrainingJobs"

    def lines() -> str:
        return " ".join(event["message"] for event in server.logs.filter_log_events(logGroupName=group)["events"])

    wait_until(lambda: lines().count("started with") >= 3, 60)
    assert len(engine.networks.list(filters={"label": f"local-sagemaker.root={server.root}"})) == 1
    server.sagemaker.stop_training_job(TrainingJobName="stops")
    assert wait_for_job(server, "stops", 60)["TrainingJobStatus"] == "Stopped"
    assert lines().count("got SIGTERM") == 2
    assert left(engine, server) == []


def test_inputs_cannot_be_altered(server: LocalServer, image: str) -> None:
    server.s3.put_object(Bucket="bucket", Key="data/a.txt", Body=b"whole")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/data/"}}
    write = '{"input/data/train/a.txt": "altered"}'
    run(
        server,
        image,
        "alters",
        HyperParameters={"write": write},
        InputDataConfig=[{"ChannelName": "train", "DataSource": source}],
    )
    assert wait_for_job(server, "alters", 60)["TrainingJobStatus"] == "Failed"
    assert server.s3.get_object(Bucket="bucket", Key="data/a.txt")["Body"].read() == b"whole"


def test_what_cannot_start_says_why(engine: docker.DockerClient, server: LocalServer, base_image: str) -> None:
    run(server, base_image, "no-program")
    assert 'exec: "train"' in wait_for_job(server, "no-program", 60)["FailureReason"]
    run(server, "nobody/knows:1", "no-image")
    assert "Cannot find the requested image: nobody/knows:1" in wait_for_job(server, "no-image", 60)["FailureReason"]


@pytest.mark.parametrize("isolated", [False, True])
def test_an_endpoint_serves(engine: docker.DockerClient, server: LocalServer, image: str, isolated: bool) -> None:
    name = f"serves-{isolated}".lower()
    api = server.sagemaker
    api.create_model(
        ModelName=name,
        PrimaryContainer={"Image": image},
        ExecutionRoleArn=job_request("x")["RoleArn"],
        EnableNetworkIsolation=isolated,
    )
    variant = {"VariantName": "a", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    api.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    api.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert wait_for_endpoint(server, name)["EndpointStatus"] == "InService"
    answer = server.runtime.invoke_endpoint(EndpointName=name, Body=b"who")["Body"].read()
    assert answer
    api.delete_endpoint(EndpointName=name)
    wait_until(lambda: left(engine, server) == [], 60)
