"""Row 54: what a container can do with the key that it gets: its job's work, and nothing with what is another's."""

import io
import json
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local_sagemaker.storage.store import Store
from tests.support.local_server import (
    PROCESSING_IMAGE,
    ROLE,
    TRAIN_IMAGE,
    LocalServer,
    ask,
    job_request,
    make_endpoint,
    processing_request,
    wait_for_job,
    wait_for_processing,
    wait_until,
)

pytestmark = pytest.mark.timeout(240)
DENIED = ("AccessDenied", "AccessDeniedException", "403")
Call = Callable[[], Any]


class Holder:
    """What a program in a container can do: boto3 with the container's own environment, or with less."""

    def __init__(self, server: LocalServer, environment: dict[str, str]) -> None:
        self.server = server
        self.environment = environment
        self.key = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=self.environment["AWS_DEFAULT_REGION"],
            endpoint_url=self.server.url,
            aws_access_key_id=self.key[0],
            aws_secret_access_key=self.key[1],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def read(self, key: str) -> bytes:
        return self.client("s3").get_object(Bucket="bucket", Key=key)["Body"].read()

    def listed(self, prefix: str) -> list[str]:
        found = self.client("s3").list_objects_v2(Bucket="bucket", Prefix=prefix).get("Contents", [])
        return [item["Key"] for item in found]


def code_of(call: Call) -> str:
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "done"


def environment_of(server: LocalServer, path: str) -> dict[str, str]:
    """What a container wrote of its environment below its folder. The server's own file is read: it is not in S3 yet."""
    file = server.root / path

    def written() -> dict[str, str] | None:
        try:
            found = json.loads(file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return found.get("environment", found)

    return wait_until(written, 30)


def channel(name: str, uri: str) -> dict[str, Any]:
    return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}


def start_training(server: LocalServer, name: str, **change: Any) -> Holder:
    settings = {"copy_to_model": "yes", "wait": "600", "sagemaker_submit_directory": '"s3://bucket/code/source.tar.gz"'}
    hook = {"S3OutputPath": "s3://bucket/tensors", "CollectionConfigurations": []}
    request = job_request(
        name,
        HyperParameters=settings,
        InputDataConfig=[channel("train", "s3://bucket/data/train/")],
        CheckpointConfig={"S3Uri": f"s3://bucket/checkpoints/{name}"},
        DebugHookConfig=hook,
        StoppingCondition={"MaxRuntimeInSeconds": 600},
        **change,
    )
    server.sagemaker.create_training_job(**request)
    return Holder(server, environment_of(server, f"jobs/{name}/algo-1/opt/ml/model/environment.json"))


def start_processing(server: LocalServer, name: str) -> Holder:
    source = {"S3Uri": "s3://bucket/data/train/", "LocalPath": "/opt/ml/processing/input/data", "S3DataType": "S3Prefix"}
    output = {"S3Uri": f"s3://bucket/processed/{name}", "LocalPath": "/opt/ml/processing/output/done", "S3UploadMode": "EndOfJob"}
    request = processing_request(
        name,
        {"copy": "yes", "wait": "600"},
        ProcessingInputs=[{"InputName": "data", "S3Input": source | {"S3InputMode": "File"}}],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "done", "S3Output": output}]},
    )
    server.sagemaker.create_processing_job(**request)
    return Holder(server, environment_of(server, f"processing/{name}/algo-1/opt/ml/processing/output/copy/about.json"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server with data of a job, and what is nobody's business."""
    started = LocalServer(tmp_path_factory.mktemp("root"))
    started.s3.create_bucket(Bucket="bucket")
    started.s3.create_bucket(Bucket="private")
    started.s3.put_object(Bucket="private", Key="secret", Body=b"secret")
    for key in ("data/train/a", "data/training-secret", "code/source.tar.gz", "secret", "out/hold-other/model", "checkpoints/x"):
        started.s3.put_object(Bucket="bucket", Key=key, Body=key.encode())
    yield started
    started.stop()


@pytest.fixture(scope="module")
def holders(server: LocalServer) -> dict[str, Holder]:
    """A container of each kind that lives, and its key."""
    rule = {"RuleConfigurationName": "watch", "RuleEvaluatorImage": PROCESSING_IMAGE}
    rule["RuleParameters"] = {"copy": "yes", "wait": "600"}
    training = start_training(server, "hold", DebugRuleConfigurations=[rule])
    [status] = server.sagemaker.describe_training_job(TrainingJobName="hold")["DebugRuleEvaluationStatuses"]
    evaluation = status["RuleEvaluationJobArn"].rpartition("/")[2]
    place = f"processing/{evaluation}/algo-1/opt/ml/processing/output/copy/about.json"
    processing = start_processing(server, "hold-processing")
    assert make_endpoint(server, "hold-endpoint")["EndpointStatus"] == "InService"
    serving = Holder(server, json.loads(ask(server, "hold-endpoint", "environment")))
    return {
        "training": training,
        "rule": Holder(server, environment_of(server, place) | {"job": evaluation}),
        "processing": processing,
        "serving": serving,
    }


def test_every_container_has_a_key_of_its_own(server: LocalServer, holders: dict[str, Holder]) -> None:
    keys = {holder.key for holder in holders.values()}
    assert len(keys) == len(holders) and not keys & {server._keys}
    for holder in holders.values():
        assert server._keys[1] not in json.dumps(holder.environment)
        identity = holder.client("sts").get_caller_identity()
        assert identity["Arn"] == "arn:aws:sts::000000000000:assumed-role/demo/SageMaker"
    assert server.client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:user/local"
    kept = b"".join(path.read_bytes() for path in server.files("state.db*"))
    assert b"ASIA" in kept and not [key for key in keys if key[1].encode() in kept], "a secret is written down"
    print(f"{len(keys)} containers, {len(keys)} keys, none of them the root's, no secret on the disk")


def test_a_job_does_its_work(server: LocalServer, holders: dict[str, Holder]) -> None:
    training, rule, processing, serving = (holders[name] for name in ("training", "rule", "processing", "serving"))
    assert training.read("data/train/a") == b"data/train/a" and training.listed("data/train/") == ["data/train/a"]
    assert training.read("code/source.tar.gz") == b"code/source.tar.gz"
    for place in ("out/hold/extra", "checkpoints/hold/1", "tensors/hold/debug-output/mine"):
        training.client("s3").put_object(Bucket="bucket", Key=place, Body=b"mine")
        assert training.read(place) == b"mine"
    upload = training.client("s3").create_multipart_upload(Bucket="bucket", Key="out/hold/parts")["UploadId"]
    where = {"Bucket": "bucket", "Key": "out/hold/parts", "UploadId": upload}
    source = {"Bucket": "bucket", "Key": "data/train/a"}
    part = training.client("s3").upload_part_copy(**where, PartNumber=1, CopySource=source)["CopyPartResult"]["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    training.client("s3").complete_multipart_upload(**where, MultipartUpload=parts)
    assert training.read("out/hold/parts") == b"data/train/a"
    training.client("s3").delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "out/hold/parts"}]})
    assert training.client("sagemaker").describe_training_job(TrainingJobName="hold")["TrainingJobName"] == "hold"
    logs = training.client("logs")
    own = {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": "hold/mine"}
    logs.create_log_stream(**own)
    logs.put_log_events(**own, logEvents=[{"timestamp": 1, "message": "from inside"}])
    assert logs.get_log_events(**own, startFromHead=True)["events"][0]["message"] == "from inside"

    assert rule.listed("tensors/hold/debug-output/") == ["tensors/hold/debug-output/mine"]
    rule.client("s3").put_object(Bucket="bucket", Key="tensors/hold/rule-output/watch/found", Body=b"x")
    names = [job["TrainingJobName"] for job in rule.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]]
    assert "hold" in names and rule.client("sagemaker").describe_training_job(TrainingJobName="hold")
    assert rule.client("sagemaker").describe_processing_job(ProcessingJobName=rule.environment["job"])

    assert processing.read("data/train/a") == b"data/train/a"
    processing.client("s3").put_object(Bucket="bucket", Key="processed/hold-processing/more", Body=b"x")
    assert processing.client("sagemaker").describe_processing_job(ProcessingJobName="hold-processing")
    assert serving.read("models/hold-endpoint.tar.gz")
    assert serving.client("sagemaker").describe_endpoint(EndpointName="hold-endpoint")
    assert all(holder.client("s3").head_bucket(Bucket="bucket") for holder in holders.values())


def hostile(holder: Holder, mark: Path) -> dict[str, Call]:
    """What a program that was taken over may try, by what it is."""
    sagemaker, s3, iam = holder.client("sagemaker"), holder.client("s3"), holder.client("iam")
    ecr, logs, runtime = holder.client("ecr"), holder.client("logs"), holder.client("sagemaker-runtime")
    evil = job_request("evil")
    evil["AlgorithmSpecification"] = {
        "TrainingImage": TRAIN_IMAGE,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/bin/sh", "-c", f"touch {mark}"],
    }
    processing = processing_request("evil")
    processing["AppSpecification"]["ContainerEntrypoint"] = ["/bin/sh", "-c", f"touch {mark}"]
    variant = {"VariantName": "a", "ModelName": "hold-endpoint", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    container = {"Image": "test-serve:1", "ModelDataUrl": "s3://bucket/secret"}
    in_bucket = {"Bucket": "bucket"}
    secret = {"Bucket": "bucket", "Key": "secret"}
    outputs = ("out/hold/stolen", "processed/hold-processing/stolen", "tensors/hold/rule-output/watch/stolen")
    trust = json.dumps({"Statement": []})
    group = "/aws/sagemaker/TrainingJobs"
    return {
        "run a command": lambda: sagemaker.create_training_job(**evil),
        "run a command as a processing job": lambda: sagemaker.create_processing_job(**processing),
        "make a model of any object": lambda: sagemaker.create_model(
            ModelName="evil", PrimaryContainer=container, ExecutionRoleArn=ROLE
        ),
        "make a configuration": lambda: sagemaker.create_endpoint_config(EndpointConfigName="evil", ProductionVariants=[variant]),
        "make an endpoint": lambda: sagemaker.create_endpoint(EndpointName="evil", EndpointConfigName="hold-endpoint"),
        "update an endpoint": lambda: sagemaker.update_endpoint(EndpointName="hold-endpoint", EndpointConfigName="hold-endpoint"),
        "delete an endpoint": lambda: sagemaker.delete_endpoint(EndpointName="hold-endpoint"),
        "add a rule": lambda: sagemaker.update_training_job(TrainingJobName="hold", ProfilerRuleConfigurations=[]),
        "stop another's job": lambda: sagemaker.stop_training_job(TrainingJobName="other"),
        "stop a processing job": lambda: sagemaker.stop_processing_job(ProcessingJobName="hold-processing"),
        "look at another's job": lambda: sagemaker.describe_training_job(TrainingJobName="other"),
        "list models": sagemaker.list_models,
        "tag its job": lambda: sagemaker.add_tags(
            ResourceArn="arn:aws:sagemaker:us-east-1:000000000000:training-job/hold",
            Tags=[{"Key": "local-sagemaker:interrupt", "Value": ""}],
        ),
        "ask another's endpoint": lambda: runtime.invoke_endpoint(EndpointName="hold-endpoint", Body=b"die"),
        "make a role": lambda: iam.create_role(RoleName="evil", AssumeRolePolicyDocument=trust),
        "give its role a policy": lambda: iam.put_role_policy(RoleName="demo", PolicyName="all", PolicyDocument=trust),
        "log in to the registry": ecr.get_authorization_token,
        "make a repository": lambda: ecr.create_repository(repositoryName="evil"),
        "read a secret": lambda: s3.get_object(**secret),
        "look at a secret": lambda: s3.head_object(**secret),
        "read of another bucket": lambda: s3.get_object(Bucket="private", Key="secret"),
        "read what only begins like its data": lambda: s3.get_object(Bucket="bucket", Key="data/training-secret"),
        "list everything": lambda: s3.list_objects_v2(**in_bucket),
        "list what begins like its data": lambda: s3.list_objects_v2(**in_bucket, Prefix="data/train"),
        "list with version 1": lambda: s3.list_objects(**in_bucket, Prefix=""),
        "list another bucket": lambda: s3.list_objects_v2(Bucket="private"),
        "list buckets": s3.list_buckets,
        "list uploads": lambda: s3.list_multipart_uploads(**in_bucket),
        "make a bucket": lambda: s3.create_bucket(Bucket="evil-bucket"),
        "delete a bucket": lambda: s3.delete_bucket(Bucket="private"),
        "change its input": lambda: s3.put_object(Bucket="bucket", Key="data/train/a", Body=b"evil"),
        "delete its input": lambda: s3.delete_object(Bucket="bucket", Key="data/train/a"),
        "tag its input": lambda: s3.put_object_tagging(Bucket="bucket", Key="data/train/a", Tagging={"TagSet": []}),
        "change another's output": lambda: s3.put_object(Bucket="bucket", Key="out/hold-other/model", Body=b"evil"),
        "write beside its folders": lambda: s3.put_object(Bucket="bucket", Key="out/hold", Body=b"evil"),
        "delete among its own": lambda: s3.delete_objects(
            Bucket="bucket", Delete={"Objects": [{"Key": outputs[0]}, {"Key": "secret"}]}
        ),
        "start an upload elsewhere": lambda: s3.create_multipart_upload(Bucket="bucket", Key="checkpoints/x"),
        **{
            f"copy a secret to {key}": lambda key=key: s3.copy_object(Bucket="bucket", Key=key, CopySource=secret)
            for key in outputs
        },
        "read another's log": lambda: logs.get_log_events(logGroupName=group, logStreamName="other/algo-1-1"),
        "read a log by its ARN": lambda: logs.get_log_events(logGroupIdentifier=group, logStreamName="hold/mine"),
        "search all logs": lambda: logs.filter_log_events(logGroupName=group),
        "write in another's log": lambda: logs.put_log_events(
            logGroupName=group, logStreamName="other/a", logEvents=[{"timestamp": 1, "message": "forged"}]
        ),
        "delete a log": lambda: logs.delete_log_group(logGroupName=group),
    }


@pytest.mark.parametrize("kind", ["training", "rule", "processing", "serving"])
def test_nothing_else_is_done(server: LocalServer, holders: dict[str, Holder], kind: str, tmp_path: Path) -> None:
    before = state(server)
    tried = hostile(holders[kind], tmp_path / "mark")
    codes = {what: code_of(call) for what, call in tried.items()}
    assert not {what: code for what, code in codes.items() if code not in DENIED}
    assert state(server) == before and not (tmp_path / "mark").exists()
    print(f"{kind}: {len(tried)} hostile calls, all denied")


def state(server: LocalServer) -> dict[str, Any]:
    """What an owner sees, without what changes by itself."""
    sagemaker = server.sagemaker
    endpoint = sagemaker.describe_endpoint(EndpointName="hold-endpoint")
    return {
        "objects": {
            bucket: [(item["Key"], item["ETag"]) for item in server.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
            for bucket in (one["Name"] for one in server.s3.list_buckets()["Buckets"])
        },
        "jobs": sorted(job["TrainingJobName"] for job in sagemaker.list_training_jobs()["TrainingJobSummaries"]),
        "processing": sorted(job["ProcessingJobName"] for job in sagemaker.list_processing_jobs()["ProcessingJobSummaries"]),
        "endpoint": (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]),
        "models": [model["ModelName"] for model in sagemaker.list_models()["Models"]],
        "roles": server.client("iam").list_roles()["Roles"],
        "repositories": server.ecr.describe_repositories()["repositories"],
    }


def test_a_url_that_a_container_signs_is_worth_no_more_than_its_key(holders: dict[str, Holder]) -> None:
    s3 = holders["training"].client("s3")
    own = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "data/train/a"})
    with urllib.request.urlopen(own) as response:
        assert response.read() == b"data/train/a"
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "secret"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    assert caught.value.code == 403


def test_it_is_told_in_the_words_of_aws(holders: dict[str, Holder]) -> None:
    who = "User: arn:aws:sts::000000000000:assumed-role/demo/SageMaker is not authorized to perform: "
    s3, sagemaker = holders["rule"].client("s3"), holders["rule"].client("sagemaker")
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket="bucket", Key="secret")
    error = caught.value.response["Error"]
    why = "because no identity-based policy allows the s3:GetObject action"
    assert error["Code"] == "AccessDenied"
    assert error["Message"] == f"{who}s3:GetObject on resource: arn:aws:s3:::bucket/secret {why}"
    with pytest.raises(ClientError) as caught:
        sagemaker.create_training_job(**job_request("evil"))
    error = caught.value.response["Error"]
    resource = "arn:aws:sagemaker:us-east-1:000000000000:training-job/evil"
    assert error["Code"] == "AccessDeniedException"
    assert error["Message"].startswith(f"{who}sagemaker:CreateTrainingJob on resource: {resource} because")


def test_a_key_ends_with_its_job_and_lives_over_a_restart(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "root")
    try:
        server.s3.create_bucket(Bucket="bucket")
        for key in ("data/train/a", "code/source.tar.gz"):
            server.s3.put_object(Bucket="bucket", Key=key, Body=b"x")
        with ThreadPoolExecutor() as pool:
            training = pool.submit(start_training, server, "lives")
            processing = pool.submit(start_processing, server, "lives-too")
            ends = pool.submit(start_processing, server, "ends")
        assert make_endpoint(server, "served")["EndpointStatus"] == "InService"
        serving = Holder(server, json.loads(ask(server, "served", "environment")))
        living = {"training": training.result(), "processing": processing.result(), "serving": serving}
        keys = {"training": "data/train/a", "processing": "data/train/a", "serving": "models/served.tar.gz"}
        server.sagemaker.stop_processing_job(ProcessingJobName="ends")
        wait_for_processing(server, "ends")
        assert code_of(lambda: ends.result().read("data/train/a")) == "InvalidAccessKeyId"

        server.kill()
        server.start()
        for name, holder in living.items():
            assert holder.read(keys[name]), name
            assert code_of(lambda holder=holder: holder.listed("")) in DENIED
        server.sagemaker.stop_training_job(TrainingJobName="lives")
        server.sagemaker.delete_endpoint(EndpointName="served")
        wait_for_job(server, "lives")
        wait_until(lambda: not server.sagemaker.list_endpoints()["Endpoints"])
        for name in ("training", "serving"):
            assert code_of(lambda name=name: living[name].read(keys[name])) == "InvalidAccessKeyId", name

        server.kill()
        store = Store(server.root)  # the job ended, and the server had no time to end its key
        store.update("processing-job", "lives-too", lambda record: record | {"status": "Failed"})
        store.close()
        server.start()
        assert code_of(lambda: living["processing"].read("data/train/a")) == "InvalidAccessKeyId"
        print("3 keys held over a restart, 4 ended with their job, endpoint, or at the next start")
    finally:
        server.stop()


def test_an_isolated_container_has_no_key(server: LocalServer) -> None:
    settings = {"copy_to_model": "yes"}
    server.sagemaker.create_training_job(**job_request("alone", HyperParameters=settings, EnableNetworkIsolation=True))
    wait_for_job(server, "alone")
    environment = environment_of_model(server, "alone")
    assert not [name for name in environment if name.startswith("AWS_") and name != "AWS_REGION"]


def environment_of_model(server: LocalServer, job: str) -> dict[str, str]:
    uri = server.sagemaker.describe_training_job(TrainingJobName=job)["ModelArtifacts"]["S3ModelArtifacts"]
    body = server.s3.get_object(Bucket="bucket", Key=uri.removeprefix("s3://bucket/"))["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return json.loads(archive.extractfile("environment.json").read())
