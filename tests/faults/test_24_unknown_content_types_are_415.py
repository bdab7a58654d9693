"""Row 24: content types this model does not read are 415 and nothing in them is run, unpickled or echoed."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import artefact
from tests.support.server import Server


class Canary:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self._path), "w")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(artefact.small(), SAGEMAKER_MODEL_SERVER_WORKERS=1) as running:
        yield running


def test_a_pickle_is_never_loaded(server: Server, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    body = b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(128) + pickle.dumps(
        Canary(canary)
    )
    for content_type in ("application/x-npy", "application/x-npz", "application/python-pickle", "application/x-torch"):
        answer = server.invoke(body, content_type)
        assert answer.status == 415 and "image/jpeg" in answer.json()["message"]
    for content_type in ("application/octet-stream", "application/x-image", "image/png"):
        assert server.invoke(body, content_type).status == 400
    assert server.invoke(body, "application/json").status == 400
    assert not canary.exists()


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "image/svg+xml",
        "text/html",
        "text/csv",
        "x",
        "/",
        "*/*",
    ],
)
def test_unknown_types_are_415_with_the_accepted_list(server: Server, content_type: str) -> None:
    body = b"<svg onload=alert(1)><script>alert('Zyzzyva')</script>"
    answer = server.invoke(body, content_type)
    assert answer.status == 415
    assert answer.headers["content-type"] == "application/json"
    assert b"Zyzzyva" not in answer.body and answer.body == answer.body.replace(b"multipart", b"").replace(b"svg", b"")
    assert all(name in answer.json()["message"] for name in ("image/jpeg", "image/png", "image/webp", "application/json"))


def test_hostile_bytes_under_an_accepted_type_are_400_and_not_echoed(server: Server) -> None:
    for body in (
        b"<html>Zyzzyva</html>",
        b"<svg>Zyzzyva</svg>",
        b"\x89PNG\r\n\x1a\nZyzzyva",
        b"\xff\xd8\xffZyzzyva",
        b"RIFF\0\0\0\0WEBPZyzzyva",
    ):
        answer = server.invoke(body, "image/jpeg")
        assert answer.status == 400 and b"Zyzzyva" not in answer.body and b"/" not in answer.json()["code"].encode()
        assert set(answer.json()) == {"code", "message", "request_id"}
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_parameters_and_case_do_not_matter(server: Server, dogs: list[bytes]) -> None:
    dog = dogs[0]
    for content_type in (
        "image/jpeg; charset=utf-8",
        "IMAGE/JPEG",
        "image/png",
        "application/x-image",
        "application/octet-stream",
        None,
    ):
        assert server.invoke(dog, content_type).status == 200, content_type


def test_an_accept_we_do_not_speak_is_406(server: Server, dogs: list[bytes]) -> None:
    dog = dogs[0]
    answer = server.invoke(dog, Accept="application/xml, text/csv;q=0")
    assert answer.status == 406 and "text/csv" in answer.json()["message"]
    assert server.invoke(dog, Accept="application/xml, */*;q=0.1").headers["content-type"] == "application/json"
