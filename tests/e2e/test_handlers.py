"""Ten people's inference code (tests/projects/handlers) behind endpoints, under AWS's image name and by plain boto3."""

import http.server
import json
import threading
from typing import Any

import pytest

from tests.support.handler_endpoints import ask, check, deploy, endpoint_of
from tests.support.handlers import HANDLERS, Handler

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda handler: handler.name)
def test_it_answers_as_its_owner_means(clients: dict[str, Any], handler: Handler) -> None:
    check(clients, handler)


def test_one_fetches_a_picture_by_its_address(clients: dict[str, Any]) -> None:
    """The content of the request is a URL, as notebooks send one."""
    handler = next(one for one in HANDLERS if one.name == "picture_by_url")
    with _picture_server(handler.body) as url:
        deploy(clients, handler)
        answer = ask(clients, handler, json.dumps({"url": url}).encode(), "application/json")
        assert handler.right(answer["Body"].read())
    clients["sagemaker"].delete_endpoint(EndpointName=endpoint_of(handler))


class _picture_server:
    def __init__(self, body: bytes) -> None:
        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}/dog.jpg"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
