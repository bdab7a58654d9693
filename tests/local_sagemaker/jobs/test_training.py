"""Training jobs, from boto3 to a real process and back: files, logs, metrics, artifacts, stopping, spot, hosts, lists, tags.

Of local_sagemaker.jobs.training_jobs, local_sagemaker.jobs.training_run, local_sagemaker.jobs.training_containers and
local_sagemaker.protocol.tags."""

import io
import json
import re
import shlex
import tarfile
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.local_server import TRAIN_IMAGE, LocalServer, job_request, log_lines, wait_for_job, wait_until

SPOT = {"EnableManagedSpotTraining": True, "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}}


def run(server: LocalServer, name: str, seconds: float = 30.0, **request: Any) -> dict[str, Any]:
    server.sagemaker.create_training_job(**job_request(name, **request))
    return wait_for_job(server, name, seconds)


def unpack(server: LocalServer, uri: str) -> dict[str, bytes]:
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    body = server.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def statuses(job: dict[str, Any]) -> list[str]:
    return [transition["Status"] for transition in job["SecondaryStatusTransitions"]]


def test_a_job_sees_every_config_file_and_channel_and_leaves_its_model(server: LocalServer) -> None:
    for key, body in {"data/train/a.txt": b"A", "data/train/b/c.txt": b"C", "data/other.txt": b"no"}.items():
        server.s3.put_object(Bucket="bucket", Key=key, Body=body)
    job = run(
        server,
        "all-files",
        HyperParameters={"copy_to_model": "1", "say": "loss=0.5;|loss=0.25;|nothing", "write": '{"output/data/report.txt": "R"}'},
        Environment={"MODE": "test"},
        EnableNetworkIsolation=True,
        CheckpointConfig={"S3Uri": "s3://bucket/checkpoints"},
        DebugHookConfig={"S3OutputPath": "s3://bucket/debug", "HookParameters": {"save_interval": "10"}},
        TensorBoardOutputConfig={"S3OutputPath": "s3://bucket/board"},
        ProfilerConfig={"S3OutputPath": "s3://bucket/profile"},
        InputDataConfig=[
            {
                "ChannelName": "train",
                "ContentType": "text/plain",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/data/train"}},
            }
        ],
    )
    assert job["TrainingJobStatus"] == "Completed", job
    assert statuses(job) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert "cannot be cut off the network" in job["SecondaryStatusTransitions"][0]["StatusMessage"]
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == "s3://bucket/out/all-files/output/model.tar.gz"
    files = unpack(server, job["ModelArtifacts"]["S3ModelArtifacts"])
    assert (files["input/data/train/a.txt"], files["input/data/train/b/c.txt"]) == (b"A", b"C")
    assert not [name for name in files if "other" in name]
    config = {name.rpartition("/")[2]: json.loads(body) for name, body in files.items() if name.startswith("input/config/")}
    environment = json.loads(files["environment.json"])
    base = environment["SAGEMAKER_BASE_DIR"]
    assert set(config["hyperparameters.json"]) == {"copy_to_model", "say", "write"}
    assert config["inputdataconfig.json"] == {
        "train": {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
            "ContentType": "text/plain",
        }
    }
    assert config["resourceconfig.json"] == {
        "current_host": "algo-1",
        "current_instance_type": "ml.m5.large",
        "current_group_name": "homogeneousCluster",
        "hosts": ["algo-1"],
        "instance_groups": [{"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}],
        "network_interface_name": "lo",
    }
    assert config["checkpointconfig.json"] == {"S3Uri": "s3://bucket/checkpoints", "LocalPath": f"{base}/checkpoints"}
    assert config["debughookconfig.json"] == {
        "LocalPath": f"{base}/output/tensors",
        "HookParameters": {"save_interval": "10"},
        "CollectionConfigurations": [],
        "S3OutputPath": "s3://bucket/debug",
    }
    assert config["tensorboardoutputconfig.json"] == {
        "LocalPath": f"{base}/output/tensorboard",
        "S3OutputPath": "s3://bucket/board",
    }
    assert config["profilerconfig.json"]["ProfilingParameters"] == {"LocalPath": f"{base}/output/profiler"}
    assert config["profilerconfig.json"]["ProfilingIntervalInMilliseconds"] == 500
    assert environment["MODE"] == "test"
    assert environment["TRAINING_JOB_NAME"] == "all-files"
    assert environment["TRAINING_JOB_ARN"] == job["TrainingJobArn"]
    assert unpack(server, "s3://bucket/out/all-files/output/output.tar.gz") == {"report.txt": b"R"}
    assert server.s3.get_object(Bucket="bucket", Key="debug/all-files/debug-output/training_job_end.ts")["Body"].read()
    system = server.s3.list_objects_v2(Bucket="bucket", Prefix="profile/all-files/profiler-output/system/")["Contents"]
    assert re.fullmatch(r"profile/all-files/profiler-output/system/incremental/\d{10}/\d{10}\.algo-1\.json", system[0]["Key"])
    assert [(metric["MetricName"], metric["Value"]) for metric in job["FinalMetricDataList"]] == [("loss", 0.25)]
    assert log_lines(server, "all-files") == ["started with train", "loss=0.5;", "loss=0.25;", "nothing"]
    assert job["TrainingTimeInSeconds"] >= 1 and job["BillableTimeInSeconds"] >= 1
    wait_until(lambda: not (server.root / "jobs" / "all-files").exists())


def test_a_failing_program_gives_its_reason_and_its_code(server: LocalServer) -> None:
    job = run(
        server, "fails", HyperParameters={"fail": "ValueError: " + "x" * 2400, "exit": "3", "write": '{"output/data/d": "1"}'}
    )
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ValueError: xxx")
    assert job["FailureReason"].endswith("xxx, exit code: 3")
    assert len(job["FailureReason"]) == 1024
    assert unpack(server, "s3://bucket/out/fails/output/output.tar.gz") == {"d": b"1"}
    silent = run(server, "fails-silently", HyperParameters={"exit": "1"})
    assert silent["FailureReason"] == "AlgorithmError: See job logs for more information, exit code: 1"


def test_an_unknown_image_fails_the_job_with_a_clear_reason(server: LocalServer) -> None:
    algorithm = {"TrainingImage": "nobody/knows:1", "TrainingInputMode": "File"}
    job = run(server, "no-image", AlgorithmSpecification=algorithm)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("Cannot find the requested image: nobody/knows:1: ")
    assert "--image 'nobody/knows:1=COMMAND'" in job["FailureReason"]


PROMISES = {
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out", "KmsKeyId": "alias/mine"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10, "VolumeKmsKeyId": "alias/disk"},
    "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
    "EnableInterContainerTrafficEncryption": True,
}


def test_what_changes_nothing_here_is_taken_and_said(server: LocalServer) -> None:
    algorithm = {"TrainingImage": TRAIN_IMAGE, "TrainingInputMode": "File", "EnableSageMakerMetricsTimeSeries": True}
    job = run(server, "promises", AlgorithmSpecification=algorithm, **PROMISES)
    assert job["TrainingJobStatus"] == "Completed" and PROMISES.items() <= job.items()
    told = job["SecondaryStatusTransitions"][0]["StatusMessage"]
    assert told.startswith(
        "Preparing the instances for training. OutputDataConfig.KmsKeyId, ResourceConfig.VolumeKmsKeyId: nothing"
    )
    lines = [line for line in log_lines(server, "promises") if line.startswith("[platform] ")]
    for member in ("KmsKeyId", "VpcConfig", "EnableInterContainerTrafficEncryption", "EnableSageMakerMetricsTimeSeries"):
        assert len([line for line in lines if member in line]) == 1, member
        assert (member in told) == (member != "EnableSageMakerMetricsTimeSeries"), "the SDK sends it with every job"
    plain = run(server, "no-promises")
    assert plain["SecondaryStatusTransitions"][0]["StatusMessage"] == "Preparing the instances for training"
    assert not [line for line in log_lines(server, "no-promises") if line.startswith("[platform]")]


@pytest.mark.parametrize("why", ["no-image", "no-file-name"])
def test_readers_of_a_job_that_never_began_do_not_wait(server: LocalServer, why: str) -> None:
    """smdebug's create_trial reads until it finds the mark of the job's end."""
    debugger = {name: {"S3OutputPath": f"s3://bucket/never/{name}/"} for name in ("DebugHookConfig", "ProfilerConfig")}
    request = job_request(f"never-{why}", **debugger)
    server.s3.put_object(Bucket="bucket", Key="never/data/../../out.txt", Body=b"x")
    if why == "no-image":
        request["AlgorithmSpecification"]["TrainingImage"] = "nobody/knows:1"
    else:
        source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/never/data/"}
        request["InputDataConfig"] = [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]
    server.sagemaker.create_training_job(**request)
    assert wait_for_job(server, f"never-{why}")["TrainingJobStatus"] == "Failed"
    for place in ("DebugHookConfig/never-{}/debug-output", "ProfilerConfig/never-{}/profiler-output/system"):
        key = f"never/{place.format(why)}/training_job_end.ts"
        assert float(server.s3.get_object(Bucket="bucket", Key=key)["Body"].read()) <= time.time()


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_container_reads_the_code_that_its_hyperparameters_name(server: LocalServer, quote: str) -> None:
    """The SageMaker SDK's framework estimators send every value as JSON, boto3 users as it is."""
    server.s3.put_object(Bucket="bucket", Key="code/sourcedir.tar.gz", Body=b"x" * 1234, ServerSideEncryption="aws:kms")
    values = {
        "sagemaker_submit_directory": f"{quote}s3://bucket/code/sourcedir.tar.gz{quote}",
        "read": "sagemaker_submit_directory",
    }
    debugger = {
        "DebugHookConfig": {"S3OutputPath": "s3://bucket/sdk", "CollectionConfigurations": []},
        "ProfilerConfig": {"S3OutputPath": "s3://bucket/sdk", "DisableProfiler": False},
    }
    job = run(server, f"script-{len(quote)}", HyperParameters=values, **debugger)
    assert job["TrainingJobStatus"] == "Completed" and "read 1234 bytes" in log_lines(server, f"script-{len(quote)}")


def test_an_entry_point_in_the_request_replaces_the_images_own(server: LocalServer) -> None:
    algorithm = {
        "TrainingImage": TRAIN_IMAGE,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/bin/sh", "-c", 'echo "instead $0"; echo W > $SAGEMAKER_BASE_DIR/model/w'],
        "ContainerArguments": ["hello"],
    }
    job = run(server, "own-entry", AlgorithmSpecification=algorithm)
    assert job["TrainingJobStatus"] == "Completed"
    assert log_lines(server, "own-entry") == ["instead hello"]
    assert unpack(server, job["ModelArtifacts"]["S3ModelArtifacts"]) == {"w": b"W\n"}


def test_stopping_sends_sigterm_keeps_the_model_and_ends_stopped(server: LocalServer) -> None:
    server.sagemaker.create_training_job(**job_request("stopped", HyperParameters={"wait": "60"}))
    wait_until(lambda: "started with train" in log_lines(server, "stopped"))
    server.sagemaker.stop_training_job(TrainingJobName="stopped")
    assert server.sagemaker.describe_training_job(TrainingJobName="stopped")["TrainingJobStatus"] in ("Stopping", "Stopped")
    job = wait_for_job(server, "stopped")
    assert job["TrainingJobStatus"] == "Stopped"
    assert statuses(job) == ["Starting", "Downloading", "Training", "Stopping", "Uploading", "Stopped"]
    assert unpack(server, job["ModelArtifacts"]["S3ModelArtifacts"]) == {"stopped.txt": b"saved on SIGTERM"}
    with pytest.raises(ClientError, match="rejected because the training job is in status Stopped"):
        server.sagemaker.stop_training_job(TrainingJobName="stopped")


def test_max_runtime_stops_the_job(server: LocalServer) -> None:
    job = run(server, "too-long", HyperParameters={"wait": "60"}, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert unpack(server, job["ModelArtifacts"]["S3ModelArtifacts"]) == {"stopped.txt": b"saved on SIGTERM"}


def test_checkpoints_go_up_while_it_runs_and_come_back_and_deletions_follow(server: LocalServer) -> None:
    for key in ("ck/state.json", "ck/deep/old.bin"):
        server.s3.put_object(Bucket="bucket", Key=key, Body=b'{"epoch": 5, "starts": 1}')
    algorithm = {
        "TrainingImage": TRAIN_IMAGE,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/bin/sh", "-c"],
        "ContainerArguments": [
            "cd $SAGEMAKER_BASE_DIR/checkpoints && cat state.json && rm deep/old.bin && echo new > new.bin && echo ready;"
            " while [ ! -e $SAGEMAKER_BASE_DIR/../../go ]; do sleep 0.05; done"
        ],
    }
    request = job_request("syncs", AlgorithmSpecification=algorithm, CheckpointConfig={"S3Uri": "s3://bucket/ck/"})
    server.sagemaker.create_training_job(**request)

    def keys() -> set[str]:
        return {item["Key"] for item in server.s3.list_objects_v2(Bucket="bucket", Prefix="ck/")["Contents"]}

    wait_until(lambda: keys() == {"ck/state.json", "ck/new.bin"})
    assert server.sagemaker.describe_training_job(TrainingJobName="syncs")["SecondaryStatus"] == "Training"
    (server.root / "jobs" / "syncs" / "algo-1" / "go").touch()
    assert wait_for_job(server, "syncs")["TrainingJobStatus"] == "Completed"
    assert '{"epoch": 5, "starts": 1}ready' in "".join(log_lines(server, "syncs"))


def test_an_interrupted_spot_job_goes_on_from_its_checkpoints(server: LocalServer) -> None:
    settings = {"epochs": "15", "epoch_seconds": "0.3"}  # it must not be over when its third line is seen
    request = job_request("spot", HyperParameters=settings, CheckpointConfig={"S3Uri": "s3://bucket/spot"}, **SPOT)
    arn = server.sagemaker.create_training_job(**request)["TrainingJobArn"]
    wait_until(lambda: any("epoch=3" in line for line in log_lines(server, "spot")))
    server.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "local-sagemaker:interrupt", "Value": "now"}])
    job = wait_for_job(server, "spot")
    assert job["TrainingJobStatus"] == "Completed"
    assert statuses(job) == [
        "Starting", "Downloading", "Training", "Interrupted", "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip
    state = json.loads(unpack(server, job["ModelArtifacts"]["S3ModelArtifacts"])["weights.json"])
    assert state == {"epoch": 15, "starts": 2}
    epochs = [line.split()[0] for line in log_lines(server, "spot") if line.startswith("epoch=")]
    assert epochs == [f"epoch={number}" for number in range(1, 16)]
    assert job["BillableTimeInSeconds"] <= job["TrainingTimeInSeconds"]


def test_only_a_training_spot_job_can_be_interrupted(server: LocalServer) -> None:
    arn = server.sagemaker.create_training_job(**job_request("plain", HyperParameters={"wait": "60"}))["TrainingJobArn"]
    wait_until(lambda: server.sagemaker.describe_training_job(TrainingJobName="plain")["SecondaryStatus"] == "Training")
    with pytest.raises(ClientError, match="has no EnableManagedSpotTraining"):
        server.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "local-sagemaker:interrupt", "Value": ""}])
    server.sagemaker.stop_training_job(TrainingJobName="plain")
    wait_for_job(server, "plain")


def test_hosts_are_processes_that_share_the_data_and_give_one_model(server: LocalServer) -> None:
    for number in range(4):
        server.s3.put_object(Bucket="bucket", Key=f"shards/{number}.txt", Body=str(number).encode())
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/shards/", "S3DataDistributionType": "ShardedByS3Key"}
    script = (
        'cd $SAGEMAKER_BASE_DIR; host=$(sed \'s/.*current_host": "\\([^"]*\\).*/\\1/\' input/config/resourceconfig.json);'
        " echo $MASTER_ADDR, GPUs ${CUDA_VISIBLE_DEVICES-all}; ls input/data/train > model/$host.txt; echo $host > model/same.txt"
    )
    job = run(
        server,
        "hosts",
        AlgorithmSpecification={
            "TrainingImage": TRAIN_IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/sh", "-c", script],
        },
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 10},
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
    )
    assert job["TrainingJobStatus"] == "Completed", job
    files = unpack(server, job["ModelArtifacts"]["S3ModelArtifacts"])
    assert files == {"algo-1.txt": b"0.txt\n2.txt\n", "algo-2.txt": b"1.txt\n3.txt\n", "same.txt": b"algo-1\n"}
    assert log_lines(server, "hosts", "algo-2") == ["127.0.0.1, GPUs"]


def test_two_jobs_of_one_host_get_ports_of_their_own(server: LocalServer) -> None:
    """Two trials of a script that calls init_process_group at the same time."""
    shell = {"TrainingImage": TRAIN_IMAGE, "TrainingInputMode": "File", "ContainerEntrypoint": ["/bin/sh", "-c"]}
    shell["ContainerArguments"] = ["echo $MASTER_ADDR $MASTER_PORT"]
    for name in ("port-1", "port-2"):
        assert run(server, name, AlgorithmSpecification=shell)["TrainingJobStatus"] == "Completed"
    first, second = (log_lines(server, name)[0].split() for name in ("port-1", "port-2"))
    assert first[0] == second[0] == "127.0.0.1" and first[1] != second[1]


def test_one_failing_host_ends_the_others(server: LocalServer) -> None:
    script = "grep -q 'current_host\": \"algo-2' $SAGEMAKER_BASE_DIR/input/config/resourceconfig.json && exit 9; exec sleep 100"
    started = time.monotonic()
    job = run(
        server,
        "one-host-fails",
        AlgorithmSpecification={
            "TrainingImage": TRAIN_IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["/bin/sh", "-c", script],
        },
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 10},
    )
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].endswith("exit code: 9")
    assert time.monotonic() - started < 20


def test_an_uncompressed_output_is_a_prefix(server: LocalServer) -> None:
    output = {"S3OutputPath": "s3://bucket/loose/", "CompressionType": "NONE"}
    job = run(server, "loose", OutputDataConfig=output, HyperParameters={"write": '{"model/a/b.txt": "B", "output/data/c": "C"}'})
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == "s3://bucket/loose/loose/output/model/"
    keys = [item["Key"] for item in server.s3.list_objects_v2(Bucket="bucket", Prefix="loose/")["Contents"]]
    assert keys == ["loose/loose/output/data/c", "loose/loose/output/model/a/b.txt"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 10, "MaxWaitTimeInSeconds": 20}}, "EnableManagedSpotTraining is true"),
        ({**SPOT, "StoppingCondition": {"MaxRuntimeInSeconds": 10}}, "MaxWaitTimeInSeconds is needed"),
        ({"OutputDataConfig": {"S3OutputPath": "s3://nowhere/x"}}, "'nowhere' does not exist here. `aws s3 mb s3://nowhere`"),
        ({"CheckpointConfig": {"S3Uri": "s3://bucket/c", "LocalPath": "/opt/ml/../../etc"}}, "Give a folder below /opt/ml"),
        ({"DebugRuleConfigurations": [{"RuleConfigurationName": "r", "RuleEvaluatorImage": "i"}]}, "DebugRuleConfigurations"),
        ({"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 0, "VolumeSizeInGB": 1}}, "at least 1"),
        ({"Environment": {"SAGEMAKER_BASE_DIR": "/tmp"}}, "SAGEMAKER_BASE_DIR is set by SageMaker"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(server: LocalServer, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words):
        server.sagemaker.create_training_job(**job_request("refused", **change))
    with pytest.raises(ClientError, match="Requested resource not found"):
        server.sagemaker.describe_training_job(TrainingJobName="refused")


def test_bad_channels_and_bad_regexes_are_refused(server: LocalServer) -> None:
    def channel(**source: str) -> list[dict[str, Any]]:
        return [{"ChannelName": "train", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", **source}}}]

    with pytest.raises(ClientError, match='No S3 objects found under S3 URL "s3://bucket/none/"'):
        server.sagemaker.create_training_job(**job_request("bad", InputDataConfig=channel(S3Uri="s3://bucket/none/")))
    for uri, made in (
        ("s3://bucket/none/", ""),
        ("s3://others-1/it's/", "`aws s3 mb s3://others-1` makes the bucket here, and "),
    ):
        with pytest.raises(ClientError) as refused:
            server.sagemaker.create_training_job(**job_request("bad", InputDataConfig=channel(S3Uri=uri)))
        assert str(refused.value).endswith(f". {made}`aws s3 cp FOLDER {shlex.quote(uri)} --recursive` copies a folder there.")
    with pytest.raises(ClientError, match="ManifestFile of channel 'train' is not supported"):
        inputs = channel(S3Uri="s3://bucket/none/", S3DataType="ManifestFile")
        server.sagemaker.create_training_job(**job_request("bad", InputDataConfig=inputs))
    for regex, words in (("loss=(", "is not valid"), ("loss=.*", "put the number in parentheses")):
        algorithm = {
            "TrainingImage": TRAIN_IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": regex}],
        }
        with pytest.raises(ClientError, match=words):
            server.sagemaker.create_training_job(**job_request("bad", AlgorithmSpecification=algorithm))


def test_a_key_that_would_leave_the_channel_fails_the_job(server: LocalServer) -> None:
    server.s3.put_object(Bucket="bucket", Key="evil/../../../../out.txt", Body=b"x")
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/evil/"}
    job = run(server, "evil", InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}])
    assert job["TrainingJobStatus"] == "Failed"
    assert "Data download failed:S3 key '../../../../out.txt' cannot be a file name" in job["FailureReason"]


def test_jobs_are_listed_filtered_sorted_and_paged(server: LocalServer) -> None:
    for name in ("list-c", "list-a", "list-b"):
        server.sagemaker.create_training_job(**job_request(name, HyperParameters={"exit": "1" if name == "list-b" else "0"}))
    for name in ("list-c", "list-a", "list-b"):
        wait_for_job(server, name)

    def names(**request: Any) -> list[str]:
        pages = server.sagemaker.get_paginator("list_training_jobs").paginate(NameContains="list-", **request)
        return [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]]

    assert names() == ["list-b", "list-a", "list-c"]
    assert names(SortBy="Name", SortOrder="Ascending", MaxResults=1) == ["list-a", "list-b", "list-c"]
    assert names(StatusEquals="Failed") == ["list-b"]
    assert names(SortBy="Status", SortOrder="Ascending", MaxResults=2) == ["list-a", "list-c", "list-b"]
    assert names(CreationTimeAfter=time.time() + 60) == []
    with pytest.raises(ClientError, match="NextToken is invalid"):
        server.sagemaker.list_training_jobs(NextToken="bogus")


def test_an_ended_job_can_be_deleted_and_its_name_used_again(server: LocalServer) -> None:
    run(server, "again", Tags=[{"Key": "a", "Value": "1"}])
    arn = server.sagemaker.describe_training_job(TrainingJobName="again")["TrainingJobArn"]
    assert server.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    with pytest.raises(ClientError, match="must be unique within an AWS account and region"):
        server.sagemaker.create_training_job(**job_request("again"))
    server.sagemaker.delete_training_job(TrainingJobName="again")
    with pytest.raises(ClientError, match="Could not find a resource"):
        server.sagemaker.list_tags(ResourceArn=arn)
    assert run(server, "again")["TrainingJobStatus"] == "Completed"
    server.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}, {"Key": "c", "Value": "3"}])
    server.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["b", "absent"])
    assert server.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "c", "Value": "3"}]
