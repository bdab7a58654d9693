"""A tiny processing image, and a rule evaluator: what it does is said by its environment. It knows no library of ours.

`say`: a line to print. `write`: JSON of path below /opt/ml to text. `message`: text for output/message. `exit`: the exit code.
`python`: code to run first, as JSON, that knows `base`.
`wait`: seconds to wait before it ends, or `end` to wait for the end mark in the folder `base_trial`. `copy`: copies
/opt/ml/processing/input and config to processing/output, with its arguments and environment. `stop`: stops that training job.
"""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

base = Path(os.environ["SAGEMAKER_BASE_DIR"])
given = json.loads((base / "config" / "processingjobconfig.json").read_text()).get("Environment", {})


def on_term(number: int, frame: object) -> None:
    print("got SIGTERM", flush=True)
    sys.exit(143)


def wait_for_end(place: Path) -> None:
    while not (place / "training_job_end.ts").exists():
        time.sleep(0.1)


signal.signal(signal.SIGTERM, on_term)
if "say" in given:
    print(given["say"], flush=True)
exec(json.loads(given.get("python", '""')), {"base": base})
for path, text in json.loads(given.get("write", "{}")).items():
    (base / path).parent.mkdir(parents=True, exist_ok=True)
    (base / path).write_text(text)
if "copy" in given:
    out = base / "processing" / "output" / "copy"
    for folder in ("config", "processing/input"):
        if (base / folder).exists():
            shutil.copytree(base / folder, out / folder)
    about = {"arguments": sys.argv[1:], "environment": dict(os.environ), "nice": os.nice(0)}
    (out / "about.json").write_text(json.dumps(about))
if "stop" in given:
    import boto3

    boto3.client("sagemaker").stop_training_job(TrainingJobName=given["stop"])
if given.get("wait") == "end":
    wait_for_end(Path(given["base_trial"]))
else:
    time.sleep(float(given.get("wait", "0")))
if "message" in given:
    (base / "output" / "message").write_text(given["message"])
sys.exit(int(given.get("exit", "0")))
