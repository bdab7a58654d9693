"""The environment becomes one frozen configuration, or one line with everything that is wrong."""

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from contract.machine import cgroup, gpus
from contract.pictures.picture_memory import MAX_DECODING_BYTES
from serve import config
from serve.errors import ConfigError
from tests.contract.machine import test_nvml
from tests.support import own_model
from tests.support.server import ROOT


def test_the_defaults_are_sagemakers() -> None:
    found = config.from_environ({})
    assert (found.host, found.port, str(found.model)) == ("0.0.0.0", 8080, "/opt/ml/model")
    assert found.body_limit == 6_291_456
    assert found.request_timeout == 55
    assert found.default_accept == "application/json"
    assert found.engine == "openvino" or gpus.count({})
    assert 1 <= found.workers <= cgroup.cpus()
    assert found.workers * found.threads <= max(cgroup.cpus(), found.workers)


def test_the_contracts_variables_are_read() -> None:
    found = config.from_environ(
        {
            "SAGEMAKER_BASE_DIR": "/tmp/x",
            "SAGEMAKER_BIND_TO_PORT": "9001",
            "SAGEMAKER_MODEL_SERVER_WORKERS": "3",
            "SAGEMAKER_MODEL_SERVER_TIMEOUT": "2",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": "100",
            "SAGEMAKER_STARTUP_TIMEOUT": "30",
            "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
            "KENNEL_BATCH": "4",
            "KENNEL_BIND_HOST": "127.0.0.1",
            "KENNEL_ENGINE": "openvino",
            "KENNEL_PRECISION": "bfloat16",
        }
    )
    assert str(found.model) == "/tmp/x/model" and found.host == "127.0.0.1" and found.port == 9001
    assert found.precision == "bfloat16" and config.from_environ({}).precision == "auto"
    assert found.workers == 3 and found.in_flight_limit == 12 and found.request_timeout == 120
    assert found.body_limit == 100 << 20 and found.upload_budget >= 2 * found.body_limit
    assert found.startup_timeout == 30 and found.default_accept == "text/csv"
    assert found.batch == 4 and config.from_environ({"KENNEL_ENGINE": "openvino"}).batch == 2


def test_seconds_win_over_minutes() -> None:
    environ = {"SAGEMAKER_MODEL_SERVER_TIMEOUT": "2", "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "7"}
    assert config.from_environ(environ).request_timeout == 7


def test_all_problems_are_told_at_once_with_name_value_and_range() -> None:
    environ = {
        "SAGEMAKER_BIND_TO_PORT": "http",
        "SAGEMAKER_MODEL_SERVER_WORKERS": "0",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "1e3",
        "KENNEL_ENGINE": "onnx",
        "KENNEL_PRECISION": "fp8",
        "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/html",
        "KENNEL_MEMORY_LIMIT_IN_MB": "none",
    }
    with pytest.raises(ConfigError) as caught:
        config.from_environ(environ)
    message = str(caught.value)
    assert "\n" not in message
    assert all(name in message for name in environ)
    assert "'http'" in message and "from 1 to 65535" in message and "openvino, torch" in message


def test_many_models_have_one_worker_each_with_one_thread_and_one_limit_of_memory() -> None:
    found = config.from_environ({"SAGEMAKER_MULTI_MODEL": "true", "KENNEL_MEMORY_LIMIT_IN_MB": "1"})
    assert found.multi and (found.workers, found.threads, found.batch) == (1, 1, 1) and found.memory_limit == 1 << 20
    asked = {"SAGEMAKER_MULTI_MODEL": "True", "SAGEMAKER_MODEL_SERVER_WORKERS": "3", "SAGEMAKER_PROGRAM": "no.py"}
    assert config.from_environ(asked).workers == 3, "which code answers, each model says"
    assert not config.from_environ({"SAGEMAKER_MULTI_MODEL": "false"}).multi


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.from_environ({}).port = 1


def test_an_empty_variable_counts_as_unset() -> None:
    assert config.from_environ({"SAGEMAKER_BIND_TO_PORT": ""}).port == 8080


@pytest.mark.parametrize(("cpus", "gpus", "workers"), [(4, 1, 4), (16, 1, 4), (2, 1, 2), (2, 4, 4)])
def test_a_gpu_has_as_many_workers_as_cpus_up_to_four(cpus: int, gpus: int, workers: int) -> None:
    assert config._default_workers(cpus, gpus, 64 << 30) == workers


def test_a_gpu_with_little_memory_has_fewer(tmp_path: Path) -> None:
    shutil.copy(test_nvml.build(tmp_path, "-DFREE=3ULL"), tmp_path / "libnvidia-ml.so.1")
    ask = [sys.executable, "-c", "from serve import config; print(config._default_workers(8, 1, 64 << 30))"]
    environ = os.environ | {"LD_LIBRARY_PATH": str(tmp_path)}
    assert subprocess.run(ask, cwd=ROOT, env=environ, capture_output=True, text=True, check=True).stdout == "2\n"


def test_each_worker_has_room_for_the_largest_picture() -> None:
    room = (256 << 20) + MAX_DECODING_BYTES
    assert [config._default_workers(8, 0, size) for size in (1, 3 * room - 1, 3 * room, 64 << 30)] == [1, 2, 3, 8]
    gpu_room = (960 << 20) + MAX_DECODING_BYTES
    assert [config._default_workers(8, 1, size) for size in (3 * gpu_room - 1, 3 * gpu_room)] == [2, 3]


def test_pictures_are_decoded_side_by_side_where_there_is_memory_for_each() -> None:
    own = 256 << 20
    sizes = (0, 2 * (own + 2 * MAX_DECODING_BYTES) - 1, 2 * (own + 2 * MAX_DECODING_BYTES), 64 << 30)
    assert [config._decoders(4, 2, 0, size) for size in sizes] == [1, 1, 2, 4]


def test_a_persons_own_code_has_its_own_defaults(tmp_path: Path) -> None:
    own_model.write(tmp_path, {"code/inference.py": ""})
    given = {"SAGEMAKER_BASE_DIR": str(tmp_path), "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/x-own", "KENNEL_COMPAT": "off"}
    found = config.from_environ(given)
    assert (found.handler.name, found.batch, found.default_accept, found.compat) == ("inference.py", 1, "text/x-own", False)
    assert found.own_code is None, "nothing is fetched or installed while the environment is read"
    environ = config.own_code_environ(found, {"AWS_REGION": "eu-west-1", "OMP_NUM_THREADS": "7"})
    assert (environ["SAGEMAKER_PROGRAM"], environ["AWS_DEFAULT_REGION"]) == ("inference.py", "eu-west-1")
    assert environ["OMP_NUM_THREADS"] == "7", "what is set already stays"


def test_workers_of_own_code_are_as_many_as_hold_the_model(tmp_path: Path) -> None:
    own_model.write(tmp_path, {"model.pth": bytes(1 << 20)})
    model, each = tmp_path / "model", (800 << 20) + (2 << 20)
    assert config._own_workers(8, 0, 3 * each, model) == 3
    assert config._own_workers(8, 0, 3 * each - 1, model) == 2
    assert config._own_workers(8, 0, 0, model) == 1 and config._own_workers(2, 0, 9 * each, model) == 2
    assert config._own_workers(8, 2, 9 * each, model) == 2, "one a GPU"
