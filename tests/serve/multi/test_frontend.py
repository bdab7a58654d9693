"""The HTTP API of a multi-model container as the platform sees it: paths, answers, errors, and the list in pages."""

import json
import socket
from collections.abc import Iterator

import pytest

from serve.multi.frontend import NAME_LIMIT
from tests.support import artefact
from tests.support.multi_model import MultiServer
from tests.support.own_model import ECHO


@pytest.fixture(scope="module")
def multi() -> Iterator[MultiServer]:
    with MultiServer() as server:
        assert server.load("small", server.put("small", artefact.small())).status == 200
        yield server


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/ping", 200),
        ("POST", "/ping", 405),
        ("POST", "/invocations", 404),
        ("GET", "/models/small", 200),
        ("GET", "/models/none", 404),
        ("DELETE", "/models/none", 404),
        ("POST", "/models/none/invoke", 404),
        ("GET", "/models/small/invoke", 405),
        ("PUT", "/models/small", 405),
        ("GET", "/models/small/invoke/more", 404),
        ("GET", "/models?limit=0", 400),
        ("GET", "/models?limit=x", 400),
    ],
)
def test_each_path_has_its_method(multi: MultiServer, method: str, path: str, status: int) -> None:
    answer = multi.request(method, path)
    assert answer.status == status
    assert status == 200 or set(answer.json()) == {"code", "message", "request_id"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"model_name": "x"}',
        b'{"model_name": 1, "url": "/opt/ml/models/x/model"}',
        b'{"model_name": "a/b", "url": "/opt/ml/models/x/model"}',
        b'{"model_name": "", "url": "/opt/ml/models/x/model"}',
        b"[" * 60_000,
    ],
)
def test_what_is_no_request_for_a_model_is_refused(multi: MultiServer, body: bytes) -> None:
    assert multi.request("POST", "/models", body).status == 400


def test_a_name_may_have_as_many_letters_as_the_limit_and_not_one_more(multi: MultiServer) -> None:
    assert multi.load("n" * NAME_LIMIT, "/opt/ml/models/none/model").json()["code"] == "UrlNotFound"
    assert multi.load("n" * (NAME_LIMIT + 1), "/opt/ml/models/none/model").json()["code"] == "BadModelName"


@pytest.mark.parametrize(
    "url",
    [
        "/opt/ml/models/none/model",
        "/opt/ml/models/small",
        "/opt/ml/models/../../../etc",
        "http://localhost/x.mar",
        "/",
        "/opt/ml/models/\0/model",
        "/opt/ml/models/\ud800/model",
        "/opt/ml/models/" + "n" * 5000 + "/model",
    ],
)
def test_a_url_that_is_no_model_s_folder_below_opt_ml_is_404(multi: MultiServer, url: str) -> None:
    answer = multi.load("new", url)
    assert answer.status == 404 and answer.json()["code"] == "UrlNotFound"


def test_a_link_out_of_opt_ml_is_not_followed(multi: MultiServer) -> None:
    place = multi.base / "models" / "link"
    place.mkdir(parents=True)
    (place / "model").symlink_to(artefact.small() / "model")
    assert multi.load("link", "/opt/ml/models/link/model").status == 404


def test_a_picture_s_errors_are_those_of_one_model(multi: MultiServer, dogs: list[bytes]) -> None:
    statuses = {body: multi.ask("small", body).status for body in (b"", b"no picture", b"\0" * 6_291_457)}
    assert list(statuses.values()) == [400, 400, 413]
    assert multi.ask("small", dogs[0], "text/html").status == 415


def test_a_name_is_opaque_and_comes_encoded(multi: MultiServer, dogs: list[bytes]) -> None:
    name = "a name? 100%ü"
    assert multi.load(name, multi.put("odd", artefact.small())).status == 200
    assert multi.ask(name, dogs[0]).status == 200 and name in multi.names()
    assert multi.unload(name).status == 200 and name not in multi.names()


def test_the_list_comes_in_pages() -> None:
    with MultiServer() as server:
        for name in ("c", "a", "b"):
            assert server.load(name, server.put(name, artefact.small())).status == 200
        first = server.request("GET", "/models?limit=2").json()
        assert [model["modelName"] for model in first["models"]] == ["a", "b"]
        server.unload("b")
        token = first["nextPageToken"]
        rest = server.request("GET", f"/models?limit=2&next_page_token={token}").json()
        assert rest == {"models": [{"modelName": "c", "modelUrl": "/opt/ml/models/c/model"}]}
        assert "nextPageToken" not in server.request("GET", "/models?limit=3").json()


def test_a_client_that_leaves_does_not_end_the_loading(dogs: list[bytes]) -> None:
    with MultiServer() as server:
        body = json.dumps({"model_name": "a", "url": server.put("a", artefact.small())}).encode()
        with socket.create_connection(("127.0.0.1", server.port)) as link:
            link.sendall(b"POST /models HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            server.event("worker_loading")
        assert server.load("a", "/opt/ml/models/a/model").status == 409
        assert server.ask("a", dogs[0]).status == 200, "a request to a model that is being loaded waits for it"


def test_a_model_s_own_headers_arrive(multi: MultiServer) -> None:
    multi.load("echo", multi.put_own("echo", {"code/inference.py": ECHO}))
    assert multi.ask("echo", b"", "text/csv").json()["type"] == "text/csv"
