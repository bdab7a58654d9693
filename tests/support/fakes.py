"""Servers that misbehave on request: a proxy before an AWS-like server, and a file server that breaks off."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit


class _Running:
    """A server on a loopback port of its own, for as long as the context lasts."""

    server: ThreadingHTTPServer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.server.shutdown()
        self.server.server_close()


class FaultyProxy(_Running):
    """Hands requests on to `url`. `faults` maps an operation to what happens to its next requests, one each:

    `reset`: it is handed on, the answer is thrown away and the connection closed. `drop`: closed before it is handed on.
    (code, message) or (code, message, status): refused with that error. `seen` counts every request of an operation.
    An S3 request's operation is its method and first path part, `PUT /bucket`.
    """

    def __init__(self, url: str, **faults: list[Any]) -> None:
        self.faults, self.seen, self.lock = faults, Counter(), threading.Lock()
        self.bodies: list[tuple[str, bytes]] = []
        split = urlsplit(url)
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                name = self.headers.get("X-Amz-Target", "").rpartition(".")[2] or _rest_name(self)
                with proxy.lock:
                    proxy.seen[name] += 1
                    proxy.bodies.append((name, body))
                    waiting = proxy.faults.get(name, [])
                    fault = waiting.pop(0) if waiting else None
                if isinstance(fault, tuple):
                    return self.refuse(*fault)
                if fault == "drop":
                    return self.hang_up()
                connection = HTTPConnection(split.hostname, split.port, timeout=90)
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for key, value in self.headers.items():
                    connection.putheader(key, value)
                connection.endheaders(body)
                reply = connection.getresponse()
                answer = reply.read()
                connection.close()
                if fault == "reset":
                    return self.hang_up()
                self.send_response(reply.status)
                for key, value in reply.getheaders():
                    if key.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                        self.send_header(key, value)
                length = reply.getheader("Content-Length") if self.command == "HEAD" else str(len(answer))
                self.send_header("Content-Length", length or "0")
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any

            def refuse(self, code: str, message: str, status: int = 400) -> None:
                body = json.dumps({"__type": code, "message": message}).encode()
                if not self.headers.get("X-Amz-Target"):
                    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("x-amzn-ErrorType", code)
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else body)

            def hang_up(self) -> None:
                self.close_connection = True

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.server = _quiet(Handler)


def _rest_name(handler: BaseHTTPRequestHandler) -> str:
    path = urlsplit(handler.path).path
    if path.startswith("/endpoints/"):
        return "InvokeEndpoint"
    return f"{handler.command} /{path.split('/')[1]}"


class FileServer(_Running):
    """Serves `body` at any path, with ranges. `break_after`: bytes after which each of the next answers breaks off."""

    def __init__(self, body: bytes, etag: str | None = '"1"', ranges: bool = True) -> None:
        self.body, self.etag, self.ranges = body, etag, ranges
        self.break_after: list[int] = []
        self.status: list[int] = []
        self.asked: list[str | None] = []
        files = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                files.asked.append(self.headers.get("Range"))
                if files.status:
                    self.send_error(files.status.pop(0))
                    return
                start = 0
                if files.ranges and (asked := self.headers.get("Range")):
                    start = int(asked.removeprefix("bytes=").rstrip("-"))
                    if self.headers.get("If-Range") not in (None, files.etag):
                        start = 0
                if start and start >= len(files.body):
                    self.send_error(416)
                    return
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(files.body) - start))
                if files.etag:
                    self.send_header("ETag", files.etag)
                self.end_headers()
                most = files.break_after.pop(0) if files.break_after else len(files.body)
                self.wfile.write(files.body[start : start + most])

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.server = _quiet(Handler)


def _quiet(handler: Callable[..., BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server: BaseServer = Quiet(("127.0.0.1", 0), handler)
    assert isinstance(server, ThreadingHTTPServer)
    return server
