"""A tiny serving image for transform jobs. It prints each request as a line of JSON, so that a job's log shows what was sent.

ANSWER is a Python expression of what /invocations answers: bytes, or (status, bytes). It knows `body`, its `lines`, how many
requests are `open`, the `count` of this one, and json, os and time. PARAMETERS is what /execution-parameters answers, with 200;
without, that is 404. MODE `exit`: it ends at once, with a last word. With LATE, /ping is 503 until that file is there.
"""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

lock = threading.Lock()
counts = {"open": 0, "count": 0}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path == "/ping":
            late = os.environ.get("LATE")
            self.reply(503 if late and not Path(late).exists() else 200, b"")
        elif self.path == "/execution-parameters" and "PARAMETERS" in os.environ:
            self.reply(200, os.environ["PARAMETERS"].encode())
        else:
            self.reply(404, b"")

    def do_POST(self) -> None:
        body = self.read_body()
        with lock:
            counts["open"] += 1
            counts["count"] += 1
            known = {"body": body, "lines": body.splitlines(), **counts, "json": json, "os": os, "time": time}
        sent = {name.lower(): value for name, value in self.headers.items()}
        print(json.dumps({"body": body[:200].decode("latin-1"), "size": len(body), "headers": sent}), flush=True)
        exec(f"answer = {os.environ.get('ANSWER', 'body')}", known)
        answer = known["answer"]
        with lock:
            counts["open"] -= 1
        self.reply(*(answer if isinstance(answer, tuple) else (200, answer)))

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def reply(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def main() -> None:
    shown = sorted(name for name in os.environ if name.startswith(("SAGEMAKER_", "SHOWN")))
    print(json.dumps({"environment": {name: os.environ[name] for name in shown}, "arguments": sys.argv[1:]}), flush=True)
    if os.environ.get("MODE") == "exit":
        sys.exit("RuntimeError: no weights here")
    server = Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda number, frame: threading.Thread(target=server.shutdown).start())
    server.serve_forever(0.05)
    os._exit(0)


main()
