"""The frontend as a caller sees it: routes, answers, error bodies, and the odd pictures people really send."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.support import artefact
from tests.support.server import Server


def test_ping_is_200_with_nothing_in_it(server: Server) -> None:
    answer = server.ping()
    assert answer.status == 200 and answer.body == b""
    assert server.request("GET", "/ping?x=1").status == 200


def test_an_invocation_by_default(server: Server, dogs: list[bytes]) -> None:
    answer = server.invoke(dogs[0])
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    assert len(answer.json()["predictions"]) == 5


def test_the_custom_attribute_sets_how_many(server: Server, dogs: list[bytes]) -> None:
    answer = server.invoke(dogs[0], X_Amzn_SageMaker_Custom_Attributes="top_k=2")
    assert len(answer.json()["predictions"]) == 2
    bad = server.invoke(dogs[0], X_Amzn_SageMaker_Custom_Attributes="top_k=two")
    assert bad.status == 400 and bad.json()["code"] == "BadAttributes"


def test_a_body_is_out_of_memory_once_it_is_answered(server: Server) -> None:
    body, before = b"\0" * 5_000_000, server.rss()
    seen = 0
    for _ in range(60):
        assert server.invoke(body).status == 400
        seen = max(seen, server.rss())
    # One comes in, one goes to a worker, and the allocator keeps some; sixty of them would be 300 MB.
    assert seen - before < 60_000_000


def test_every_error_has_the_same_short_body(server: Server, dogs: list[bytes]) -> None:
    answers = {
        404: server.request("GET", "/"),
        405: server.request("DELETE", "/invocations"),
        400: server.invoke(b"no picture"),
        406: server.invoke(dogs[0], Accept="text/html"),
        413: server.invoke(b"\0" * 6_291_457),
        415: server.invoke(dogs[0], "text/plain"),
    }
    for status, answer in answers.items():
        assert answer.status == status and answer.headers["content-type"] == "application/json"
        assert set(answer.json()) == {"code", "message", "request_id"} and answer.body.isascii()
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert "/" not in answer.json()["code"] and "Traceback" not in answer.json()["message"]


def test_a_failed_invocation_is_in_the_log_with_its_ids(server: Server) -> None:
    answer = server.invoke(b"no picture", X_Amzn_SageMaker_Inference_Id="order-66")
    event = server.event("invocation_failed", request_id=answer.json()["request_id"])
    assert event["status"] == 400 and event["inference_id"] == "order-66"


def test_pings_leave_no_log(server: Server) -> None:
    before = len(server.log())
    for _ in range(20):
        server.ping()
    assert len(server.log()) == before


def test_expect_100_continue_is_honoured(server: Server, dogs: list[bytes]) -> None:
    head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(dogs[0])}\r\n"
    answer = server.raw(head.encode() + b"Expect: 100-continue\r\nConnection: close\r\n\r\n" + dogs[0])
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")


def test_a_chunked_body_is_read(server: Server, dogs: list[bytes]) -> None:
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(dogs[0][at : at + 999]), dogs[0][at : at + 999]) for at in range(0, len(dogs[0]), 999)
    )
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nTransfer-Encoding: chunked\r\n"
    answer = server.raw(head + b"Connection: close\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1]) == server.invoke(dogs[0]).json()


@pytest.fixture(scope="module")
def imagenet(shared_data: Path) -> Iterator[Server]:
    weights = shared_data / "weights" / "resnet18-imagenet.pth"
    if not weights.is_file():
        pytest.skip("no real weights: ../shared/data/weights is absent")
    with Server(artefact.imagenet(weights), SAGEMAKER_MAX_PAYLOAD_IN_MB=64, KENNEL_ENGINE="openvino") as running:
        yield running


def test_real_weights_answer_every_valid_odd_picture(imagenet: Server, shared_data: Path) -> None:
    table = json.loads((shared_data / "odd" / "manifest.json").read_text())["files"]
    accepted = {"JPEG", "PNG", "WEBP"}
    asked = 0
    for name, facts in table.items():
        if facts["kind"] == "valid" and facts["pillow"].get("format") in accepted:
            answer = imagenet.invoke((shared_data / "odd" / name).read_bytes(), "application/x-image")
            assert answer.status == 200, (name, answer)
            asked += 1
    assert asked > 15 and not imagenet.events("worker_gone")


def test_a_turned_picture_is_seen_upright(imagenet: Server, photographs: list[bytes]) -> None:
    """The same pixels stored turned, with the EXIF orientation that turns them back, have the same best class."""
    turned = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    for dog in photographs:
        picture = Image.open(io.BytesIO(dog)).convert("RGB")
        best = set()
        for orientation, turn in turned.items():
            exif = Image.Exif()
            exif[0x0112] = orientation
            buffer = io.BytesIO()
            (picture if turn is None else picture.transpose(turn)).save(buffer, "PNG", exif=exif)
            best.add(imagenet.invoke(buffer.getvalue(), "image/png").json()["predictions"][0]["class"])
        assert len(best) == 1, best


def test_the_same_picture_in_three_formats_has_one_best_class(imagenet: Server, photographs: list[bytes]) -> None:
    picture = Image.open(io.BytesIO(photographs[3])).convert("RGB")
    best = set()
    for name in ("PNG", "WEBP"):
        buffer = io.BytesIO()
        picture.save(buffer, name, lossless=True)
        start = time.monotonic()
        best.add(imagenet.invoke(buffer.getvalue(), f"image/{name.lower()}").json()["predictions"][0]["class"])
        assert time.monotonic() - start < 5
    assert best == {imagenet.invoke(photographs[3]).json()["predictions"][0]["class"]}
