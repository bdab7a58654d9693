"""Who decides how a transform job asks: the request, the container, the defaults. Of local_sagemaker.transform.settings."""

from typing import Any

import pytest

from local_sagemaker.transform.settings import MEGABYTE, Settings, choose, environment, parse_parameters


@pytest.mark.parametrize(
    ("request_members", "told", "chosen"),
    [
        ({}, {}, Settings(concurrent=1, payload_bytes=6 * MEGABYTE, multi_record=True)),
        ({}, {"MaxConcurrentTransforms": 4}, Settings(concurrent=4, payload_bytes=6 * MEGABYTE, multi_record=True)),
        (
            {"MaxConcurrentTransforms": 0, "MaxPayloadInMB": 0, "BatchStrategy": "SingleRecord"},
            {"MaxConcurrentTransforms": 4, "MaxPayloadInMB": 9, "BatchStrategy": "MULTI_RECORD"},
            Settings(concurrent=4, payload_bytes=0, multi_record=False),
        ),
    ],
)
def test_the_request_goes_before_the_container_and_that_before_the_defaults(
    request_members: dict[str, Any], told: dict[str, Any], chosen: Settings
) -> None:
    assert choose(request_members, told) == chosen


@pytest.mark.parametrize(("asked", "sent"), [(256, 256), (257, 256)])
def test_a_container_gets_so_many_requests_at_the_most(asked: int, sent: int) -> None:
    assert (
        choose({"MaxConcurrentTransforms": asked}, {}).concurrent
        == choose({}, {"MaxConcurrentTransforms": asked}).concurrent
        == sent
    )


def test_the_container_is_told_what_was_asked_and_no_default() -> None:
    assert environment({}) == {"SAGEMAKER_BATCH": "true"}
    asked = {"MaxConcurrentTransforms": 2, "MaxPayloadInMB": 0, "BatchStrategy": "MultiRecord"}
    assert environment(asked) == {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "2",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "0",
        "SAGEMAKER_BATCH_STRATEGY": "MULTI_RECORD",
    }


def test_parameters_are_taken_up_to_their_limits() -> None:
    assert parse_parameters(b'{"MaxPayloadInMB": 100, "Other": 1}') == {"MaxPayloadInMB": 100}
    assert parse_parameters(b'{"MaxConcurrentTransforms": 1, "MaxPayloadInMB": 0}')["MaxPayloadInMB"] == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"no", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not an object"),
        (b'{"MaxPayloadInMB": 101}', "MaxPayloadInMB is 101, not a whole number from 0 on up to 100"),
        (b'{"MaxPayloadInMB": -1}', "MaxPayloadInMB is -1"),
        (b'{"MaxPayloadInMB": "6"}', 'MaxPayloadInMB is "6"'),
        (b'{"MaxConcurrentTransforms": 0}', "MaxConcurrentTransforms is 0, not a whole number from 1 on"),
        (b'{"MaxConcurrentTransforms": true}', "MaxConcurrentTransforms is true"),
        (b'{"BatchStrategy": "MultiRecord"}', 'BatchStrategy is "MultiRecord", not MULTI_RECORD or SINGLE_RECORD'),
        (b'{"BatchStrategy": []}', r"BatchStrategy is \[\]"),
    ],
)
def test_parameters_that_are_none_are_named(body: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_parameters(body)
