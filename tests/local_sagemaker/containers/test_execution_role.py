"""What a request lets its container read and write; what is done with that is tried by row 54's test."""

from typing import Any

import pytest

from local_sagemaker.caller import Permissions
from local_sagemaker.containers import execution_role
from local_sagemaker.protocol import authorization
from local_sagemaker.s3 import operations as s3
from local_sagemaker.s3 import permissions as s3_permissions
from tests.support.local_server import job_request, processing_request


def training(**change: Any) -> Permissions:
    return execution_role.of_training_job(job_request("job", **change))


def test_a_training_job_writes_where_its_outputs_go_and_reads_its_channels() -> None:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://data/set/train"}
    found = training(
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        CheckpointConfig={"S3Uri": "s3://bucket/saved/job"},
        DebugHookConfig={"S3OutputPath": "s3://bucket/tensors/"},
        TensorBoardOutputConfig={"S3OutputPath": "s3://bucket/board"},
        ProfilerConfig={"ProfilingIntervalInMilliseconds": 500},
    )
    assert found.reads == ("data/set/train",) and found.objects == ()
    assert set(found.writes) == {
        "bucket/out/job/",
        "bucket/saved/job/",
        "bucket/tensors/job/debug-output/",
        "bucket/board/job/tensorboard-output/",
        "bucket/out/job/profiler-output/",
    }
    assert (found.log_group, found.log_streams) == ("/aws/sagemaker/TrainingJobs", "job/")
    assert found.calls == {"DescribeTrainingJob": "job"}


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ('"s3://bucket/code/source.tar.gz"', ["bucket/code/source.tar.gz"]),
        ("s3://bucket/a, s3://other/b/", ["bucket/a", "other/b/"]),
        ('["s3://bucket/a","s3://bucket/b"]', ["bucket/a", "bucket/b"]),
        ("s3://bucket", []),
        ("s3://bucket/", []),
        ("s3://bucket//", []),
        ("S3://bucket/a", []),
        ("s3:///a", []),
    ],
)
def test_what_the_request_names_may_be_read(text: str, objects: list[str]) -> None:
    for found in (
        training(HyperParameters={"a": text}),
        training(Environment={"A": text}),
        execution_role.of_processing_job(processing_request("p", {"A": text}), ""),
        execution_role.of_instance("/logs/e", "v/i-1", {}, {"Environment": {"A": text}}, None),
    ):
        assert list(found.objects) == objects
        assert list(found.reads) == [f"{one.rstrip('/')}/" for one in objects]
        assert not any(found.may_read(place) or found.may_list(place) for place in ("bucket/", "bucket/x", "other/"))


def test_arguments_name_objects_too() -> None:
    algorithm = {"TrainingImage": "i", "TrainingInputMode": "File", "ContainerArguments": ["--weights", "s3://bucket/w.pt"]}
    assert training(AlgorithmSpecification=algorithm).objects == ("bucket/w.pt",)


def test_an_evaluator_may_stop_its_own_training_job_and_another_processing_job_none() -> None:
    request = processing_request("p")
    assert execution_role.of_processing_job(request, "").calls == {"DescribeProcessingJob": "p"}
    calls = execution_role.of_processing_job(request, "job").calls
    assert calls == {
        "DescribeProcessingJob": "p",
        "DescribeTrainingJob": "job",
        "StopTrainingJob": "job",
        "ListTrainingJobs": "",
    }


@pytest.mark.parametrize(
    ("model", "read", "not_read"),
    [
        (("bucket", "m/model.tar.gz", True), "bucket/m/model.tar.gz", "bucket/m/model.tar.gz2"),
        (("bucket", "m/", False), "bucket/m/weights", "bucket/m2"),
        (None, "", "bucket/m"),
    ],
)
def test_an_instance_reads_its_model_and_writes_nothing(model: tuple[str, str, bool] | None, read: str, not_read: str) -> None:
    found = execution_role.of_instance("/logs/e", "v/i-1", {"DescribeEndpoint": "e"}, {}, model)
    assert found.writes == () and not found.may_read(not_read)
    assert not read or found.may_read(read)
    assert (found.log_group, found.log_streams, found.calls) == ("/logs/e", "v/i-1", {"DescribeEndpoint": "e"})


def test_every_operation_of_s3_that_is_not_named_is_the_owners_alone() -> None:
    named = {*s3_permissions._READS, *s3_permissions._WRITES, *s3_permissions._LISTS, *s3_permissions._BUCKETS, "DeleteObjects"}
    assert named <= set(s3.OPERATIONS)
    owners = {"CreateBucket", "DeleteBucket", "ListBuckets", "ListMultipartUploads"}
    assert owners <= set(s3.OPERATIONS) - named
    everything = Permissions(reads=("bucket/",), writes=("bucket/",))
    for name in set(s3.OPERATIONS) - named:
        assert [allowed for _, _, allowed in s3_permissions._needs(everything, name, {"Bucket": "bucket"})] == [False]
    assert not {"ecr", "iam", "application-autoscaling", "sagemaker-runtime", "s3"} & authorization._ALLOWED.keys()
