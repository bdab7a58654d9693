"""What the engine is asked for, and what is said without one. Containers that really run: tests/images/test_docker_backend.py."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from local_sagemaker.containers.backend import CannotStart, ContainerSpec
from local_sagemaker.containers.backends import Backends
from local_sagemaker.containers.docker_backend import DockerBackend, create_arguments, mounts, network_of
from local_sagemaker.containers.docker_container import address_in
from local_sagemaker.containers.docker_engine import Engine, in_short, wrong_platform
from local_sagemaker.containers.process_backend import ProcessBackend
from local_sagemaker.containers.untrusted_folder import UntrustedFolder
from local_sagemaker.image_table import Image, ImageTable
from tests.support.local_server import IMAGES, LocalServer, job_request, wait_for_job

HOSTS = ("algo-1", "algo-2")


def spec(root: Path, **change: object) -> ContainerSpec:
    folder = root / "jobs" / "job" / "algo-1"
    (folder / "opt" / "ml" / "input" / "data").mkdir(parents=True, exist_ok=True)
    (folder / "opt" / "ml" / "model").mkdir(exist_ok=True)
    given = {"folder": folder, "image": "an-image", "arguments": ("train",), "environment": {"A": "1"}, "hostname": "algo-1"}
    return ContainerSpec(**{**given, "hosts": ("algo-1",), **change})


def arguments(root: Path, *, gpus: bool = False, **change: object) -> dict:
    return create_arguments(spec(root, **change), root=root, image="sha256:1", memory=8 * 2**30, has_gpus=gpus)


def test_a_training_container_has_its_folders_and_its_name(tmp_path: Path) -> None:
    made = arguments(tmp_path, read_only=("input/data",))
    assert made["command"] == ["train"] and made["entrypoint"] is None and made["environment"] == {"A": "1"}
    assert made["hostname"] == "algo-1" and made["init"] is False and made["shm_size"] == 4 * 2**30
    assert {(mount["Target"], mount["ReadOnly"]) for mount in made["mounts"]} == {
        ("/opt/ml/input", False),
        ("/opt/ml/input/data", True),
        ("/opt/ml/model", False),
    }
    assert "ports" not in made


def test_hosts_of_a_job_share_a_network_and_isolation_cuts_it_off(tmp_path: Path) -> None:
    name, internal = network_of(spec(tmp_path, hosts=HOSTS))
    assert name and not internal
    assert network_of(spec(tmp_path, hosts=HOSTS, isolated=True)) == (name, True)
    assert network_of(spec(tmp_path, hosts=HOSTS, hostname="algo-2"))[0] == name
    assert network_of(spec(tmp_path, isolated=True)) == (None, False)
    assert arguments(tmp_path, isolated=True)["network_mode"] == "none"


def test_a_serving_container_is_published_on_loopback_unless_it_is_isolated(tmp_path: Path) -> None:
    serving = {"hosts": (), "hostname": "", "serves": True, "arguments": ("serve",)}
    assert arguments(tmp_path, **serving)["ports"] == {"8080/tcp": ("127.0.0.1",)}
    alone = arguments(tmp_path, **serving, isolated=True)
    assert "ports" not in alone and alone["network"]


def test_gpus_are_asked_for_where_type_and_engine_have_them(tmp_path: Path) -> None:
    assert arguments(tmp_path, gpus=True, instance_type="ml.g5.xlarge")["device_requests"]
    assert arguments(tmp_path, gpus=True, instance_type="ml.m5.large")["device_requests"] is None
    assert arguments(tmp_path, gpus=False, instance_type="ml.g5.xlarge")["device_requests"] is None


def test_the_image_says_where_it_runs(tmp_path: Path) -> None:
    program = Image(command=("true",), environment={})
    table = ImageTable(
        commands={"known": program, "*/pattern:*": program},
        aliases={"*/train:*": "known", "*/serve:*": "an-image-of-the-engine"},
    )
    backends = Backends(SimpleNamespace(root=tmp_path, images=table))
    for name in ("known", "registry/pattern:2", "registry/train:2"):
        assert isinstance(backends.of(name), ProcessBackend)
    for name in ("other", "registry/serve:2"):
        assert isinstance(backends.of(name), DockerBackend)


def test_only_what_lies_below_the_base_is_mounted(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "a-file").write_text("")
    assert [mount["Target"] for mount in mounts(UntrustedFolder(tmp_path), ())] == ["/opt/ml/model"]


def test_another_platform_is_told_with_its_remedy() -> None:
    assert wrong_platform("x", {"Os": "linux", "Architecture": "amd64"}) is None
    told = wrong_platform("x", {"Os": "linux", "Architecture": "arm64"})
    assert "linux/arm64" in told and "--platform linux/amd64" in told
    assert in_short(OSError('runc: starting: exec: "train": executable file not found in $PATH: unknown')).startswith("exec: ")


def test_the_address_is_the_published_port_or_the_networks_own() -> None:
    published = {"Ports": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "4711"}]}, "Networks": {}}
    assert address_in(published) == "127.0.0.1:4711"
    assert address_in({"Ports": {}, "Networks": {"own": {"IPAddress": "172.20.0.2"}}}) == "172.20.0.2:8080"


def test_without_an_engine_the_job_says_both_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(CannotStart, match="no Docker engine answers"):
        Engine(tmp_path, lambda image: None, str).client()
    server = LocalServer(tmp_path / "root", "--image-alias", "*/framework:*=built-here", "--start-command", "my-server up")
    try:
        server.s3.create_bucket(Bucket="bucket")
        request = job_request("absent")
        request["AlgorithmSpecification"]["TrainingImage"] = "nobody/knows:1"
        server.sagemaker.create_training_job(**request)
        job = wait_for_job(server, "absent")
        request["TrainingJobName"], request["AlgorithmSpecification"]["TrainingImage"] = "alias", "aws/framework:1.8-gpu"
        server.sagemaker.create_training_job(**request)
        alias = wait_for_job(server, "alias")
    finally:
        server.stop()
    assert alias["FailureReason"].startswith(
        "framework:1.8-gpu runs as built-here. Cannot find the requested image: built-here: no"
    )
    assert job["TrainingJobStatus"] == "Failed"
    assert "no Docker engine answers" in job["FailureReason"]
    assert ", ".join(["*/framework:*", *sorted(IMAGES)]) in job["FailureReason"]
    assert job["FailureReason"].endswith("as a process: my-server up --image 'nobody/knows:1=COMMAND'")


def test_a_container_that_calls_the_server_is_on_its_network_and_one_that_yields_has_a_small_share(tmp_path: Path) -> None:
    evaluator = arguments(tmp_path, calls_us=True, yields=True)
    assert evaluator["network_mode"] == "host" and evaluator["hostname"] is None and evaluator["cpu_shares"] < 1024
    assert network_of(spec(tmp_path, calls_us=True)) == (None, False)
    hosts = ("algo-1", "algo-2")
    script = arguments(tmp_path, calls_us=True, hosts=hosts, hostname="algo-2")
    assert script["network_mode"] == "host" and script["extra_hosts"] == dict.fromkeys(hosts, "127.0.0.1")
    backend = DockerBackend(tmp_path, lambda image: None, str)
    ports = [backend.cluster_environment(2, calls_us=calls_us).get("MASTER_PORT") for calls_us in (True, False)]
    assert int(ports[0]) > 1024 and ports[1] is None, "jobs share the ports of this machine's network"
    training = arguments(tmp_path)
    assert training["cpu_shares"] is None and "network_mode" not in training
