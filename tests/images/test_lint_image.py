"""`kennel lint-image` with a real engine: a toy image that keeps the contract passes, planted bad ones do not."""

import io
import tarfile
from collections.abc import Iterator

import docker
import pytest

from scripts.images.docker_engine import Refused, ask
from scripts.images.trial_container import TrialContainer
from tests.support.person import Kennel

GOOD_TRAIN = """#!/usr/bin/env python3.11
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
time.sleep(0.5)
open("/opt/ml/output/failure", "w").write("no channel named train")
sys.exit(1)
"""
GOOD_SERVE = """#!/usr/bin/env python3.11
import os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
if not os.listdir("/opt/ml/model"):
    sys.exit("no model")
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def do_POST(self):
        self.send_response(415); self.send_header("Content-Length", "0"); self.end_headers()
HTTPServer(("0.0.0.0", int(os.environ.get("SAGEMAKER_BIND_TO_PORT", 8080))), Handler).serve_forever()
"""
LABEL = "LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true\n"
DEAF = "#!/usr/bin/env python3.11\nimport time, sys\ntime.sleep(1)\nsys.exit(1)\n"
CHEERFUL = GOOD_SERVE.replace('if not os.listdir("/opt/ml/model"):\n    sys.exit("no model")\n', "")
BAD = {
    "deaf": (DEAF, None, ["no handler for SIGTERM", "leaves no /opt/ml/output/failure"]),
    "content": ("#!/usr/bin/env python3.11\n", None, ["exits with 0 on a job without any data"]),
    "cheerful": (None, CHEERFUL, ["/ping says 200 without a model"]),
    "scribbler": (GOOD_TRAIN.replace("time.sleep", 'open("/etc/mine", "w"); time.sleep'), None, ["it writes to /etc/mine"]),
    "empty": (None, None, ["neither `train` nor `serve` starts"]),
}


@pytest.fixture(scope="module")
def build(engine: docker.DockerClient, base_image: str) -> Iterator:
    """Builds an image of two programs; removed at the end."""
    made = []

    def one(name: str, train: str | None, serve: str | None, lines: str = LABEL) -> str:
        files = {key: text for key, text in (("train", train), ("serve", serve)) if text is not None}
        copies = "".join(f"COPY {key} /usr/local/bin/{key}\n" for key in files)
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as archive:
            for key, text in {"Dockerfile": f"FROM {base_image}\n{copies}{lines}", **files}.items():
                member = tarfile.TarInfo(key)
                member.size, member.mode = len(text.encode()), 0o755
                archive.addfile(member, io.BytesIO(text.encode()))
        context.seek(0)
        made.append(f"kennel-lint-test:{name}")
        engine.images.build(fileobj=context, custom_context=True, tag=made[-1], rm=True)
        return made[-1]

    yield one
    for tag in made:
        engine.images.remove(tag, force=True)


def model(kennel: Kennel) -> str:
    with tarfile.open(kennel.folder / "model.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("weights")
        member.size = 1
        archive.addfile(member, io.BytesIO(b"1"))
    return "model.tar.gz"


def test_a_good_image_passes(kennel: Kennel, build, engine: docker.DockerClient) -> None:
    image = build("good", GOOD_TRAIN, GOOD_SERVE)
    done = kennel.run("lint-image", image, "--model", model(kennel))
    assert "fit for SageMaker" in done.stdout
    assert "`train` fails with its reason: no channel named train" in done.stdout
    assert "`serve` without a model ends with 1: no model" in done.stdout
    assert "healthy on port 8347" in done.stdout
    assert not [line for line in done.stdout.splitlines() if line.startswith(("warn", "fail"))], done.stdout
    assert not engine.containers.list(all=True, filters={"label": "kennel=lint-image"})


@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_fails_with_its_finding(kennel: Kennel, build, name: str) -> None:
    train, serve, findings = BAD[name]
    done = kennel.run("lint-image", build(name, train, serve), status=None)
    for words in findings:
        assert words in done.stdout, done.stdout


def test_a_trial_reads_what_was_written_and_leaves_nothing(build, engine: docker.DockerClient) -> None:
    image = build("trial", GOOD_TRAIN, None)
    with TrialContainer(image, ["train"], {"input/config/hyperparameters.json": b"{}"}) as trial:
        assert trial.start() is None
        assert trial.wait(30) == 1
        assert trial.read("/opt/ml/output/failure") == b"no channel named train"
        assert trial.read("/opt/ml/output/absent") is None
        assert "/opt/ml/output/failure" in trial.written()
    assert not engine.containers.list(all=True, filters={"label": "kennel=lint-image"})
    with pytest.raises(Refused, match="No such image"):
        ask("image", "inspect", "nobody/knows:1")


def test_an_image_that_is_not_there_is_one_line(kennel: Kennel, engine: docker.DockerClient) -> None:
    done = kennel.run("lint-image", "nobody/knows:1", status=None)
    assert done.returncode == 2
    assert "nobody/knows:1" in done.stderr and "docker pull" in done.stderr and len(done.stderr.splitlines()) == 1
