"""Requests against the models: AWS's words for what is wrong; patterns.py and dispatch.py with it."""

import json
import time

import pytest

from local_sagemaker.errors import AwsError
from local_sagemaker.protocol import patterns
from local_sagemaker.protocol.operation import Operation, leaves
from local_sagemaker.protocol.service_models import JSON_SERVICES, QUERY_SERVICES, REST_SERVICES, operation_model, service_model
from local_sagemaker.protocol.validation import check

CREATE = operation_model("sagemaker", "CreateTrainingJob").input_shape
MINIMAL = {
    "TrainingJobName": "job",
    "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": "image"},
    "RoleArn": "arn:aws:iam::000000000000:role/demo",
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}


def refusal(**change: object) -> AwsError:
    with pytest.raises(AwsError) as caught:
        check(CREATE, {**MINIMAL, **change})
    return caught.value


def test_a_right_request_passes_unchanged() -> None:
    assert check(CREATE, MINIMAL) == MINIMAL


def test_a_bad_name_is_refused_in_aws_words() -> None:
    assert refusal(TrainingJobName="../../x").message == (
        "1 validation error detected: Value '../../x' at 'trainingJobName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    )


@pytest.mark.parametrize("name", ["a\n", "\na", "a" * 64, "-a", "a-", "a_b", "", "a/b", "ä", "a\x00"])
def test_names_that_only_look_right_are_refused(name: str) -> None:
    assert refusal(TrainingJobName=name).code == "ValidationException"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"RoleArn": None}, "Value null at 'roleArn' failed to satisfy constraint: Member must not be null"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 0}}, "'stoppingCondition.maxRuntimeInSeconds' failed to satisfy constraint: Member must have value greater than or equal to 1"),  # noqa: E501
        ({"AlgorithmSpecification": {"TrainingInputMode": "Tape"}}, "'algorithmSpecification.trainingInputMode' failed to satisfy constraint: Member must satisfy enum value set: [Pipe, File, FastFile]"),  # noqa: E501
        ({"HyperParameters": {"k": "v" * 2501}}, "at 'hyperParameters' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 2500]"),  # noqa: E501
        ({"HyperParameters": {"k" * 257: "v"}}, "Map keys must satisfy constraint: [Member must have length less than or equal to 256]"),  # noqa: E501
        ({"HyperParameters": {str(n): "" for n in range(101)}}, "at 'hyperParameters' failed to satisfy constraint: Member must have length less than or equal to 100"),  # noqa: E501
        ({"InputDataConfig": [{"ChannelName": "a"}]}, "Value null at 'inputDataConfig.1.member.dataSource' failed to satisfy constraint: Member must not be null"),  # noqa: E501
        ({"Surprise": 1}, "Unknown member at 'Surprise'"),
        ({"ResourceConfig": {"Nested": 1, **MINIMAL["ResourceConfig"]}}, "Unknown member at 'resourceConfig.Nested'"),
    ],
)  # fmt: skip
def test_each_constraint_has_its_words(change: dict, words: str) -> None:
    error = refusal(**change)
    assert error.code == "ValidationException" and words in error.message


def test_every_problem_is_told_at_once() -> None:
    message = refusal(TrainingJobName="-", RoleArn=None, Surprise=1).message
    assert message.startswith("3 validation errors detected: ") and message.count("; ") == 2


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"TrainingJobName": 7}, "trainingJobName"),
        ({"TrainingJobName": ["a"]}, "trainingJobName"),
        ({"HyperParameters": []}, "hyperParameters"),
        ({"HyperParameters": {"a": 1}}, "hyperParameters"),
        ({"EnableNetworkIsolation": "yes"}, "enableNetworkIsolation"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": True}}, "maxRuntimeInSeconds"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 2**40}}, "maxRuntimeInSeconds"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 1.5}}, "maxRuntimeInSeconds"),
        ({"StoppingCondition": 5}, "stoppingCondition"),
        ({"InputDataConfig": {}}, "inputDataConfig"),
    ],
)
def test_a_wrong_type_is_a_serialization_error_that_names_the_member(change: dict, where: str) -> None:
    error = refusal(**change)
    assert error.code == "SerializationException" and where in error.message


def test_an_error_is_one_line_however_wild_the_value() -> None:
    message = refusal(TrainingJobName="x\r\n\x1b[31m\ud800" + "y" * 100_000).message
    assert message.isprintable() and len(message) < 1000
    json.dumps(message).encode()


def test_a_long_value_does_not_stall_a_pattern() -> None:
    began = time.monotonic()
    refusal(TrainingJobName="a-" * 5_000_000, OutputDataConfig={"S3OutputPath": "s3://" + "/" * 90_000})
    assert time.monotonic() - began < 2


def test_every_pattern_of_every_model_is_understood() -> None:
    seen = 0
    for service in (*JSON_SERVICES, *QUERY_SERVICES, *REST_SERVICES):
        model = service_model(service)
        for name in model.shape_names:
            if pattern := model.shape_for(name).metadata.get("pattern"):
                patterns.compiled(pattern)
                seen += 1
    assert seen > 600
    assert patterns.compiled(r"[\p{L}\p{N}_-]+").fullmatch("aÉ9_-") and not patterns.compiled(r"\p{L}+").fullmatch("a9")
    assert not patterns.compiled(r"\w+").fullmatch("é"), "Java's classes are ASCII"


def test_a_member_that_an_operation_does_not_act_on_is_refused_by_name() -> None:
    operation = Operation(
        lambda context, request: {}, "TrainingJobName ResourceConfig.InstanceType InputDataConfig.ChannelName Tags"
    )
    accepted = {
        "TrainingJobName": "a",
        "ResourceConfig": {"InstanceType": "x"},
        "InputDataConfig": [{"ChannelName": "a"}, {"ChannelName": "b"}],
        "Tags": [{"Key": "k", "Value": "v"}],
    }
    operation.refuse_unsupported("CreateTrainingJob", CREATE, accepted)
    operation.refuse_unsupported("CreateTrainingJob", CREATE, {"ResourceConfig": {}})
    for refused, name in [
        ({"RoleArn": "r"}, "RoleArn"),
        ({"ResourceConfig": {"InstanceType": "x", "InstanceCount": 0}}, "ResourceConfig.InstanceCount"),
        ({"InputDataConfig": [{"ChannelName": "a"}, {"ShuffleConfig": {"Seed": 1}}]}, "InputDataConfig.ShuffleConfig.Seed"),
        ({"VpcConfig": {}}, "VpcConfig"),
        ({"EnableNetworkIsolation": False}, "EnableNetworkIsolation"),
    ]:
        with pytest.raises(AwsError, match=f"{name} is not supported by CreateTrainingJob"):
            operation.refuse_unsupported("CreateTrainingJob", CREATE, refused)
    assert sorted(leaves(CREATE, accepted)) == [
        "InputDataConfig.ChannelName", "InputDataConfig.ChannelName", "ResourceConfig.InstanceType", "Tags.Key", "Tags.Value",
        "TrainingJobName",
    ]  # fmt: skip


def tags(count: int) -> list[dict[str, str]]:
    return [{"Key": str(number), "Value": ""} for number in range(count)]


def resources(**change: object) -> dict:
    return {"ResourceConfig": {**MINIMAL["ResourceConfig"], **change}}


@pytest.mark.parametrize(
    ("last", "beyond"),
    [
        ({"TrainingJobName": "a" * 63}, {"TrainingJobName": "a" * 64}),
        ({"HyperParameters": {"k" * 256: "v" * 2500}}, {"HyperParameters": {"k": "v" * 2501}}),
        ({"HyperParameters": {str(n): "" for n in range(100)}}, {"HyperParameters": {str(n): "" for n in range(101)}}),
        ({"RetryStrategy": {"MaximumRetryAttempts": 30}}, {"RetryStrategy": {"MaximumRetryAttempts": 31}}),
        ({"RetryStrategy": {"MaximumRetryAttempts": 1}}, {"RetryStrategy": {"MaximumRetryAttempts": 0}}),
        (resources(VolumeSizeInGB=2**31 - 1), resources(VolumeSizeInGB=2**31)),
        (resources(VolumeSizeInGB=1), resources(VolumeSizeInGB=-(2**31))),
        ({"Tags": tags(50)}, {"Tags": tags(51)}),
        ({"Tags": [{"Key": "k" * 128, "Value": ""}]}, {"Tags": [{"Key": "", "Value": ""}]}),
    ],
)  # fmt: skip
def test_a_limit_of_the_model_itself_is_taken_and_one_more_is_not(last: dict, beyond: dict) -> None:
    assert check(CREATE, {**MINIMAL, **last}) == {**MINIMAL, **last}
    refusal(**beyond)
