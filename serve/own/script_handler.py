"""The handler that answers with a person's inference.py: its functions are called by SageMaker's own Transformer.

One request after the other, each with its own content type, Accept and context; a bad one never spoils its batch.
"""

import sys
from pathlib import Path
from typing import Any

from sagemaker_inference.content_types import UTF8_TYPES
from sagemaker_inference.transformer import Transformer
from sagemaker_inference.utils import retrieve_content_type_header

from serve.errors import RequestError
from serve.own import failure as own_failure
from serve.own import module_names
from serve.own.context import OwnContext
from serve.workers import answer as own_answer

NAME = "own code"
"""What a worker says that it computes in."""


class _Functions(Transformer):
    """SageMaker's Transformer, which leaves an error to its caller."""

    error: BaseException | None = None

    def handle_error(self, context: Any, inference_exception: Any, trace: str) -> list[bytes]:
        """Called while the error is handled: the one that the person's code raised, and not what it is told as."""
        self.error = sys.exc_info()[1] or inference_exception
        return [b""]


class ScriptHandler:
    """Loads the functions of a script and the model, and answers."""

    precision = NAME

    def initialize(self, context: Any) -> None:
        """Reads `model_dir`, `program`, `code`, `gpu_id`, `threads` and `answer_limit` of the system properties.

        Raises HandlerError with one line that names the error and its place.
        """
        properties = context.system_properties
        self._code, self._limit = Path(properties["code"]), properties["answer_limit"]
        self._context = OwnContext(properties)
        try:
            import torch

            from serve.own.pytorch_functions import PyTorchFunctions

            module_names.give_way()
            own_failure.check_name(Path(properties["program"]).stem)

            torch.set_num_threads(properties["threads"])
            if (gpu := properties["gpu_id"]) is not None:
                torch.cuda.set_device(gpu)  # for a script that says no more than "cuda"
            self._functions = _Functions(PyTorchFunctions(gpu))
            self._functions.validate_and_initialize(properties["model_dir"], self._context)
        except BaseException as error:  # what ends this process would end the next one, too
            raise own_failure.of_load(error, properties["program"], self._code) from None

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """One answer for each request, in order."""
        return [self._answer(item["body"], context, index) for index, item in enumerate(data)]

    def _answer(self, body: bytes, context: Any, index: int) -> bytes:
        own = self._context
        own.begin([context.request(index)])
        self._functions.error = None
        try:
            _check_text(body, own)
            results = self._functions.transform([{"body": body}], own)
            if self._functions.error is not None:
                raise self._functions.error
            answer = own_answer.body_of(results[0], self._limit, "the script")
            fields = own_answer.fields_of(own.answers[0])
        except Exception as error:
            told = own_failure.of_requests(error, [own.get_request_id()], self._code)
            answer, fields = told.body(own.get_request_id()), error_fields(told)
        context.answers[index] = fields
        return own_answer.sendable(fields["status"], answer)


def _check_text(body: bytes, context: OwnContext) -> None:
    """Raises RequestError 400 for a body that SageMaker's Transformer would decode as UTF-8, and that is none."""
    content_type = retrieve_content_type_header(context.get_all_request_header(0))
    if content_type in UTF8_TYPES:
        try:
            str(body, "utf-8")
        except UnicodeDecodeError as error:
            place = f"byte {error.start:,} is no part of it"
            raise RequestError(400, "BadBody", f"the body is not UTF-8, as {content_type} is read; {place}") from None


def error_fields(error: RequestError) -> dict[str, Any]:
    """Status and content type of an answer that says an error."""
    return {"status": error.status.value, "content_type": "application/json"}
