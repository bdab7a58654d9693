"""Artefacts that bring their own inference code: a model folder with files of a test, and a serve program that runs it."""

from pathlib import Path

from tests.support.server import Server

ECHO = """
import json, os

def model_fn(model_dir):
    return {"folder": model_dir, "cwd": os.getcwd()}

def input_fn(data, content_type):
    return data, content_type

def predict_fn(data, model):
    return {"bytes": len(data[0]), "type": data[1], **model}

def output_fn(prediction, accept):
    return json.dumps(prediction), accept
"""
"""A script that says what it was given."""


def write(base: Path, files: dict[str, str | bytes]) -> Path:
    """/opt/ml with these files in its model folder, by their names; returns `base`."""
    for name, content in files.items():
        path = base / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return base


def serve(base: Path, files: dict[str, str | bytes], *, ready: bool = True, **environ: object) -> Server:
    """A serve program on them, with one worker unless `environ` says otherwise."""
    return Server(write(base, files), ready=ready, **{"SAGEMAKER_MODEL_SERVER_WORKERS": 1, **environ})


CLUMSY = """
import json, os, signal, subprocess, sys, time

class OwnError(Exception):
    def __str__(self):
        raise RuntimeError("it cannot even be told")

held = []

def model_fn(model_dir):
    return {}

def transform_fn(model, data, content_type, accept):
    word = data.decode()
    if word == "hang":
        time.sleep(1000)
    if word == "hang with a child":
        subprocess.run(["sleep", "1000"])
    if word == "exit":
        sys.exit(3)
    if word == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if word == "interrupt":
        raise KeyboardInterrupt
    if word == "leak":
        held.append(bytearray(100 << 20))
    if word == "print":
        for _ in range(200_000):
            print("x" * 99)
    if word == "raise":
        raise OwnError
    if word == "none":
        return None
    if word == "large":
        return b"a" * (300 << 20)
    if word == "generator":
        return (part for part in "ab")
    if word == "fork":
        if os.fork() == 0:
            time.sleep(1000)
    if word == "fork and answer":
        os.fork()
    if word == "daemon":
        subprocess.Popen(["sleep", "1000"])
    if word == "chdir":
        os.chdir("/")
    if word == "close":
        os.closerange(3, 200)
    if word == "garbage":
        os.write(3, b"\\xff" * 4096)
    if word == "lies":
        fields = json.dumps([{"status": 200, "content_type": "a\\r\\nb: c", "size": 0}]).encode()
        os.write(3, len(fields).to_bytes(4, "big") + fields)
        time.sleep(1000)
    return json.dumps([word, os.getpid(), os.getcwd()])
"""
"""A script that does to its worker what its request says."""


def clumsy(base: Path, **environ: object) -> Server:
    """A serve program with two workers on that script; requests have 3 s."""
    settings = {"SAGEMAKER_MODEL_SERVER_WORKERS": 2, "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": 3, **environ}
    return serve(base, {"code/inference.py": CLUMSY}, **settings)
