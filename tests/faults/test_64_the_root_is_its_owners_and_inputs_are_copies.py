"""Row 64: another user of the machine looks at the root; a job, an evaluator or an endpoint writes to what it was given."""

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_sagemaker.errors import StartError
from local_sagemaker.storage.private_files import own_root
from tests.support.local_server import (
    PROCESSING_IMAGE,
    ROLE,
    SERVE_IMAGE,
    LocalServer,
    ask,
    job_request,
    processing_request,
    wait_for_endpoint,
    wait_for_job,
    wait_for_processing,
    wait_until,
)

NOBODY = 65534
ATTACK = """
import mmap, os, sys
from pathlib import Path
base, tried = Path(os.environ["SAGEMAKER_BASE_DIR"]), 0
def write(path):
    with open(path, "r+b") as file: file.write(b"EVIL")
def append(path):
    with open(path, "ab") as file: file.write(b"EVIL")
def chmod_and_write(path):
    path.chmod(0o666); write(path)
def map_it(path):
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory: memory[:4] = b"EVIL"
def through_a_link(path):
    os.link(path, base / "link"); chmod_and_write(base / "link")
def cut(path):
    os.truncate(path, 0)
for folder in sys.argv[1].split(","):
    for path in [path for path in (base / folder).rglob("*") if path.is_file()]:
        for attack in (write, append, chmod_and_write, map_it, through_a_link, cut):
            tried += 1
            try: attack(path)
            except OSError: pass
print("tried", tried, flush=True)
sys.exit(0 if tried else 1)
"""


@pytest.fixture()
def server() -> Iterator[LocalServer]:
    """A server whose root lies where every user of the machine may go."""
    outer = Path(tempfile.mkdtemp())
    outer.chmod(0o755)
    (outer / "control").write_text("for all")
    started = LocalServer(outer / "root")
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.kill()
    shutil.rmtree(outer, ignore_errors=True)


def private(root: Path) -> list[Path]:
    """What is stored below a root: databases, their journals, keys, and blobs of objects and of images."""
    return [path for path in root.rglob("*") if path.is_file() and (".db" in path.name or len(path.name) in (32, 64))]


def readable_by_others(paths: list[Path]) -> list[str]:
    """Those that a process of another user can open; by their modes alone where this test cannot become another user."""
    if os.geteuid():
        return [str(path) for path in paths if all(up.stat().st_mode & 0o005 == 0o005 for up in path.parents)]
    become = f"import os, sys\nos.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
    code = become + "for path in sys.argv[1:]:\n try: open(path); print(path)\n except OSError: pass"
    command = [sys.executable, "-S", "-c", code, *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_another_user_sees_nothing_and_what_an_earlier_version_left_open_is_closed(server: LocalServer) -> None:
    for number in range(20):
        server.s3.put_object(Bucket="bucket", Key=str(number), Body=b"private")
    server.kill()
    root, files = server.root, private(server.root)
    for path in [root, *root.rglob("*")]:  # as the version before made them
        path.chmod(0o755 if path.is_dir() else 0o644)
    control = root.parent / "control"
    open_before = readable_by_others([*files, control])
    server.start()
    files = private(root)
    modes = {
        "root": stat.S_IMODE(root.stat().st_mode),
        **{"blob" if len(path.name) == 32 else path.name: stat.S_IMODE(path.stat().st_mode) for path in files},
    }
    assert modes.pop("root") == 0o700 and modes.pop("blob") == 0o444
    assert set(modes.values()) == {0o600} and len(modes) >= 4, modes
    open_now = readable_by_others([*files, control])
    assert open_now == [str(control)]
    assert server.s3.get_object(Bucket="bucket", Key="3")["Body"].read() == b"private"
    print(f"of {len(files)} files another user could open {len(open_before) - 1} before the start, {len(open_now) - 1} after it")


def test_a_shared_folder_is_no_root(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    with pytest.raises(StartError, match=r"shared with others \(mode 1777\); choose a folder of your own"):
        own_root(tmp_path / "shared")
    assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o1777


def test_what_programs_do_to_their_inputs_changes_no_object(server: LocalServer, tmp_path: Path) -> None:
    attack = tmp_path / "attack.py"
    attack.write_text(ATTACK)
    bodies = {f"in/{number}": bytes([65 + number]) * 5000 for number in range(3)} | {"model/weights.txt": b"unharmed"}
    for key, body in bodies.items():
        server.s3.put_object(Bucket="bucket", Key=key, Body=body)
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in/"}
    training = job_request("attacker", InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}])
    training["AlgorithmSpecification"] |= {
        "ContainerEntrypoint": [sys.executable, str(attack)],
        "ContainerArguments": ["input/data"],
    }
    rule = {"RuleConfigurationName": "r", "RuleEvaluatorImage": PROCESSING_IMAGE}
    tensors = "s3://bucket/tensors"
    server.s3.put_object(Bucket="bucket", Key="tensors/attacker/debug-output/index/000", Body=b"tensor")
    bodies["tensors/attacker/debug-output/index/000"] = b"tensor"
    server.sagemaker.create_training_job(
        **training, DebugHookConfig={"S3OutputPath": tensors}, DebugRuleConfigurations=[rule | {"RuleParameters": {"wait": "3"}}]
    )
    given = {**source, "LocalPath": "/opt/ml/processing/input/data", "S3InputMode": "File"}
    processing = processing_request("attacker-2", ProcessingInputs=[{"InputName": "i", "S3Input": given}])
    processing["AppSpecification"] |= {
        "ContainerEntrypoint": [sys.executable, str(attack)],
        "ContainerArguments": ["processing/input"],
    }
    server.sagemaker.create_processing_job(**processing)
    place = {"S3DataSource": {"S3DataType": "S3Prefix", "CompressionType": "None", "S3Uri": "s3://bucket/model/"}}
    container = {"Image": SERVE_IMAGE, "ModelDataSource": place}
    server.sagemaker.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "a", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    server.sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    server.sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    assert wait_for_endpoint(server, "e")["EndpointStatus"] == "InService"
    assert "unharmed" in ask(server, "e")
    shown = wait_until(lambda: [*server.files("endpoints/**/weights.txt"), *server.files("processing/**/index/000")])
    for path in shown:  # what an endpoint's or an evaluator's program could do
        with contextlib.suppress(FileNotFoundError):  # the evaluator has ended
            path.chmod(0o666)
            path.write_bytes(b"EVIL")
    assert wait_for_job(server, "attacker")["TrainingJobStatus"] == "Completed"
    assert wait_for_processing(server, "attacker-2")["ProcessingJobStatus"] == "Completed"
    for key, body in bodies.items():
        assert server.s3.get_object(Bucket="bucket", Key=key)["Body"].read() == body, key
    shared = [path for path in server.files("objects/blobs/*/*") if path.stat().st_nlink > 1]
    assert not shared
    print(f"two jobs, an evaluator and an endpoint wrote to all they were given: {len(bodies)} objects unchanged, none shared")
