"""A tiny serving image that keeps the contract. Its environment says how it comes up, the request's body what it answers.

MODE: ok; never (says 503 to /ping); exit (ends at once, with a last word); late (serves after 1 s). WEIGHTS is the file of
the model whose text it answers to `who`. With BROKEN set it is healthy and answers 500 to everything. START is code to run
first, which knows `base`. Bodies: who; pid; python CODE (which knows `base`); headers; environment; status CODE TEXT; sleep
SECONDS; die (no answer); half (dies in the middle of its answer); big BYTES; sick (from now on /ping fails).
"""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MODE = os.environ.get("MODE", "ok")
base = Path(os.environ["SAGEMAKER_BASE_DIR"])
MODEL = base / "model"
healthy = MODE != "never"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.reply(200 if healthy and self.path == "/ping" else 503, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if "BROKEN" in os.environ:
            return self.reply(500, b"broken")
        command, _, rest = body[:200].decode("utf-8", "replace").partition(" ")
        answer = getattr(self, f"answer_{command}", self.answer_length)
        answer(rest if answer != self.answer_length else str(len(body)))

    def answer_length(self, rest: str) -> None:
        self.reply(200, rest.encode())

    def answer_who(self, rest: str) -> None:
        file = MODEL / os.environ.get("WEIGHTS", "weights.txt")
        self.reply(200, file.read_bytes() if file.exists() else b"nobody")

    def answer_pid(self, rest: str) -> None:
        self.reply(200, str(os.getpid()).encode())

    def answer_python(self, rest: str) -> None:
        exec(rest, {"base": base})
        self.reply(200, b"done")

    def answer_headers(self, rest: str) -> None:
        self.reply(200, json.dumps({name.lower(): value for name, value in self.headers.items()}).encode())

    def answer_environment(self, rest: str) -> None:
        self.reply(200, json.dumps(dict(os.environ)).encode())

    def answer_status(self, rest: str) -> None:
        code, _, text = rest.partition(" ")
        self.reply(int(code), text.encode())

    def answer_sleep(self, rest: str) -> None:
        time.sleep(float(rest))
        self.reply(200, b"slept")

    def answer_die(self, rest: str) -> None:
        os._exit(9)

    def answer_half(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"half")
        self.wfile.flush()
        os._exit(9)

    def answer_big(self, rest: str) -> None:
        self.reply(200, b"x" * int(rest))

    def answer_sick(self, rest: str) -> None:
        global healthy
        healthy = False
        self.reply(200, b"sick now")

    def reply(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "text/plain")
        self.send_header("X-Secret-Of-The-Container", "1")
        if custom := self.headers.get("X-Amzn-SageMaker-Custom-Attributes"):
            self.send_header("X-Amzn-SageMaker-Custom-Attributes", custom)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 256


def main() -> None:
    print(f"container up with {' '.join(sys.argv[1:])} in mode {MODE}", flush=True)
    exec(os.environ.get("START", ""), {"base": base})
    if MODE == "exit":
        sys.exit("RuntimeError: no weights here")
    if MODE == "late":
        time.sleep(1.0)
    server = Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda number, frame: threading.Thread(target=server.shutdown).start())
    server.serve_forever(0.05)
    print("drained", flush=True)
    os._exit(0)


main()
