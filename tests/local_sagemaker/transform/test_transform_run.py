"""Transform jobs run for real: what the container is sent, what is stored, how a job ends. Also of
local_sagemaker.transform.operations, local_sagemaker.transform.transform_state, local_sagemaker.transform.running_transforms,
local_sagemaker.transform.request_loop, local_sagemaker.transform.object_transform, local_sagemaker.transform.input_objects,
and local_sagemaker.transform.container_requests."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.local_server import ROLE, LocalServer, put_model, wait_until
from tests.support.transform_jobs import (
    GROUP,
    make_model,
    outputs,
    put_inputs,
    request_of,
    requests,
    said,
    transform,
    wait_for_transform,
)

MEGABYTE = 1 << 20


def test_every_object_is_sent_whole_and_its_answer_stored_below_the_output_path(server: LocalServer) -> None:
    inputs = {"a.txt": b"one", "deep/b.txt": b"two\nlines", "empty": b"", "folder/": b""}
    tags = [{"Key": "a", "Value": "1"}]
    job = transform(server, "whole", inputs, "body.upper()", ContentType="text/plain", Accept="text/x", Tags=tags)
    assert job["TransformJobStatus"] == "Completed" and "FailureReason" not in job
    assert outputs(server, "whole") == {"a.txt.out": b"ONE", "deep/b.txt.out": b"TWO\nLINES", "empty.out": b""}
    sent = requests(server, "whole")
    assert [one["body"] for one in sent] == ["one", "two\nlines", ""]
    assert all((one["headers"]["content-type"], one["headers"]["accept"]) == ("text/plain", "text/x") for one in sent)
    assert job["TransformStartTime"] <= job["TransformEndTime"] and job["ModelName"] == "whole"
    assert job["TransformInput"]["SplitType"] == job["TransformInput"]["CompressionType"] == "None"
    assert job["TransformOutput"]["AssembleWith"] == "None" and job["DataProcessing"]["InputFilter"] == "$"
    assert server.sagemaker.list_tags(ResourceArn=job["TransformJobArn"])["Tags"] == tags
    wait_until(lambda: not (server.root / "transform" / "whole").exists())


def test_what_the_request_does_not_say_is_not_sent(server: LocalServer) -> None:
    transform(server, "unsaid", {"a": b"1"})
    (sent,) = requests(server, "unsaid")
    assert not {"content-type", "accept"} & set(sent["headers"])


def test_a_prefix_is_how_keys_begin_and_one_object_is_one_too(server: LocalServer) -> None:
    for key in ("pre/test", "pre/test/a", "pre/test_2/b", "pre/other"):
        server.s3.put_object(Bucket="bucket", Key=key, Body=key.encode())
    job = transform(server, "bare", {}, S3Uri="s3://bucket/pre/test")
    assert job["TransformJobStatus"] == "Completed"
    assert outputs(server, "bare") == {"test.out": b"pre/test", "a.out": b"pre/test/a", "test_2/b.out": b"pre/test_2/b"}


def test_two_objects_of_one_output_name_are_no_job(server: LocalServer) -> None:
    for key in ("twice/x/y/a", "twice/x_/a", "twice/x/x_/a"):
        server.s3.put_object(Bucket="bucket", Key=key, Body=b"1")
    job = transform(server, "collide", {}, S3Uri="s3://bucket/twice/x")
    assert job["TransformJobStatus"] == "Failed" and not outputs(server, "collide")
    assert "'twice/x/x_/a' and 'twice/x_/a' would both be stored as 'out/collide/x_/a.out'" in job["FailureReason"]


def test_a_manifest_names_the_objects(server: LocalServer) -> None:
    put_inputs(server, "listed", {"a.csv": b"a", "deep/b.csv": b"b", "not.csv": b"c"})
    manifest = [{"prefix": "s3://bucket/in/listed/"}, "deep/b.csv", "a.csv"]
    server.s3.put_object(Bucket="bucket", Key="listed.manifest", Body=json.dumps(manifest).encode())
    transform(server, "listed", {}, S3DataType="ManifestFile", S3Uri="s3://bucket/listed.manifest")
    assert outputs(server, "listed") == {"a.csv.out": b"a", "deep/b.csv.out": b"b"}
    assert [one["body"] for one in requests(server, "listed")] == ["b", "a"]


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (b'[{"prefix": "s3://bucket/in/"}, "not there"]', "names s3://bucket/in/not there, which is not there"),
        (b'["a"]', "does not begin with an object that has a prefix"),
        (b'[{"prefix": 5}, "a"]', "does not begin with an object that has a prefix"),
        (b'[{"prefix": null}, "a"]', "does not begin with an object that has a prefix"),
        (b"not JSON", "does not begin with an object that has a prefix"),
        (b'[{"prefix": "s3://bucket/in/"}, 5]', "has 5 where the end of a key is expected"),
        (b'[{"prefix": "s3://bucket/in/"}]', "No S3 objects found"),
    ],
)
def test_a_manifest_that_is_none_is_the_reason(server: LocalServer, manifest: bytes, words: str) -> None:
    name = f"manifest-{len(manifest)}"
    server.s3.put_object(Bucket="bucket", Key=name, Body=manifest)
    job = transform(server, name, {}, S3DataType="ManifestFile", S3Uri=f"s3://bucket/{name}")
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: ") and words in job["FailureReason"]


def test_lines_go_as_many_as_fit_or_one_by_one_and_answers_keep_their_order(server: LocalServer) -> None:
    lines = [b"%07d" % number + b"x" * (MEGABYTE // 4 - 8) + b"\n" for number in range(9)]
    body = b"".join(lines)
    answer = "(time.sleep(0.3 if count == 1 else 0), b','.join(line[:7] for line in lines))[1]"
    many = {"SplitType": "Line", "AssembleWith": "Line", "MaxPayloadInMB": 1, "MaxConcurrentTransforms": 3}
    transform(server, "many", {"a": body}, answer, **many)
    assert sorted(one["size"] for one in requests(server, "many")) == [MEGABYTE // 4, MEGABYTE, MEGABYTE]
    rows = [b"0000000,0000001,0000002,0000003", b"0000004,0000005,0000006,0000007", b"0000008"]
    assert outputs(server, "many") == {"a.out": b"\n".join(rows) + b"\n"}
    transform(server, "single", {"a": body}, answer, **{**many, "AssembleWith": "None"}, BatchStrategy="SingleRecord")
    assert [one["size"] for one in requests(server, "single")] == [MEGABYTE // 4] * 9
    assert outputs(server, "single") == {"a.out": b"".join(b"%07d" % number for number in range(9))}


def test_a_record_of_the_limit_is_sent_and_one_byte_more_is_not(server: LocalServer) -> None:
    inputs = {"at": b"x" * MEGABYTE, "above": b"x" * (MEGABYTE + 1)}
    for split, what in (("None", "The object"), ("Line", "Record 1")):
        name = f"limit-{split.lower()}"
        job = transform(server, name, inputs, "b'yes'", SplitType=split, MaxPayloadInMB=1)
        assert job["TransformJobStatus"] == "Failed" and outputs(server, name) == {"at.out": b"yes"}
        sentence = f"s3://bucket/in/{name}/above: {what} is larger than MaxPayloadInMB allows, which is 1048576 bytes"
        assert job["FailureReason"].startswith("ClientError: See job logs") and sentence in job["FailureReason"]


def test_without_a_limit_an_object_is_one_body_in_chunks(server: LocalServer) -> None:
    body = b"x" * 30 + b"\n" + b"y" * (8 * MEGABYTE)
    transform(server, "chunks", {"a": body}, "str(len(body)).encode()", MaxPayloadInMB=0, SplitType="Line")
    (sent,) = requests(server, "chunks")
    assert sent["headers"]["transfer-encoding"] == "chunked" and outputs(server, "chunks") == {"a.out": str(len(body)).encode()}


def test_gzip_is_unpacked_before_it_is_sent(server: LocalServer) -> None:
    inputs = {"a.gz": gzip.compress(b"1\n2\n"), "b.gz": b"not gzip"}
    for name, change in (("packed", {"SplitType": "Line"}), ("packed-chunks", {"MaxPayloadInMB": 0})):
        job = transform(server, name, inputs, CompressionType="Gzip", **change)
        assert job["TransformJobStatus"] == "Failed" and outputs(server, name) == {"a.gz.out": b"1\n2\n"}
        assert f"s3://bucket/in/{name}/b.gz: The object is not whole gzip data" in job["FailureReason"]


@pytest.mark.parametrize(("status", "side"), [(500, "AlgorithmError"), (400, "ClientError")])
def test_an_object_that_fails_fails_the_job_and_the_others_are_stored(server: LocalServer, status: int, side: str) -> None:
    name = f"fails-{status}"
    answer = f"({status}, b'no dog\\nhere') if body == b'cat' else b'dog'"
    inputs = {"a": b"dog", "b": b"cat", "c": b"dog", "d": b"cat"}
    job = transform(server, name, inputs, answer, ModelClientConfig={"InvocationsMaxRetries": 0})
    assert job["TransformJobStatus"] == "Failed" and outputs(server, name) == {"a.out": b"dog", "c.out": b"dog"}
    assert job["FailureReason"] == (
        f"{side}: See job logs for more information. 2 of 4 objects failed, first s3://bucket/in/{name}/b:"
        f" Bad HTTP status received from algorithm: {status}."
    )
    about = f"bucket/in/{name}/b: "
    log = [line.partition(":[sagemaker logs]: ")[2] for line in said(server, name, data=True)]
    assert log[:6] == [
        "MaxConcurrentTransforms=1, MaxPayloadInMB=6, BatchStrategy=MULTI_RECORD",
        f"{about}Bad HTTP status received from algorithm: {status}",
        about,
        f"{about}Message:",
        f"{about}no dog",
        f"{about}here",
    ]


def test_nothing_of_an_object_is_stored_when_its_last_record_fails(server: LocalServer) -> None:
    job = transform(
        server,
        "half",
        {"a": b"1\n2\n3\n"},
        "(400, b'') if body == b'3\\n' else body",
        SplitType="Line",
        BatchStrategy="SingleRecord",
    )
    assert job["TransformJobStatus"] == "Failed" and not outputs(server, "half")


def test_what_fails_is_sent_again_as_often_as_the_request_says(server: LocalServer) -> None:
    answer = "body if count == 3 else (503, b'busy')"
    job = transform(server, "again", {"a": b"1"}, answer, ModelClientConfig={"InvocationsMaxRetries": 2})
    assert job["TransformJobStatus"] == "Completed" and len(requests(server, "again")) == 3
    job = transform(server, "once", {"a": b"1"}, answer, ModelClientConfig={"InvocationsMaxRetries": 1})
    assert job["TransformJobStatus"] == "Failed" and len(requests(server, "once")) == 2
    assert job["ModelClientConfig"] == {"InvocationsMaxRetries": 1}


def test_a_request_that_takes_too_long_is_given_up(server: LocalServer) -> None:
    client = {"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 0}
    job = transform(server, "slow", {"a": b"1"}, "(time.sleep(20), b'')[1]", ModelClientConfig=client)
    assert job["FailureReason"].startswith("AlgorithmError") and "Unable to get response from algorithm" in job["FailureReason"]
    assert any("no answer within 1 seconds" in line for line in said(server, "slow", data=True))


def test_requests_go_out_side_by_side_as_many_as_are_asked_for(server: LocalServer) -> None:
    wait = "(time.sleep(0.5), str(open).encode())[1]"
    transform(server, "side", {str(number): b"1" for number in range(6)}, wait, MaxConcurrentTransforms=3)
    assert max(int(answer) for answer in outputs(server, "side").values()) == 3


def test_the_container_says_how_it_wants_to_be_asked_and_the_request_goes_before(server: LocalServer) -> None:
    told = json.dumps({"MaxConcurrentTransforms": 2, "MaxPayloadInMB": 7, "BatchStrategy": "SINGLE_RECORD"})
    transform(server, "told", {"a": b"1\n2\n"}, environment={"PARAMETERS": told}, SplitType="Line", MaxPayloadInMB=9)
    assert said(server, "told", data=True)[0].endswith("MaxConcurrentTransforms=2, MaxPayloadInMB=9, BatchStrategy=SINGLE_RECORD")
    assert sorted(one["body"] for one in requests(server, "told")) == ["1\n", "2\n"]
    transform(server, "nonsense", {"a": b"1"}, environment={"PARAMETERS": '{"MaxPayloadInMB": 101}'})
    remark, settings = said(server, "nonsense", data=True)
    assert "MaxPayloadInMB is 101, not a whole number from 0 on up to 100" in remark and "MaxPayloadInMB=6" in settings


def test_the_environment_tells_what_the_request_says(server: LocalServer) -> None:
    change = {"MaxPayloadInMB": 3, "BatchStrategy": "SingleRecord", "Environment": {"SHOWN_A": "job"}}
    transform(server, "env", {"a": b"1"}, environment={"SHOWN_A": "model", "SHOWN_B": "model"}, **change)
    (first, *_) = said(server, "env", data=False)
    about = json.loads(first)
    assert about["arguments"] == ["serve"]
    shown = about["environment"]
    assert shown["SAGEMAKER_BATCH"] == "true" and shown["SAGEMAKER_MAX_PAYLOAD_IN_MB"] == "3"
    assert shown["SAGEMAKER_BATCH_STRATEGY"] == "SINGLE_RECORD" and "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS" not in shown
    assert (shown["SHOWN_A"], shown["SHOWN_B"]) == ("job", "model")


def test_an_answer_of_the_limit_is_stored_and_one_byte_more_fails_its_object(server: LocalServer) -> None:
    job = transform(server, "answers", {"at": b"0", "above": b"1"}, f"b'x' * ({100 * MEGABYTE} + int(body))")
    assert server.s3.head_object(Bucket="bucket", Key="out/answers/at.out")["ContentLength"] == 100 * MEGABYTE
    sentence = "1 of 2 objects failed, first s3://bucket/in/answers/above: The answer of the algorithm is larger than 104857600"
    assert sentence in job["FailureReason"] and list(outputs(server, "answers")) == ["at.out"]


def test_the_container_has_a_key_for_its_own_job_and_nothing_else(server: LocalServer) -> None:
    call = "__import__('boto3').client('sagemaker').describe_transform_job(TransformJobName=body.decode())['TransformJobStatus']"
    transform(server, "other", {"a": b"1"})
    job = transform(
        server, "own", {"a": b"own", "b": b"other"}, f"{call}.encode()", ModelClientConfig={"InvocationsMaxRetries": 0}
    )
    assert outputs(server, "own") == {"a.out": b"InProgress"} and job["TransformJobStatus"] == "Failed"
    assert any("AccessDenied" in line for line in said(server, "own", data=False))


def test_records_are_filtered_and_joined(server: LocalServer) -> None:
    processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}
    answer = "b'\\n'.join(str(sum(map(int, line.split(b',')))).encode() for line in lines)"
    both = {"ContentType": "text/csv", "Accept": "text/csv", "SplitType": "Line", "AssembleWith": "Line"}
    transform(server, "csv", {"a.csv": b"id1,1,2\nid2,3,4\n"}, answer, DataProcessing=processing, **both)
    assert [one["body"] for one in requests(server, "csv")] == ["1,2\n3,4\n"]
    assert outputs(server, "csv") == {"a.csv.out": b"id1,3\nid2,7\n"}
    job = transform(server, "csv-bad", {"a": b"id1,1\n", "b": b"id2,1\nid3\n"}, "b'1'", DataProcessing=processing, **both)
    assert outputs(server, "csv-bad") == {"a.out": b"id1,1\n"}
    assert "2 records cannot be joined with the 1 that the model answered" in job["FailureReason"]


def test_several_instances_share_the_objects(server: LocalServer) -> None:
    inputs = {f"{number}": b"1" for number in range(5)}
    job = transform(server, "shared", inputs, "str(os.getpid()).encode()", InstanceCount=2)
    assert job["TransformJobStatus"] == "Completed" and job["TransformResources"]["InstanceCount"] == 2
    found = outputs(server, "shared")
    first = {found[f"{number}.out"] for number in (0, 2, 4)}
    second = {found[f"{number}.out"] for number in (1, 3)}
    assert len(first) == len(second) == 1 and first != second
    streams = server.logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="shared/")["logStreams"]
    assert len(streams) == 4
    transform(server, "one-only", {"a": b"1"}, InstanceCount=3)
    assert len(server.logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix="one-only/")["logStreams"]) == 2


def test_a_container_that_does_not_come_up_is_the_reason(server: LocalServer) -> None:
    job = transform(server, "broken", {"a": b"1"}, environment={"MODE": "exit"})
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: Model container failed to respond to ping. The container exited with")
    assert "RuntimeError: no weights here" in job["FailureReason"]


def test_a_container_that_dies_gives_its_objects_up_and_the_other_goes_on(server: LocalServer) -> None:
    inputs = {"0": b"ok", "1": b"die", "2": b"ok", "3": b"ok"}
    job = transform(server, "dies", inputs, "os._exit(9) if body == b'die' else body", InstanceCount=2)
    assert job["TransformJobStatus"] == "Failed" and outputs(server, "dies") == {"0.out": b"ok", "2.out": b"ok"}
    assert job["FailureReason"].startswith("AlgorithmError: See job logs for more information. An instance ended before")
    assert "exited with code 9" in job["FailureReason"]


def test_model_data_and_images_that_are_not_there_are_the_reason(server: LocalServer) -> None:
    put_inputs(server, "no-image", {"a": b"1"})
    make_model(server, "no-image", image="nobody-has-this:1")
    server.sagemaker.create_transform_job(**request_of("no-image"))
    assert "nobody-has-this:1" in wait_for_transform(server, "no-image")["FailureReason"]
    put_inputs(server, "no-data", {"a": b"1"})
    make_model(server, "no-data")
    server.s3.put_object(Bucket="bucket", Key="models/no-data.tar.gz", Body=b"not an archive")
    server.sagemaker.create_transform_job(**request_of("no-data"))
    reason = wait_for_transform(server, "no-data")["FailureReason"]
    assert reason.startswith("ClientError: ") and "model archive" in reason


def test_a_job_is_stopped_and_what_is_done_stays(server: LocalServer) -> None:
    make_model(server, "stopped", "(time.sleep(60 if body == b'slow' else 0), body)[1]")
    put_inputs(server, "stopped", {"a": b"quick", "b": b"slow"})
    server.sagemaker.create_transform_job(**request_of("stopped"))
    wait_until(lambda: outputs(server, "stopped"))
    with pytest.raises(ClientError, match=r"ResourceInUse.*already exists \(arn:aws:sagemaker:.*:transform-job/stopped\)"):
        server.sagemaker.create_transform_job(**request_of("stopped"))
    server.sagemaker.stop_transform_job(TransformJobName="stopped")
    job = wait_for_transform(server, "stopped")
    assert job["TransformJobStatus"] == "Stopped" and outputs(server, "stopped") == {"a.out": b"quick"}
    wait_until(lambda: not (server.root / "transform" / "stopped").exists())
    with pytest.raises(ClientError, match="in status Stopped"):
        server.sagemaker.stop_transform_job(TransformJobName="stopped")
    for call in (server.sagemaker.stop_transform_job, server.sagemaker.describe_transform_job):
        with pytest.raises(ClientError, match=r"ResourceNotFound.*Could not find requested job with name: nobody"):
            call(TransformJobName="nobody")


def test_a_job_whose_container_is_not_up_yet_is_stopped(server: LocalServer, tmp_path: Path) -> None:
    make_model(server, "unborn", LATE=str(tmp_path / "never"))
    put_inputs(server, "unborn", {"a": b"1"})
    server.sagemaker.create_transform_job(**request_of("unborn"))
    wait_until(lambda: said(server, "unborn", data=False))
    server.sagemaker.stop_transform_job(TransformJobName="unborn")
    assert wait_for_transform(server, "unborn")["TransformJobStatus"] == "Stopped"


def test_jobs_are_listed(server: LocalServer) -> None:
    transform(server, "list-b", {"a": b"1"})
    transform(server, "list-a", {"a": b"1"}, "(400, b'')")
    found = server.sagemaker.list_transform_jobs(NameContains="list-", SortBy="Name", SortOrder="Ascending")
    summaries = found["TransformJobSummaries"]
    assert [(one["TransformJobName"], one["TransformJobStatus"]) for one in summaries] == [
        ("list-a", "Failed"),
        ("list-b", "Completed"),
    ]
    failed = server.sagemaker.list_transform_jobs(NameContains="list-", StatusEquals="Failed")["TransformJobSummaries"]
    assert [one["TransformJobName"] for one in failed] == ["list-a"] and failed[0]["FailureReason"].startswith("ClientError")


def test_keys_for_encryption_are_taken_and_the_log_says_that_nothing_is_encrypted(server: LocalServer) -> None:
    make_model(server, "keys")
    put_inputs(server, "keys", {"a": b"1"})
    request = request_of("keys", KmsKeyId="alias/mine")
    request["TransformResources"]["VolumeKmsKeyId"] = "alias/mine"
    server.sagemaker.create_transform_job(**request)
    job = wait_for_transform(server, "keys")
    assert job["TransformJobStatus"] == "Completed" and job["TransformOutput"]["KmsKeyId"] == "alias/mine"
    sentence = "TransformOutput.KmsKeyId, TransformResources.VolumeKmsKeyId: nothing is encrypted on this machine."
    assert f"[platform] {sentence}" in said(server, "keys", data=False)


JOIN = {"DataProcessing": {"JoinSource": "Input"}, "ContentType": "text/csv"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ModelName": "nobody"}, r'Could not find model "arn:aws:sagemaker:us-east-1:000000000000:model/nobody"'),
        ({"S3Uri": "s3://bucket/nothing/"}, 'No S3 objects found under S3 URL "s3://bucket/nothing/"'),
        ({"S3DataType": "ManifestFile", "S3Uri": "s3://bucket/no"}, "There is no manifest at s3://bucket/no"),
        ({"S3DataType": "AugmentedManifestFile"}, "S3DataType AugmentedManifestFile is not supported by CreateTransformJob"),
        ({"SplitType": "RecordIO"}, "TransformInput.SplitType RecordIO is not supported by CreateTransformJob"),
        ({"SplitType": "TFRecord"}, "TransformInput.SplitType TFRecord is not supported by CreateTransformJob"),
        ({"TransformOutput": {"S3OutputPath": "s3://no-bucket/x"}}, "TransformOutput.S3OutputPath: the bucket 'no-bucket'"),
        ({"MaxPayloadInMB": 101}, "Value '101' at 'maxPayloadInMB' failed .* less than or equal to 100"),
        ({"MaxPayloadInMB": 51, "MaxConcurrentTransforms": 2}, "MaxConcurrentTransforms 2 times MaxPayloadInMB 51 is 102"),
        ({"Environment": {"SAGEMAKER_BASE_DIR": "/tmp"}}, "SAGEMAKER_BASE_DIR is set by SageMaker"),
        ({"Environment": {"SAGEMAKER_BIND_TO_PORT": "1"}}, "SAGEMAKER_BIND_TO_PORT is set by SageMaker"),
        ({"Environment": {"A": "x\ud800y"}}, "half of a surrogate pair"),
        ({"ContentType": "a\x00b"}, "TransformInput.ContentType .* holds a control character"),
        ({"TransformOutput": {"S3OutputPath": "s3://bucket/x", "Accept": "a\x7fb"}}, "TransformOutput.Accept .* holds a control"),
        ({"DataProcessing": {"InputFilter": "x"}, "ContentType": "text/csv"}, r"InputFilter 'x' does not begin with \$"),
        ({"DataProcessing": {"OutputFilter": "$[0]"}}, "TransformInput.ContentType '' does not go with DataProcessing"),
        ({**JOIN, "Accept": "application/json"}, "needs TransformOutput.Accept 'application/json' to be"),
        ({**JOIN, "SplitType": "Line"}, "needs TransformOutput.AssembleWith None to be TransformInput.SplitType Line"),
        ({"ModelClientConfig": {"InvocationsMaxRetries": 4}}, "invocationsMaxRetries"),
        ({"ExperimentConfig": {"ExperimentName": "e"}}, "ExperimentConfig.ExperimentName is not supported"),
        ({"DataCaptureConfig": {"DestinationS3Uri": "s3://bucket/c"}}, "DataCaptureConfig.DestinationS3Uri is not supported"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(server: LocalServer, change: dict[str, Any], words: str) -> None:
    if "refused" not in [one["ModelName"] for one in server.sagemaker.list_models(NameContains="refused")["Models"]]:
        make_model(server, "refused")
        put_inputs(server, "refused", {"a": b"1"})
    with pytest.raises(ClientError, match=words):
        server.sagemaker.create_transform_job(**request_of("refused", **change))
    with pytest.raises(ClientError, match="Could not find requested job"):
        server.sagemaker.describe_transform_job(TransformJobName="refused")


def test_the_largest_payload_is_taken(server: LocalServer) -> None:
    job = transform(server, "largest", {"a": b"1"}, MaxPayloadInMB=100, MaxConcurrentTransforms=1)
    assert job["TransformJobStatus"] == "Completed" and job["MaxPayloadInMB"] == 100
    job = transform(server, "product", {"a": b"1"}, MaxPayloadInMB=50, MaxConcurrentTransforms=2)
    assert job["TransformJobStatus"] == "Completed"


def test_a_model_of_many_models_is_refused(server: LocalServer) -> None:
    put_model(server, "many", "many/a.tar.gz")
    container = {"Image": "i", "Mode": "MultiModel", "ModelDataUrl": "s3://bucket/many/"}
    server.sagemaker.create_model(ModelName="of-many", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    put_inputs(server, "of-many", {"a": b"1"})
    with pytest.raises(ClientError, match="has Mode MultiModel, which a transform job cannot use"):
        server.sagemaker.create_transform_job(**request_of("of-many"))
