"""Running `kennel` as a person does, in a folder of its own, with or without a local server that has the tests' tiny images."""

import contextlib
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from PIL import Image

from scripts.__main__ import main
from tests.support.local_server import IMAGES, LocalServer

ROOT = Path(__file__).resolve().parents[2]
DOGS = "tiny-dogs:1"
SCRIPTS = "toy-scripts:1"
_HEADER = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
WEIGHTS = len(_HEADER).to_bytes(8, "little") + _HEADER + bytes(4)
"""A file of weights with one number in it, as safetensors writes them."""
AWS = """[aws]
region = "eu-central-1"
role-arn = "arn:aws:iam::123456789012:role/kennel-execution"
bucket = "my-kennel"
train-instance = "ml.p3.2xlarge"
train-image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/kennel-train@sha256:{digest}"
serve-image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/kennel-serve@sha256:{digest}"
rules-image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/kennel-rules@sha256:{digest}"
kms-key = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
volume-kms-key = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
subnets = ["subnet-0a1b2c3d", "subnet-4e5f6a7b"]
security-groups = ["sg-0123abcd"]
tags = ["team=dogs"]
""".format(digest="ab" * 32)
"""A kennel.toml with everything that AWS can be given."""
LOCAL = """[local]
train-image = "tiny-dogs:1"
serve-image = "tiny-dogs:1"
rules-image = "test-processing:1"
bucket = "bucket"
"""
"""A kennel.toml for the tests' tiny images."""


class Kennel:
    """A person's folder. `run` types a command there and waits; `start` does not wait."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server: LocalServer | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def settings(self, text: str) -> None:
        (self.folder / "kennel.toml").write_text(text)

    def state(self, target: str = "local", **values: Any) -> dict[str, Any]:
        """What is remembered; with values, remembered from now on."""
        path = self.folder / ".kennel" / f"state-{target}.json"
        body = json.loads(path.read_text()) if path.exists() and not values else {}
        if values:
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(body | values))
        return body | values

    def use(self, url: str, server: LocalServer) -> None:
        """Talk to a server that runs already, perhaps through a proxy at `url`."""
        self.server = server
        about = json.loads((server.root / "server.json").read_text())
        place = self.folder / ".kennel" / "local"
        place.mkdir(parents=True, exist_ok=True)
        (place / "server.json").write_text(json.dumps(about | {"url": url}))
        (place / "lock").unlink(missing_ok=True)
        (place / "lock").symlink_to(server.root / "lock")

    @property
    def url(self) -> str:
        assert self.server is not None
        return self.server.url

    def client(self, service: str) -> Any:
        """A plain boto3 client of the server that `kennel up` started here."""
        about = json.loads((self.folder / ".kennel" / "local" / "server.json").read_text())
        keys = {"aws_access_key_id": about["access_key"], "aws_secret_access_key": about["secret_key"]}
        return boto3.client(service, region_name=about["region"], endpoint_url=about["url"], **keys)

    def clients(self) -> dict[str, Any]:
        return {name: self.client(name) for name in ("s3", "sagemaker", "sagemaker-runtime", "logs")}

    def start(self, *words: str, ignore_hangup: bool = False, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "scripts", *words],
            cwd=self.folder,
            env=_environment() | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            restore_signals=True,
            preexec_fn=_ignored if ignore_hangup else _default_signals,
        )

    def run(self, *words: str, status: int | None = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Fails unless the command ends with `status` (None: any) and without a traceback."""
        done = self._done(*words, **environment)
        assert "Traceback" not in done.stderr, done.stderr
        assert status is None or done.returncode == status, (words, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        return done

    def _done(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*words, **environment)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def fail(self, *words: str) -> tuple[int, str]:
        """The exit status and what was said on standard error, of a command run in this process."""
        said = io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stderr(said):
            status = main(words)
        return status, said.getvalue()

    def write(self, name: str, body: Any) -> Path:
        path = self.folder / name
        path.write_text(json.dumps(body))
        return path

    def plan(self, *words: str) -> list[dict[str, Any]]:
        """The requests of a dry run, in this process: a new one takes a second."""
        printed = io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(printed):
            assert main([*words, "--dry-run", "--debug"]) == 0
        return json.loads(printed.getvalue())


class KennelHere(Kennel):
    """A person's folder where `run` runs the command in the test's process, as a new one takes a second to import what it needs.

    What a process has of its own (signals, pipes, descriptors) is for Kennel.
    """

    def _done(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        streams = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
        with contextlib.chdir(self.folder), _in(_environment() | environment), streams[0], streams[1]:
            try:
                status = main(words)
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
            except Exception:
                traceback.print_exc()
                status = 1
        return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


def exported(lines: str) -> dict[str, str]:
    """The variables that lines of `export NAME=VALUE` set, as a shell would read them; no value has more than one line."""
    pairs = [shlex.split(line)[1] for line in lines.splitlines() if line.startswith("export ")]
    return dict(pair.split("=", 1) for pair in pairs)


def _environment() -> dict[str, str]:
    """This process's environment without what says which AWS it is, and with what every command is given."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("AWS_") and key not in ("TARGET", "BACKEND")}
    nowhere = {
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return own | nowhere | {"PYTHONPATH": str(ROOT), "COLUMNS": "160"}


@contextlib.contextmanager
def _in(environment: dict[str, str]) -> Iterator[None]:
    """This process has exactly that environment for as long as the context lasts."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _default_signals() -> None:
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def dog_server(root: Path) -> LocalServer:
    """A local SageMaker that knows the images tiny-dogs:1 and toy-scripts:1, with the bucket `bucket`."""
    IMAGES[DOGS] = [sys.executable, str(ROOT / "tests" / "support" / "tiny_dogs.py")]
    IMAGES[SCRIPTS] = [sys.executable, str(ROOT / "tests" / "support" / "toy_scripts.py")]
    server = LocalServer(root)
    server.s3.create_bucket(Bucket="bucket")
    return server


def write_pictures(folder: Path, classes: int = 2, each: int = 2, size: int = 16) -> Path:
    """A tiny set in the layout of dogImages; every picture differs from the others."""
    shade = 0
    for split in ("train", "valid", "test"):
        for number in range(1, classes + 1):
            place = folder / split / f"{number:03}.Breed_{number}"
            place.mkdir(parents=True)
            for index in range(each):
                shade += 1
                Image.new("RGB", (size, size), (shade % 256, number * 50 % 256, index)).save(place / f"dog_{index}.jpg")
    return folder
