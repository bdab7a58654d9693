"""The TorchServe-style handler: pictures in, ranked classes out, one bad picture never spoiling its batch.

It knows the `(data, context)` convention and nothing of the server around it: `data` is a list of {"body": bytes}, `context`
gives headers by position and takes status and content type.
"""

import csv
import io
import json
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sagemaker_inference.content_types import CSV, JSON

from contract import manifest as manifests
from contract.errors import PictureError, PictureMemoryError, PictureTooLargeError
from contract.label import label
from contract.manifest import Manifest
from contract.pictures.picture import open_picture
from contract.pictures.preprocess import Pixels, Values, crop_pixels
from serve import headers, log
from serve.classifier import json_body, warmup
from serve.engines import engine
from serve.engines.engine import Engine
from serve.errors import EngineError, RequestError

DEFAULT_TOP_K = 5


@dataclass(slots=True, kw_only=True)
class Item:
    """One request of a batch on its way: either `picture`, uint8 [crop, crop, 3], or `error` is set."""

    request_id: str
    accept: str = JSON
    top_k: int = DEFAULT_TOP_K
    picture: Pixels | None = None
    error: RequestError | None = None


class PictureClassifier:
    """Loads one artefact and answers batches of requests about pictures."""

    _engine: Engine
    _manifest: Manifest
    _default_accept: str

    def initialize(self, context: Any) -> None:
        """Load the artefact in `model_dir` and answer one picture of each format, so that the first caller waits for nothing.

        Reads `model_dir`, `engine`, `precision`, `threads`, `decoders`, `batch`, `gpu_id` and `default_accept` of the system
        properties.
        Raises ArtefactError or EngineError with one line naming the file at fault.
        """
        properties = context.system_properties
        folder = Path(properties["model_dir"])
        self._manifest = manifests.read(folder)
        self._default_accept = properties.get("default_accept", JSON)
        self._engine = engine.load(
            properties["engine"],
            folder,
            self._manifest,
            threads=properties["threads"],
            batch=properties.get("batch", 1),
            gpu=properties.get("gpu_id"),
            precision=properties.get("precision", engine.AUTO),
        )
        # Pictures of one batch are decoded side by side, where there are threads and memory for that.
        decoders = properties.get("decoders", 1)
        self._each = ThreadPoolExecutor(decoders).map if decoders > 1 else map
        for body in warmup.pictures():
            logits = self.inference([Item(request_id="warm-up", picture=self._decode(body))])
            if logits.shape != (1, len(self._manifest.classes)):
                raise EngineError(f"model: answers {list(logits.shape)}; model.json lists {len(self._manifest.classes)} classes")

    @property
    def precision(self) -> str:
        """What the loaded network computes in."""
        return self._engine.precision

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """One answer for each request, in order."""
        items = self.preprocess(data, context)
        try:
            logits = self.inference(items)
        except Exception as error:
            self._fail(items, error)
            logits = np.empty((0, len(self._manifest.classes)), np.float32)
        return self.postprocess(items, logits, context)

    def preprocess(self, data: list[dict[str, Any]], context: Any) -> list[Item]:
        """Decode and prepare every picture; what is wrong with one is kept in its item."""

        def one(index: int) -> Item:
            item = Item(request_id=context.get_request_id(index))
            try:
                self._read(item, data[index].get("body") or b"", context, index)
            except Exception as error:
                self._fail([item], error)
            return item

        return list((self._each if len(data) > 1 else map)(one, range(len(data))))

    def inference(self, items: list[Item]) -> Values:
        """Logits float32 [pictures without error, classes]."""
        pictures = [item.picture for item in items if item.picture is not None]
        if not pictures:
            return np.empty((0, len(self._manifest.classes)), np.float32)
        return self._engine.predict(np.stack(pictures))

    def postprocess(self, items: list[Item], logits: Values, context: Any) -> list[bytes]:
        """Render answers and errors, and set the status and content type of each."""
        answers, rows = [], iter(logits)
        for index, item in enumerate(items):
            body = b""
            if item.error is None:
                try:
                    body = self._render(item, next(rows))
                except Exception as error:
                    self._fail([item], error)
            if item.error is not None:
                body = item.error.body(item.request_id)
            context.set_response_status(code=item.error.status.value if item.error else 200, idx=index)
            context.set_response_content_type(index, JSON if item.error else item.accept)
            answers.append(body)
        return answers

    def _read(self, item: Item, body: bytes, context: Any, index: int) -> None:
        content_type = headers.content_type(context.get_request_header(index, "Content-Type"))
        item.accept = headers.accept(context.get_request_header(index, "Accept"), self._default_accept)
        wanted = headers.top_k(context.get_request_header(index, "Custom-Attributes"))
        if not body:
            raise RequestError(400, "EmptyBody", "the body is empty; send a picture")
        if content_type == JSON:
            body, asked = json_body.read(bytes(body))
            wanted = asked or wanted
        item.top_k = wanted or DEFAULT_TOP_K
        item.picture = self._decode(body)

    def _decode(self, body: bytes) -> Pixels:
        try:
            spec = self._manifest.preprocessing
            return crop_pixels(open_picture(body, shorter_side=spec.resize), spec)
        except PictureTooLargeError as error:
            raise RequestError(413, "PictureTooLarge", str(error)) from None
        except PictureMemoryError:
            raise MemoryError from None
        except PictureError as error:
            raise RequestError(400, "BadPicture", str(error)) from None

    def _render(self, item: Item, logits: Values) -> bytes:
        powers = np.exp(logits.astype(np.float64) - logits.max())
        probabilities = powers / powers.sum()
        if not np.isfinite(probabilities).all():
            raise RequestError(500, "BadModelOutput", "the model's answer is not finite")
        best = np.argsort(-probabilities, kind="stable")[: item.top_k]
        names = self._manifest.classes
        rows = [(names[place], label(names[place]), round(float(probabilities[place]), 6)) for place in best]
        if item.accept == CSV:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(rows)
            return text.getvalue().encode("utf-8")
        predictions = [{"class": name, "label": label, "probability": probability} for name, label, probability in rows]
        return json.dumps({"predictions": predictions}).encode("ascii")

    def _fail(self, items: list[Item], error: Exception) -> None:
        """Give every item still without an error this one; what nobody foresaw is logged in full and told in general."""
        if isinstance(error, RequestError):
            told = error
        elif engine.out_of_memory(error):
            told = RequestError(507, "OutOfMemory", "not enough memory for this picture")
        else:
            told = RequestError(500, "InternalError", "the model failed on this picture")
            ids = [item.request_id for item in items]
            log.event("prediction_failed", "error", request_ids=ids, traceback=traceback.format_exc())
        for item in items:
            item.error = item.error or told
            item.picture = None
