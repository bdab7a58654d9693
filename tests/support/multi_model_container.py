"""A tiny image of many models, which speaks multi-model-server's container API. Its environment and its models say how.

CAPACITY: the models that it has memory for (none: as many as come); a load beyond is 507. LOAD_SECONDS: how long a load takes.
LIST: what it answers to GET /models, in the place of its list.
A model is its weights.txt; one that says `slow SECONDS`, `refuse STATUS` or `die` does so when it is loaded. Invocations: who
(the model's weights.txt); seen (the request's path, headers and all calls so far, as JSON); sleep SECONDS; status CODE TEXT; die;
drop (the container forgets the model, and says 404 for it); big BYTES; python CODE, which knows `base`.
"""

import json
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

CAPACITY = int(os.environ.get("CAPACITY", "1000000"))
PAGE = 2
base = Path(os.environ["SAGEMAKER_BASE_DIR"])
models: dict[str, tuple[str, str]] = {}
calls: list[str] = []
lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path == "/ping":
            return self.reply(200, b"")
        calls.append(f"GET {self.path}")
        if path == "/models" and "LIST" in os.environ:
            return self.reply(200, os.environ["LIST"].encode())
        if path == "/models":
            start = int(query.get("next_page_token", ["0"])[0])
            names = list(models)
            page: dict[str, Any] = {
                "models": [{"modelName": name, "modelUrl": models[name][0]} for name in names[start : start + PAGE]]
            }
            if names[start + PAGE :]:
                page["nextPageToken"] = str(start + PAGE)
            return self.reply(200, json.dumps(page).encode())
        name = path.removeprefix("/models/")
        self.reply(200 if name in models else 404, json.dumps({"modelName": name}).encode())

    def do_DELETE(self) -> None:
        name = self.path.removeprefix("/models/")
        calls.append(f"DELETE {name}")
        with lock:
            self.reply(200 if models.pop(name, None) else 404, b"{}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/models":
            return self.load(**json.loads(body))
        name = self.path.removeprefix("/models/").removesuffix("/invoke")
        calls.append(f"INVOKE {name}")
        if (found := models.get(name)) is None:
            return self.reply(404, b"no such model")
        self.url, self.weights = found
        command, _, rest = body.decode("utf-8", "replace").partition(" ")
        getattr(self, f"answer_{command}")(name, rest)

    def load(self, model_name: str, url: str) -> None:
        calls.append(f"LOAD {model_name}")
        if model_name in models:
            return self.reply(409, b"loaded already")
        with lock:
            if len(models) >= CAPACITY:
                return self.reply(507, b"no memory left")
        time.sleep(float(os.environ.get("LOAD_SECONDS", "0")))
        weights = (Path(url) / "weights.txt").read_text()
        command, _, rest = weights.partition(" ")
        if command == "slow":
            time.sleep(float(rest))
        if command == "refuse":
            return self.reply(int(rest), b"these weights are odd")
        if command == "die":
            os._exit(9)
        with lock:
            if len(models) >= CAPACITY:
                return self.reply(507, b"no memory left")
            models[model_name] = (url, weights)
        self.reply(200, b"{}")

    def answer_who(self, name: str, rest: str) -> None:
        self.reply(200, self.weights.encode())

    def answer_seen(self, name: str, rest: str) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        seen = {"path": self.path, "headers": headers, "calls": calls, "url": self.url, "environment": dict(os.environ)}
        self.reply(200, json.dumps(seen).encode())

    def answer_sleep(self, name: str, rest: str) -> None:
        time.sleep(float(rest))
        self.reply(200, b"slept")

    def answer_status(self, name: str, rest: str) -> None:
        code, _, text = rest.partition(" ")
        self.reply(int(code), text.encode())

    def answer_big(self, name: str, rest: str) -> None:
        self.reply(200, b"x" * int(rest))

    def answer_die(self, name: str, rest: str) -> None:
        os._exit(9)

    def answer_drop(self, name: str, rest: str) -> None:
        models.pop(name, None)
        self.reply(200, b"dropped")

    def answer_python(self, name: str, rest: str) -> None:
        exec(rest, {"base": base})
        self.reply(200, b"done")

    def reply(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def main() -> None:
    print("container of many models up", flush=True)
    server = Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda number, frame: threading.Thread(target=server.shutdown).start())
    server.serve_forever(0.05)
    os._exit(0)


main()
