"""Row 37: unsupported field, wrong type, missing member, unknown operation: an error that names it, never silence; and every
answer is what AWS's model says, enums and required members included. Walks all members of all operations served."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from local_sagemaker import services
from local_sagemaker.errors import AwsError
from local_sagemaker.protocol.patterns import compiled
from local_sagemaker.protocol.service_models import JSON_SERVICES, operation_model, service_model
from local_sagemaker.protocol.validation import check
from local_sagemaker.s3 import operations as s3
from tests.support.local_server import (
    PROCESSING_IMAGE,
    LocalServer,
    job_request,
    processing_request,
    wait_for_job,
    wait_for_processing,
)
from tests.support.transform_jobs import transform

SERVED = [(service, name) for service, operations in services.OPERATIONS.items() for name in operations]
SERVED_S3 = [("s3", name) for name in s3.OPERATIONS]
IN_JSON = [(service, name) for service, name in SERVED if service in JSON_SERVICES]
CANDIDATES = [
    "a1",
    "arn:aws:iam::000000000000:role/demo",
    "s3://bucket/x",
    "1",
    "ml.m5.large",
    "a" * 20,
    "{}",
    "/a",
    "a/b",
    "-",
    "0" * 12,
]
CANDIDATES += ["-", "0" * 12, "arn:aws:sagemaker:us-east-1:000000000000:training-plan/a"]
WRONG = {"string": 7, "boolean": "yes", "integer": "x", "long": [], "double": {}, "float": "x"} | {
    "list": {},
    "map": [],
    "structure": 5,
}
NO_VALUE = object()


def sample(shape: Shape, depth: int = 0) -> Any:
    """A value that the model takes, or NO_VALUE where none of our candidates fits its pattern."""
    if depth > 7:
        return NO_VALUE
    least = shape.metadata.get("min", 0)
    if isinstance(shape, StructureShape):
        wanted = [next(iter(shape.members))] if shape.metadata.get("union") else shape.required_members
        made = {name: sample(shape.members[name], depth + 1) for name in wanted}
        return NO_VALUE if NO_VALUE in made.values() else made
    if isinstance(shape, ListShape):
        made = sample(shape.member, depth + 1)
        return NO_VALUE if made is NO_VALUE else [made] * max(1, least)
    if isinstance(shape, MapShape):
        key, value = sample(shape.key, depth + 1), sample(shape.value, depth + 1)
        return NO_VALUE if NO_VALUE in (key, value) else {key: value}
    if shape.type_name == "string":
        return sample_text(shape)
    return {"boolean": True, "timestamp": 1.0e9, "blob": "YQ=="}.get(shape.type_name, max(1, least))


def sample_text(shape: Shape) -> Any:
    if options := shape.metadata.get("enum"):
        return options[0]
    pattern, least, most = shape.metadata.get("pattern", ".*"), shape.metadata.get("min", 0), shape.metadata.get("max", 10**6)
    fitting = [text for text in CANDIDATES if least <= len(text) <= most and compiled(pattern).fullmatch(text)]
    return fitting[0] if fitting else NO_VALUE


def members(model: OperationModel) -> Iterator[tuple[str, Shape]]:
    """Each member of a request with its dotted name, nested ones too; recursion is cut."""

    def walk(shape: Shape, path: str, depth: int) -> Iterator[tuple[str, Shape]]:
        if isinstance(shape, StructureShape):
            for name, member in shape.members.items():
                yield f"{path}.{name}" if path else name, member
                if depth < 6:
                    yield from walk(member, f"{path}.{name}" if path else name, depth + 1)
        elif isinstance(shape, ListShape):
            yield from walk(shape.member, path, depth + 1)
        elif isinstance(shape, MapShape):
            yield from walk(shape.value, path, depth + 1)

    if model.input_shape:
        yield from walk(model.input_shape, "", 0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server with a bucket."""
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    yield started
    started.stop()


@pytest.fixture(scope="module")
def post(server: LocalServer) -> Any:
    """Sends a JSON request as it is, without a client that would check it; gives status and answer."""
    session, credentials = requests.Session(), Credentials(*server._keys)

    def send(service: str, name: str, body: Any) -> tuple[int, dict[str, Any]]:
        text = json.dumps(body)
        headers = {"X-Amz-Target": f"{service_model(service).metadata['targetPrefix']}.{name}"}
        request = AWSRequest("POST", server.url + "/", headers=headers, data=text)
        SigV4Auth(credentials, service, "us-east-1").add_auth(request)
        response = session.post(server.url + "/", data=text, headers=dict(request.headers))
        return response.status_code, response.json() if response.content else {}

    yield send
    session.close()


def test_each_supported_member_exists() -> None:
    known = 0
    for service, name in SERVED + SERVED_S3:
        operations = s3.OPERATIONS if service == "s3" else services.OPERATIONS[service]
        model = operation_model(service, name)
        assert model is not None, f"AWS has no {service} {name}"
        names = {path for path, _ in members(model)}
        supported = set(operations[name].supported.split())
        assert supported <= names, f"{name}: {supported - names}"
        missing = [
            one for one in (model.input_shape.required_members if model.input_shape else ()) if not covered(one, supported)
        ]
        assert not missing, f"{name} requires {missing} and does not support it"
        known += len(supported)
    print(f"{len(SERVED + SERVED_S3)} operations support {known} members; AWS has each of them")


def covered(path: str, supported: set[str]) -> bool:
    parts = path.split(".")
    above = any(".".join(parts[:depth]) in supported for depth in range(1, len(parts) + 1))
    return above or any(one.startswith(path + ".") for one in supported)


def test_each_unsupported_member_is_refused_by_name(post: Any) -> None:
    refused, unreached = 0, []
    for service, name in IN_JSON:
        model, supported = operation_model(service, name), set(services.OPERATIONS[service][name].supported.split())
        if model.input_shape is None:
            continue
        base = sample(model.input_shape)
        for member, shape in model.input_shape.members.items():
            if covered(member, supported):
                continue
            value = sample(shape)
            if base is NO_VALUE or value is NO_VALUE or not passes(model, {**base, member: value}):
                unreached.append(f"{name}.{member}")
                continue
            status, answer = post(service, name, {**base, member: value})
            assert status == 400 and "ValidationException" in answer["__type"], (name, member, answer)
            assert member in answer["message"] and "not supported" in answer["message"], (name, member, answer)
            refused += 1
    print(f"{refused} unsupported members refused by name; {len(unreached)} not reached: {unreached}")
    assert refused > 30 and len(unreached) <= refused / 5


def passes(model: OperationModel, request: dict[str, Any]) -> bool:
    try:
        check(model.input_shape, request)
    except AwsError:
        return False
    return True


def test_each_wrong_type_missing_and_unknown_member_is_named(post: Any) -> None:
    counts = {"wrong type": 0, "missing": 0, "unknown": 0}
    for service, name in IN_JSON:
        shape = operation_model(service, name).input_shape
        for member in shape.members if shape else ():
            kind = shape.members[member].type_name
            if kind in WRONG:
                status, answer = post(service, name, {member: WRONG[kind]})
                assert status == 400 and named(member, answer), (name, member, answer)
                counts["wrong type"] += 1
        status, answer = post(service, name, {"Surprise": 1})
        assert status == 400 and named("Surprise", answer), (name, answer)
        counts["unknown"] += 1
        for member in shape.required_members if shape else ():
            status, answer = post(service, name, {})
            assert status == 400 and named(member, answer), (name, member, answer)
            counts["missing"] += 1
    print(f"each named in the error: {counts}")
    assert min(counts.values()) > 20


def named(member: str, answer: dict[str, Any]) -> bool:
    return re.search(rf"\b{re.escape(member)}\b", answer["message"], re.IGNORECASE) is not None


def test_each_operation_that_is_not_there_is_named(post: Any) -> None:
    count = 0
    for service in JSON_SERVICES:
        for name in service_model(service).operation_names:
            if name not in services.OPERATIONS.get(service, {}) and (service != "sagemaker" or count < 60):
                status, answer = post(service, name, {})
                assert status == 400 and answer["__type"] == "UnknownOperationException" and name in answer["message"], answer
                count += 1
    status, answer = post("sagemaker", "NoSuchThing", {})
    assert status == 400 and "NoSuchThing" in answer["message"]
    print(f"{count} operations refused by name")


def conforms(shape: Shape, value: Any, path: str) -> None:
    """Fails unless a parsed answer is what the model says: required members, enums, nothing unknown."""
    if isinstance(shape, StructureShape):
        assert set(value) <= set(shape.members), (path, set(value) - set(shape.members))
        missing = [name for name in shape.required_members if name not in value]
        assert not missing, f"{path} lacks {missing}"
        for name, item in value.items():
            conforms(shape.members[name], item, f"{path}.{name}")
    elif isinstance(shape, ListShape):
        for item in value:
            conforms(shape.member, item, path)
    elif isinstance(shape, MapShape):
        for item in value.values():
            conforms(shape.value, item, path)
    elif shape.type_name == "string" and isinstance(value, str) and shape.metadata.get("enum"):
        assert value in shape.metadata["enum"], f"{path}: {value!r}"


def test_answers_are_what_the_model_says(server: LocalServer) -> None:
    seen = []

    def hook(parsed: dict[str, Any], model: OperationModel, **_: Any) -> None:
        if "Error" not in parsed and model.output_shape:
            answer = {name: item for name, item in parsed.items() if name not in ("ResponseMetadata", "Body")}
            conforms(model.output_shape, answer, model.name)
            seen.append(model.name)

    clients = {name: server.client(name) for name in ("sagemaker", "s3", "iam", "sts", "logs")}
    for client in clients.values():
        client.meta.events.register("after-call", hook)
    sagemaker, logs, store, iam = clients["sagemaker"], clients["logs"], clients["s3"], clients["iam"]
    rules = [{"RuleConfigurationName": "r", "RuleEvaluatorImage": PROCESSING_IMAGE, "RuleParameters": {"message": "m"}}]
    seen_inside = {
        "DebugHookConfig": {"S3OutputPath": "s3://bucket/t"},
        "DebugRuleConfigurations": rules,
        "ProfilerConfig": {"S3OutputPath": "s3://bucket/p"},
        "ProfilerRuleConfigurations": rules,
    }
    sagemaker.create_training_job(**job_request("fidelity", HyperParameters={"say": "loss=0.5;"}, **seen_inside))
    wait_for_job(server, "fidelity")
    statuses = sagemaker.describe_training_job(TrainingJobName="fidelity")["ProfilerRuleEvaluationStatuses"]
    wait_for_processing(server, statuses[0]["RuleEvaluationJobArn"].rpartition("/")[2])
    sagemaker.describe_processing_job(ProcessingJobName=statuses[0]["RuleEvaluationJobArn"].rpartition("/")[2])
    sagemaker.create_processing_job(**processing_request("fidelity"))
    sagemaker.list_processing_jobs()
    transform(server, "fidelity", {"a": b"1"}, "(400, b'no')")
    sagemaker.describe_transform_job(TransformJobName="fidelity")
    sagemaker.list_transform_jobs()
    sagemaker.describe_training_job(TrainingJobName="fidelity")
    sagemaker.list_training_jobs()
    sagemaker.list_tags(ResourceArn=sagemaker.describe_training_job(TrainingJobName="fidelity")["TrainingJobArn"])
    stream = logs.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs")["logStreams"][0]["logStreamName"]
    logs.describe_log_groups()
    logs.get_log_events(logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=stream)
    logs.filter_log_events(logGroupName="/aws/sagemaker/TrainingJobs")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument='{"Statement": []}', Tags=[{"Key": "a", "Value": "b"}])
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument='{"Statement": []}')
    iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    for call in (iam.get_role, iam.list_role_policies, iam.list_attached_role_policies):
        call(RoleName="r")
    iam.list_roles()
    iam.get_role_policy(RoleName="r", PolicyName="p")
    clients["sts"].get_caller_identity()
    store.put_object(Bucket="bucket", Key="k", Body=b"1", Tagging="a=b")
    for call in (store.get_object, store.head_object, store.get_object_tagging):
        call(Bucket="bucket", Key="k")
    for call in (store.list_objects, store.list_objects_v2, store.head_bucket, store.get_bucket_location):
        call(Bucket="bucket")
    store.list_buckets()
    store.copy_object(Bucket="bucket", Key="c", CopySource="bucket/k")
    store.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "c"}]})
    upload = store.create_multipart_upload(Bucket="bucket", Key="m")["UploadId"]
    store.upload_part(Bucket="bucket", Key="m", UploadId=upload, PartNumber=1, Body=b"1")
    store.list_parts(Bucket="bucket", Key="m", UploadId=upload)
    store.list_multipart_uploads(Bucket="bucket")
    store.abort_multipart_upload(Bucket="bucket", Key="m", UploadId=upload)
    with pytest.raises(ClientError):
        sagemaker.describe_training_job(TrainingJobName="none")
    print(f"{len(seen)} answers of {len(set(seen))} operations conform to the model")
    assert len(set(seen)) > 25
