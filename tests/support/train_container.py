"""A tiny training image that keeps the contract. What it does is said by hyperparameters; it knows no library of ours.

`say`: lines to print, parted by |. `write`: JSON of path below /opt/ml to text. `exit`: the exit code. `wait`: seconds to
wait before it ends. `until`: a file it waits for before it ends. `on_term`: what to do at SIGTERM: save (a checkpoint and
exit 0), ignore. `epochs`: counts up a checkpoint, one epoch each 0.1 s, printing `loss=...` from `lr`. `fail`: text for
output/failure. `python`: code to run first, as JSON, that knows `base`. `read`: the name of a hyperparameter that is an S3
URI, as JSON or as it is; the object's size is printed.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

base = Path(os.environ["SAGEMAKER_BASE_DIR"])
config = base / "input" / "config"
hyperparameters = json.loads((config / "hyperparameters.json").read_text())
checkpoint = None
if (config / "checkpointconfig.json").exists():
    checkpoint = Path(json.loads((config / "checkpointconfig.json").read_text())["LocalPath"]) / "state.json"


def on_term(number: int, frame: object) -> None:
    print("got SIGTERM", flush=True)
    if hyperparameters.get("on_term", "save") == "save":
        (base / "model" / "stopped.txt").write_text("saved on SIGTERM")
        sys.exit(0)


def epochs() -> None:
    state = {"epoch": 0, "starts": 0}
    if checkpoint and checkpoint.exists():
        state = json.loads(checkpoint.read_text())
    state["starts"] += 1
    lr = float(hyperparameters.get("lr", "0.1").strip('"'))
    while state["epoch"] < int(hyperparameters["epochs"]):
        state["epoch"] += 1
        print(f"epoch={state['epoch']} loss={(lr - 0.01) ** 2 + 1 / state['epoch']:.6f};", flush=True)
        if checkpoint:
            checkpoint.with_suffix(".part").write_text(json.dumps(state))
            os.replace(checkpoint.with_suffix(".part"), checkpoint)
        time.sleep(float(hyperparameters.get("epoch_seconds", "0.1")))
    (base / "model" / "weights.json").write_text(json.dumps(state))


signal.signal(signal.SIGTERM, on_term)
print(f"started with {' '.join(sys.argv[1:])}", flush=True)
for line in hyperparameters.get("say", "").split("|"):
    print(line, flush=True)
exec(json.loads(hyperparameters.get("python", '""')), {"base": base})
if "read" in hyperparameters:
    import boto3  # an image that reads from S3 has it

    bucket, key = hyperparameters[hyperparameters["read"].strip('"')].strip('"').removeprefix("s3://").split("/", 1)
    boto3.client("s3").download_file(bucket, key, str(base / "code.tar.gz"))
    print(f"read {(base / 'code.tar.gz').stat().st_size} bytes", flush=True)
for path, text in json.loads(hyperparameters.get("write", "{}")).items():
    (base / path).parent.mkdir(parents=True, exist_ok=True)
    (base / path).write_text(text)
if "copy_to_model" in hyperparameters:
    for file in sorted((base / "input").rglob("*")):
        if file.is_file():
            target = base / "model" / file.relative_to(base)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    (base / "model" / "environment.json").write_text(json.dumps(dict(os.environ)))
if "epochs" in hyperparameters:
    epochs()
time.sleep(float(hyperparameters.get("wait", "0")))
while "until" in hyperparameters and not Path(hyperparameters["until"]).exists():
    time.sleep(0.05)
if "fail" in hyperparameters:
    (base / "output" / "failure").write_text(hyperparameters["fail"])
sys.exit(int(hyperparameters.get("exit", "0")))
