"""The handler by the convention it keeps, without a server: batches, errors of single pictures, outputs."""

import csv
import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from PIL import Image

from serve import handler as handlers
from serve.handler import PictureClassifier
from tests import artefact


@dataclass
class Context:
    """What MMS and TorchServe hand a handler."""

    headers: list[dict[str, str]] = field(default_factory=list)
    system_properties: dict[str, Any] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    types: dict[int, str] = field(default_factory=dict)

    def get_request_header(self, index: int, name: str) -> str | None:
        return self.headers[index].get(name)

    def get_request_id(self, index: int) -> str:
        return f"request-{index}"

    def set_response_status(self, code: int, idx: int) -> None:
        self.statuses[idx] = code

    def set_response_content_type(self, index: int, value: str) -> None:
        self.types[index] = value


@pytest.fixture(scope="module")
def handler() -> PictureClassifier:
    loaded = PictureClassifier()
    properties = {"model_dir": str(artefact.small() / "model"), "engine": "openvino", "threads": 1}
    loaded.initialize(Context(system_properties=properties))
    return loaded


def _ask(handler: PictureClassifier, *requests: tuple[bytes, dict[str, str]]) -> tuple[list[bytes], Context]:
    context = Context(headers=[headers for _, headers in requests])
    return handler.handle([{"body": bytearray(body)} for body, _ in requests], context), context


JPEG = {"Content-Type": "image/jpeg"}


def test_a_picture_gets_its_classes_in_order(handler: PictureClassifier, dogs: list[bytes]) -> None:
    (body,), context = _ask(handler, (dogs[0], JPEG))
    predictions = json.loads(body)["predictions"]
    assert context.statuses == {0: 200} and context.types == {0: "application/json"}
    assert [set(row) for row in predictions] == [{"class", "label", "probability"}] * 5
    assert {row["class"] for row in predictions} == set(artefact.SMALL_CLASSES)
    chances = [row["probability"] for row in predictions]
    assert chances == sorted(chances, reverse=True) and abs(sum(chances) - 1) < 1e-5


def test_one_bad_picture_does_not_spoil_its_batch(handler: PictureClassifier, dogs: list[bytes]) -> None:
    bodies, context = _ask(
        handler, (dogs[0], JPEG), (b"no picture", JPEG), (dogs[1], {"Content-Type": "text/html"}), (dogs[1], JPEG)
    )
    assert context.statuses == {0: 200, 1: 400, 2: 415, 3: 200}
    (alone,), _ = _ask(handler, (dogs[1], JPEG))
    assert bodies[3] == alone
    assert json.loads(bodies[1]) == {
        "code": "BadPicture",
        "message": "not a picture in an accepted format (JPEG, PNG, WEBP)",
        "request_id": "request-1",
    }


def test_csv_has_a_line_a_prediction(handler: PictureClassifier, dogs: list[bytes]) -> None:
    (body,), context = _ask(handler, (dogs[0], JPEG | {"Accept": "text/csv", "Kennel-Custom-Attributes": "top_k=2"}))
    rows = list(csv.reader(io.StringIO(body.decode())))
    assert context.types == {0: "text/csv"} and [len(row) for row in rows] == [3, 3]
    assert rows[0][0] in artefact.SMALL_CLASSES and 0 < float(rows[0][2]) < 1


def test_a_private_header_goes_before_the_plain_one(handler: PictureClassifier, dogs: list[bytes]) -> None:
    headers = {"Content-Type": "application/octet-stream", "Kennel-Content-Type": "text/html", "Kennel-Request-Id": "mine"}
    (body,), context = _ask(handler, (dogs[0], headers))
    assert context.statuses == {0: 415} and json.loads(body)["request_id"] == "mine"


def test_what_nobody_foresaw_is_logged_and_not_told(
    handler: PictureClassifier, dogs: list[bytes], capsys: pytest.CaptureFixture
) -> None:
    class Broken:
        def predict(self, pictures: np.ndarray) -> np.ndarray:
            raise RuntimeError("secret /path")

    broken = PictureClassifier()
    broken._manifest, broken._default_accept, broken._engine = handler._manifest, "application/json", Broken()
    (bad, body), context = _ask(broken, (b"x", JPEG), (dogs[0], JPEG))
    assert context.statuses == {0: 400, 1: 500} and b"secret" not in body
    assert "secret /path" in capsys.readouterr().out and b"BadPicture" in bad


@pytest.mark.parametrize(("error", "status"), [(MemoryError(), 507), (ValueError("x"), 500)])
def test_errors_of_the_engine_have_their_status(
    handler: PictureClassifier, dogs: list[bytes], error: Exception, status: int
) -> None:
    class Failing:
        def predict(self, pictures: np.ndarray) -> np.ndarray:
            raise error

    failing = PictureClassifier()
    failing._manifest, failing._default_accept, failing._engine = handler._manifest, "application/json", Failing()
    assert _ask(failing, (dogs[0], JPEG))[1].statuses == {0: status}


def test_an_answer_that_is_not_finite_is_no_answer(handler: PictureClassifier, dogs: list[bytes]) -> None:
    class Lost:
        def predict(self, pictures: np.ndarray) -> np.ndarray:
            return np.full((len(pictures), 5), np.nan, np.float32)

    lost = PictureClassifier()
    lost._manifest, lost._default_accept, lost._engine = handler._manifest, "application/json", Lost()
    (body,), context = _ask(lost, (dogs[0], JPEG))
    assert context.statuses == {0: 500} and json.loads(body)["code"] == "BadModelOutput"


def test_the_bytes_decide_the_format(handler: PictureClassifier) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 90), "teal").save(buffer, "PNG")
    assert _ask(handler, (buffer.getvalue(), JPEG))[1].statuses == {0: 200}


def test_the_default_is_five_predictions() -> None:
    assert handlers.DEFAULT_TOP_K == 5
