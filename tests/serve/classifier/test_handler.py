"""The handler by the convention it keeps, without a server: batches, errors of single pictures, outputs."""

import copy
import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from serve import log
from serve.classifier import handler as handlers
from serve.classifier.handler import PictureClassifier
from serve.context import Context
from tests.support import artefact


@pytest.fixture(scope="module")
def handler() -> PictureClassifier:
    loaded = PictureClassifier()
    properties = {"model_dir": str(artefact.small() / "model"), "engine": "openvino", "threads": 1}
    loaded.initialize(Context(properties))
    return loaded


def _ask(handler: PictureClassifier, *requests: tuple[bytes, dict[str, str]]) -> tuple[list[bytes], Context]:
    context = Context({}, [{"id": f"request-{index}", **headers} for index, (_, headers) in enumerate(requests)])
    return handler.handle([{"body": bytearray(body)} for body, _ in requests], context), context


def _statuses(context: Context) -> list[int]:
    return [answer["status"] for answer in context.answers]


JPEG = {"Content-Type": "image/jpeg"}


def test_a_picture_gets_its_classes_in_order(handler: PictureClassifier, dogs: list[bytes]) -> None:
    (body,), context = _ask(handler, (dogs[0], JPEG))
    predictions = json.loads(body)["predictions"]
    assert _statuses(context) == [200] and context.answers[0]["content_type"] == "application/json"
    assert [set(row) for row in predictions] == [{"class", "label", "probability"}] * 5
    assert {row["class"] for row in predictions} == set(artefact.SMALL_CLASSES)
    chances = [row["probability"] for row in predictions]
    assert chances == sorted(chances, reverse=True) and abs(sum(chances) - 1) < 1e-5


def test_one_bad_picture_does_not_spoil_its_batch(handler: PictureClassifier, dogs: list[bytes]) -> None:
    bodies, context = _ask(
        handler, (dogs[0], JPEG), (b"no picture", JPEG), (dogs[1], {"Content-Type": "text/html"}), (dogs[1], JPEG)
    )
    assert _statuses(context) == [200, 400, 415, 200]
    (alone,), _ = _ask(handler, (dogs[1], JPEG))
    assert bodies[3] == alone
    assert json.loads(bodies[1]) == {
        "code": "BadPicture",
        "message": "not a picture in an accepted format (JPEG, PNG, WEBP)",
        "request_id": "request-1",
    }


def test_csv_has_a_line_a_prediction(handler: PictureClassifier, dogs: list[bytes]) -> None:
    (body,), context = _ask(handler, (dogs[0], JPEG | {"Accept": "text/csv", "Custom-Attributes": "top_k=2"}))
    rows = list(csv.reader(io.StringIO(body.decode())))
    assert context.answers[0]["content_type"] == "text/csv" and [len(row) for row in rows] == [3, 3]
    assert rows[0][0] in artefact.SMALL_CLASSES and 0 < float(rows[0][2]) < 1


def test_what_nobody_foresaw_is_logged_and_not_told(
    handler: PictureClassifier, dogs: list[bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        def predict(self, pictures: np.ndarray) -> np.ndarray:
            raise RuntimeError("secret /path")

    broken = copy.copy(handler)
    broken._engine = Broken()
    (bad, body), context = _ask(broken, (b"x", JPEG), (dogs[0], JPEG))
    assert _statuses(context) == [400, 500] and b"secret" not in body
    log.flush()
    assert "secret /path" in capfd.readouterr().out and b"BadPicture" in bad


@pytest.mark.parametrize(("error", "status"), [(MemoryError(), 507), (ValueError("x"), 500)])
def test_errors_of_the_engine_have_their_status(
    handler: PictureClassifier, dogs: list[bytes], error: Exception, status: int
) -> None:
    class Failing:
        def predict(self, pictures: np.ndarray) -> np.ndarray:
            raise error

    failing = copy.copy(handler)
    failing._engine = Failing()
    assert _statuses(_ask(failing, (dogs[0], JPEG))[1]) == [status]


def test_an_answer_that_is_not_finite_is_no_answer(handler: PictureClassifier, dogs: list[bytes]) -> None:
    class Lost:
        def predict(self, pictures: np.ndarray) -> np.ndarray:
            return np.full((len(pictures), 5), np.nan, np.float32)

    lost = copy.copy(handler)
    lost._engine = Lost()
    (body,), context = _ask(lost, (dogs[0], JPEG))
    assert _statuses(context) == [500] and json.loads(body)["code"] == "BadModelOutput"


def test_the_bytes_decide_the_format(handler: PictureClassifier) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 90), "teal").save(buffer, "PNG")
    assert _statuses(_ask(handler, (buffer.getvalue(), JPEG))[1]) == [200]


def test_the_default_is_five_predictions() -> None:
    assert handlers.DEFAULT_TOP_K == 5
