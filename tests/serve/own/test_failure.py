"""Errors of a person's code: the line or answer that each becomes."""

from pathlib import Path

import pytest
from sagemaker_inference.errors import BaseInferenceToolkitError, GenericInferenceToolkitError, UnsupportedFormatError

from serve.errors import RequestError
from serve.own import failure as own_failure


class PredictionException(Exception):
    def __init__(self, message: str, error_code: int) -> None:
        super().__init__(message)
        self.error_code = error_code


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UnsupportedFormatError("a/b"), 415, "UnsupportedContentType"),
        (BaseInferenceToolkitError(418, "short", "teapot"), 418, "HandlerError"),
        (GenericInferenceToolkitError(400), 400, "HandlerError"),
        (BaseInferenceToolkitError(200, "no error", "x"), 500, "HandlerError"),
        (BaseInferenceToolkitError(799, "none of HTTP's", "x"), 500, "HandlerError"),
        (PredictionException("bad", 422), 422, "HandlerError"),
        (MemoryError(), 507, "OutOfMemory"),
        (RequestError(500, "BadAnswer", "None"), 500, "BadAnswer"),
        (ValueError("/etc/secret"), 500, "HandlerFailed"),
    ],
)
def test_each_error_has_its_status(error: Exception, status: int, code: str) -> None:
    told = own_failure.of_requests(error, ["a"], Path("/code"))
    assert (told.status, told.code) == (status, code) and "/etc" not in told.message


def _raised(path: Path, text: str) -> Exception:
    path.write_text(text)
    try:
        exec(compile(text, str(path), "exec"), {})
    except Exception as error:
        return error
    raise AssertionError("it did not raise")


def test_the_place_is_the_innermost_line_of_the_persons_own_code(tmp_path: Path) -> None:
    error = _raised(tmp_path / "inference.py", "import json\ndef model_fn(folder):\n    return json.loads('{')\nmodel_fn('a')\n")
    told = str(own_failure.of_load(error, "inference.py", tmp_path))
    assert told.startswith("inference.py cannot be loaded: JSONDecodeError: ") and told.endswith(" (inference.py:3 in model_fn)")


def test_a_missing_smdebug_names_salvage(tmp_path: Path) -> None:
    error = _raised(tmp_path / "inference.py", "raise ModuleNotFoundError(\"No module named 'smdebug'\", name='smdebug.pytorch')")
    assert "kennel salvage" in str(own_failure.of_load(error, "inference.py", tmp_path))
    other = _raised(tmp_path / "inference.py", "raise ModuleNotFoundError(\"No module named 'timm'\", name='timm')")
    assert "kennel salvage" not in str(own_failure.of_load(other, "inference.py", tmp_path))


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(ValueError, match="has the name"):
        own_failure.check_name("json")
    own_failure.check_name("no_such_module_of_anybody")
