"""A handler of a person's own, as multi-model-server and TorchServe take them: a class with `initialize` and `handle`, or a
function `handle(data, context)`, found as `module`, `module.py:function` or `module:Class`.

It gets whole batches, [{"body": bytes}, ...], and returns one answer for each request.
"""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from serve.errors import RequestError
from serve.own import failure as own_failure
from serve.own import module_names
from serve.own.context import OwnContext
from serve.own.script_handler import NAME, error_fields
from serve.workers import answer as own_answer

Handle = Callable[[list[dict[str, Any]], Any], Any]


class CustomHandler:
    """Loads the handler and hands it batches."""

    precision = NAME

    def initialize(self, context: Any) -> None:
        """Reads `program`, `code`, `model_dir` and `answer_limit` of the system properties.

        Raises HandlerError with one line that names the error and its place.
        """
        properties = context.system_properties
        self._code, self._limit = Path(properties["code"]), properties["answer_limit"]
        self._name: str = properties["program"]
        try:
            manifest = Path(properties["model_dir"]) / "MAR-INF" / "MANIFEST.json"
            known = {"manifest": json.loads(manifest.read_bytes())} if manifest.is_file() else {}
            module_names.give_way()
            self._handle = _load(self._name, OwnContext({**properties, **known}))
        except BaseException as error:  # what ends this process would end the next one, too
            raise own_failure.of_load(error, self._name, self._code) from None
        self._properties = {**properties, **known}

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[bytes]:
        """One answer for each request, in order; the same error for all where the handler fails."""
        own = OwnContext(self._properties, [context.request(index) for index in range(len(data))])
        ids = [own.get_request_id(index) for index in range(len(data))]
        try:
            results = self._handle([{"body": bytearray(item["body"])} for item in data], own)
            if not isinstance(results, list | tuple) or len(results) != len(data):
                got = f"{len(results)} of them" if isinstance(results, list | tuple) else f"a {type(results).__name__}"
                message = f"handle() has to return a list of {len(data)}, one answer for each request; it returned {got}"
                raise RequestError(500, "BadAnswer", message)
        except Exception as error:
            told = own_failure.of_requests(error, ids, self._code)
            results = [told] * len(data)
        bodies = []
        for index, result in enumerate(results):
            fields, body = self._answer(result, own, index)
            context.answers[index] = fields
            bodies.append(own_answer.sendable(fields["status"], body))
        return bodies

    def _answer(self, result: Any, own: OwnContext, index: int) -> tuple[dict[str, Any], bytes]:
        request_id = own.get_request_id(index)
        if not isinstance(result, RequestError):
            try:
                body = own_answer.body_of(result, self._limit, "handle()")
                return own_answer.fields_of(own.answers[index]), body
            except RequestError as error:
                result = own_failure.of_requests(error, [request_id], self._code)
        return error_fields(result), result.body(request_id)


def _load(spec: str, context: OwnContext) -> Handle:
    """The function that answers batches, ready. Raises whatever the person's code raises, and ValueError where none is there."""
    name, _, wanted = spec.partition(":")
    name = name.removesuffix(".py").replace("/", ".")
    own_failure.check_name(name)
    module = importlib.import_module(name)
    found = getattr(module, wanted, None) if wanted else getattr(module, "handle", None) or _only_class(module)
    if isinstance(found, type):
        instance = found()
        if hasattr(instance, "initialize"):
            instance.initialize(context)
        found = getattr(instance, "handle", None)
    elif callable(found):
        found(None, context)  # as multi-model-server tells a function to load its model
    if not callable(found):
        raise ValueError(f"{spec} has no {wanted or 'handle(data, context), or one class with initialize and handle'}")
    return found


def _only_class(module: Any) -> type | None:
    own = [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__]
    fitting = [value for value in own if hasattr(value, "initialize") and hasattr(value, "handle")]
    return fitting[0] if len(fitting) == 1 else None
