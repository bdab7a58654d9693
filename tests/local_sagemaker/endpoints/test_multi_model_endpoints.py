"""Multi-model endpoints through boto3, with a real container that speaks multi-model-server's API.

Of local_sagemaker.endpoints.instance and local_sagemaker.endpoints.invocation, too.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.local_server import (
    MULTI_MODEL_IMAGE,
    ROLE,
    LocalServer,
    ask,
    make_endpoint,
    make_multi_model_config,
    make_multi_model_endpoint,
    put_model,
    wait_for_endpoint,
    wait_until,
)


@pytest.fixture(scope="module", autouse=True)
def models(server: LocalServer) -> None:
    for name in ("a", "b", "c"):
        put_model(server, f"weights of {name}", f"many/{name}.tar.gz")


def seen(server: LocalServer, endpoint: str, model: str) -> dict[str, Any]:
    return json.loads(ask(server, endpoint, "seen", TargetModel=model))


def kinds(calls: list[str]) -> list[str]:
    """Calls without the names of models."""
    return [call.split()[0] for call in calls]


def refused(server: LocalServer, endpoint: str, body: str = "who", **request: Any) -> ClientError:
    with pytest.raises(ClientError) as raised:
        ask(server, endpoint, body, **request)
    return raised.value


def code(error: ClientError) -> tuple[str, int]:
    return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]


def test_each_model_is_loaded_when_it_is_first_asked_for(server: LocalServer) -> None:
    assert make_multi_model_endpoint(server, "first")["EndpointStatus"] == "InService"
    assert [ask(server, "first", TargetModel=f"{name}.tar.gz") for name in "aba"] == ["weights of " + name for name in "aba"]
    about = seen(server, "first", "a.tar.gz")
    assert kinds(about["calls"]) == ["LOAD", "INVOKE", "LOAD", "INVOKE", "INVOKE", "INVOKE"]
    name = about["path"].removeprefix("/models/").removesuffix("/invoke")
    assert len(name) == 32 and about["url"] == f"{about['environment']['SAGEMAKER_BASE_DIR']}/models/{name}/model"
    assert about["headers"]["x-amzn-sagemaker-target-model"] == "a.tar.gz"
    assert about["environment"]["SAGEMAKER_MULTI_MODEL"] == "true"
    put_model(server, "new here", "many/deep/er.tar.gz")
    assert ask(server, "first", TargetModel="deep/er.tar.gz") == "new here"
    answer = server.runtime.invoke_endpoint(EndpointName="first", Body=b"who", TargetModel="b.tar.gz")
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_the_log_says_which_target_model_is_which_name(server: LocalServer) -> None:
    make_multi_model_endpoint(server, "named", CAPACITY="1")
    paths = {model: seen(server, "named", model)["path"].split("/")[2] for model in ("a.tar.gz", "b.tar.gz", "a.tar.gz")}
    logged = server.logs.filter_log_events(logGroupName="/aws/sagemaker/Endpoints/named")["events"]
    told = [event["message"] for event in logged if event["message"].startswith("[platform] Model ")]
    assert told == [
        f"[platform] Model s3://bucket/many/{model} is {paths[model]} in the container."
        for model in ("a.tar.gz", "b.tar.gz", "a.tar.gz")
    ], "once a load"


def test_the_model_given_back_is_the_model_that_was_asked_for(server: LocalServer) -> None:
    make_multi_model_config(server, "described", cache="Disabled")
    container = server.sagemaker.describe_model(ModelName="described")["PrimaryContainer"]
    assert (container["Mode"], container["ModelDataUrl"]) == ("MultiModel", "s3://bucket/many/")
    assert container["MultiModelConfig"] == {"ModelCacheSetting": "Disabled"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ModelDataUrl": None}, "ModelDataUrl of the container is needed with Mode MultiModel"),
        (
            {
                "ModelDataUrl": None,
                "ModelDataSource": {
                    "S3DataSource": {"S3Uri": "s3://bucket/many/", "S3DataType": "S3Prefix", "CompressionType": "None"}
                },
            },
            "ModelDataSource is not supported with Mode MultiModel",
        ),
        ({"ModelDataUrl": "s3://bucket/nobody/"}, "Could not find model data at s3://bucket/nobody/"),
        (
            {"Mode": "SingleModel", "MultiModelConfig": {"ModelCacheSetting": "Enabled"}},
            "MultiModelConfig of the container is for",
        ),
        ({"Mode": "ManyModels"}, "Mode"),
        ({"MultiModelConfig": {"ModelCacheSetting": "Perhaps"}}, "ModelCacheSetting|modelCacheSetting"),
    ],
)
def test_what_does_not_go_together_is_refused_by_name(server: LocalServer, change: dict[str, Any], words: str) -> None:
    container = {"Image": MULTI_MODEL_IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://bucket/many/", **change}
    container = {member: value for member, value in container.items() if value is not None}
    with pytest.raises(ClientError, match=words) as raised:
        server.sagemaker.create_model(ModelName="odd", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    assert raised.value.response["Error"]["Code"] == "ValidationException"


def test_a_target_model_belongs_to_a_multi_model_endpoint_and_to_no_other(server: LocalServer) -> None:
    make_multi_model_endpoint(server, "needs")
    error = refused(server, "needs")
    assert (
        code(error) == ("ValidationError", 400) and "missing a target model header" in str(error) and "TargetModel" in str(error)
    )
    make_endpoint(server, "single")
    error = refused(server, "single", TargetModel="a.tar.gz")
    assert code(error) == ("ValidationError", 400)
    assert "Endpoint single is not a multi-model endpoint and does not support target model header." in str(error)


def test_an_object_that_is_not_there_and_one_that_is_no_archive_are_told_with_their_url(server: LocalServer) -> None:
    make_multi_model_endpoint(server, "absent")
    error = refused(server, "absent", TargetModel="nobody.tar.gz")
    assert code(error) == ("ValidationError", 400)
    assert "Failed to download model data(bucket: bucket, key: many/nobody.tar.gz)" in str(error)
    assert "s3://bucket/many/nobody.tar.gz" in str(error)
    server.s3.put_object(Bucket="bucket", Key="many/text.tar.gz", Body=b"no archive")
    error = refused(server, "absent", TargetModel="text.tar.gz")
    assert code(error) == ("ValidationError", 400) and "s3://bucket/many/text.tar.gz" in str(error) and "tar.gz" in str(error)
    assert ask(server, "absent", TargetModel="a.tar.gz") == "weights of a"
    put_model(server, "there now", "many/nobody.tar.gz")
    assert ask(server, "absent", TargetModel="nobody.tar.gz") == "there now"
    server.s3.delete_object(Bucket="bucket", Key="many/nobody.tar.gz")
    assert ask(server, "absent", TargetModel="nobody.tar.gz") == "there now", "a loaded model serves until it is unloaded"


def test_without_memory_the_least_recently_used_model_goes(server: LocalServer) -> None:
    make_multi_model_endpoint(server, "small", CAPACITY="2")
    for name in "abac":  # a is used after b
        assert ask(server, "small", TargetModel=f"{name}.tar.gz") == f"weights of {name}"
    calls = seen(server, "small", "a.tar.gz")["calls"]
    assert kinds(calls) == ["LOAD", "INVOKE", "LOAD", "INVOKE", "INVOKE", "LOAD", "DELETE", "LOAD", "INVOKE", "INVOKE"]
    loaded = [call.split()[1] for call in calls if call.startswith("LOAD")]
    assert calls[6] == f"DELETE {loaded[1]}", "b was used the longest ago"
    assert ask(server, "small", TargetModel="b.tar.gz") == "weights of b"


def test_a_container_without_any_memory_is_a_model_error(server: LocalServer) -> None:
    make_multi_model_endpoint(server, "none", CAPACITY="0")
    error = refused(server, "none", TargetModel="a.tar.gz")
    assert code(error) == ("ModelError", 424)
    assert (error.response["OriginalStatusCode"], error.response["OriginalMessage"]) == (507, "no memory left")


def test_without_the_cache_a_model_is_loaded_and_unloaded_every_time(server: LocalServer) -> None:
    make_multi_model_endpoint(server, "forgetful", cache="Disabled")
    for _ in range(3):
        assert ask(server, "forgetful", TargetModel="a.tar.gz") == "weights of a"
    calls = kinds(seen(server, "forgetful", "a.tar.gz")["calls"])
    assert calls == ["LOAD", "INVOKE", "DELETE"] * 3 + ["LOAD", "INVOKE"]


def test_an_overwritten_object_serves_once_its_model_was_unloaded(server: LocalServer) -> None:
    put_model(server, "old", "many/changing.tar.gz")
    make_multi_model_endpoint(server, "changing", CAPACITY="1")
    assert ask(server, "changing", TargetModel="changing.tar.gz") == "old"
    put_model(server, "new", "many/changing.tar.gz")
    assert ask(server, "changing", TargetModel="changing.tar.gz") == "old"
    assert ask(server, "changing", TargetModel="a.tar.gz") == "weights of a"
    assert ask(server, "changing", TargetModel="changing.tar.gz") == "new"


def test_one_load_serves_all_who_wait_and_others_load_meanwhile(server: LocalServer) -> None:
    make_multi_model_endpoint(server, "crowd", LOAD_SECONDS="1")
    targets = ["a.tar.gz", "b.tar.gz", "c.tar.gz"] * 8
    began = time.monotonic()
    with ThreadPoolExecutor(len(targets)) as pool:
        answers = list(pool.map(lambda target: ask(server, "crowd", TargetModel=target), targets))
    seconds = time.monotonic() - began
    assert answers == ["weights of " + target[0] for target in targets]
    calls = kinds(seen(server, "crowd", "a.tar.gz")["calls"])
    print(f"24 requests for three models that load for 1 s each: {seconds:.2f} s, {calls.count('LOAD')} loads")
    assert calls.count("LOAD") == 3
    assert seconds < 2.8, "the three were loaded at the same time"


def test_errors_of_the_container_are_model_errors(server: LocalServer) -> None:
    make_multi_model_endpoint(server, "errors")
    error = refused(server, "errors", "status 415 this is no picture", TargetModel="a.tar.gz")
    assert code(error) == ("ModelError", 424)
    assert (error.response["OriginalStatusCode"], error.response["OriginalMessage"]) == (415, "this is no picture")
    error = refused(server, "errors", "status 404 no such breed", TargetModel="a.tar.gz")
    assert (error.response["OriginalStatusCode"], error.response["OriginalMessage"]) == (404, "no such breed")
    put_model(server, "refuse 500", "many/refuses.tar.gz")
    error = refused(server, "errors", TargetModel="refuses.tar.gz")
    assert (error.response["OriginalStatusCode"], error.response["OriginalMessage"]) == (500, "these weights are odd")
    assert kinds(seen(server, "errors", "a.tar.gz")["calls"]) == ["LOAD", "INVOKE", "INVOKE", "GET", "LOAD", "INVOKE"]
    error = refused(server, "errors", f"big {6_291_457}", TargetModel="a.tar.gz")
    assert code(error) == ("ModelError", 424) and "larger than 6291456 bytes" in error.response["OriginalMessage"]
    assert len(ask(server, "errors", f"big {6_291_456}", TargetModel="a.tar.gz")) == 6_291_456


def test_a_model_that_the_container_has_dropped_is_loaded_again(server: LocalServer) -> None:
    make_multi_model_endpoint(server, "dropping")
    assert ask(server, "dropping", "drop", TargetModel="a.tar.gz") == "dropped"
    assert ask(server, "dropping", TargetModel="a.tar.gz") == "weights of a"
    assert kinds(seen(server, "dropping", "a.tar.gz")["calls"]) == ["LOAD", "INVOKE", "INVOKE", "GET", "LOAD", "INVOKE", "INVOKE"]


@pytest.mark.parametrize("way", ["answering", "loading"])
def test_a_container_that_dies_comes_back_with_nothing_loaded(server: LocalServer, way: str) -> None:
    name = f"dies-{way}"
    make_multi_model_endpoint(server, name)
    put_model(server, "die", "many/dies.tar.gz")
    assert ask(server, name, TargetModel="a.tar.gz") == "weights of a"
    error = refused(server, name, "die", TargetModel="a.tar.gz" if way == "answering" else "dies.tar.gz")
    assert code(error) == ("ModelError", 424) and "model process exited" in error.response["OriginalMessage"]

    def answers() -> bool:
        try:
            return ask(server, name, TargetModel="a.tar.gz") == "weights of a"
        except ClientError:
            return False

    wait_until(answers)
    assert kinds(seen(server, name, "a.tar.gz")["calls"])[0] == "LOAD"


def test_two_instances_keep_to_the_one_that_has_the_model(server: LocalServer) -> None:
    make_multi_model_endpoint(server, "pair", count=2)
    for _ in range(6):
        assert ask(server, "pair", TargetModel="a.tar.gz") == "weights of a"
    assert kinds(seen(server, "pair", "a.tar.gz")["calls"]) == ["LOAD", *["INVOKE"] * 7]


def test_variants_have_their_own_models(server: LocalServer) -> None:
    for side in ("left", "right"):
        put_model(server, f"the {side} one", f"{side}/m.tar.gz")
        make_multi_model_config(server, side, prefix=f"{side}/")
    variants = [
        {"VariantName": side, "ModelName": side, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        for side in ("left", "right")
    ]
    server.sagemaker.create_endpoint_config(EndpointConfigName="sides", ProductionVariants=variants)
    server.sagemaker.create_endpoint(EndpointName="sides", EndpointConfigName="sides")
    assert wait_for_endpoint(server, "sides")["EndpointStatus"] == "InService"
    assert ask(server, "sides", TargetModel="m.tar.gz", TargetVariant="right") == "the right one"
    assert {ask(server, "sides", TargetModel="m.tar.gz") for _ in range(4)} == {"the left one", "the right one"}


def test_an_update_takes_the_models_along(server: LocalServer) -> None:
    make_multi_model_endpoint(server, "moving")
    assert ask(server, "moving", TargetModel="a.tar.gz") == "weights of a"
    put_model(server, "elsewhere", "other/a.tar.gz")
    make_multi_model_config(server, "moved", prefix="other/")
    server.sagemaker.update_endpoint(EndpointName="moving", EndpointConfigName="moved")
    assert wait_for_endpoint(server, "moving")["EndpointStatus"] == "InService"
    assert ask(server, "moving", TargetModel="a.tar.gz") == "elsewhere"
    server.sagemaker.delete_endpoint(EndpointName="moving")
    wait_until(lambda: not (server.root / "endpoints" / "moving").exists())


def test_a_new_server_finds_what_the_container_has_loaded(tmp_path: Any) -> None:
    server = LocalServer(tmp_path / "root")
    try:
        server.s3.create_bucket(Bucket="bucket")
        for name in "abcd":
            put_model(server, f"weights of {name}", f"many/{name}.tar.gz")
        make_multi_model_endpoint(server, "found", CAPACITY="3")
        for name in "abc":
            ask(server, "found", TargetModel=f"{name}.tar.gz")
        (half_done := next(iter(server.files("endpoints/found/*/*/*/opt/ml/models"))) / "0123.part").mkdir()
        server.kill()
        server.start()
        assert ask(server, "found", TargetModel="a.tar.gz") == "weights of a"
        assert ask(server, "found", TargetModel="d.tar.gz") == "weights of d", "one of those that it found was unloaded"
        calls = kinds(seen(server, "found", "a.tar.gz")["calls"])[6:]
        assert calls == ["GET", "GET", "LOAD", "INVOKE", "LOAD", "DELETE", "LOAD", "INVOKE", "INVOKE"]
        assert not half_done.exists()
    finally:
        server.stop()
