"""A tiny image that runs a person's script with the arguments and channels that SageMaker's training toolkit gives it."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

BASE = Path(os.environ["SAGEMAKER_BASE_DIR"])


def main() -> int:
    wire = json.loads((BASE / "input" / "config" / "hyperparameters.json").read_text())
    values = {name: json.loads(value) for name, value in wire.items() if name != "_tuning_objective_metric"}
    archive = values["sagemaker_submit_directory"].replace("/opt/ml", str(BASE))
    code = BASE / "code"
    with tarfile.open(archive) as tar:
        tar.extractall(code, filter="data")
    own = sorted((name, value) for name, value in values.items() if not name.startswith("sagemaker_"))
    words = [word for name, value in own for word in (f"--{name}", str(value))]
    folders = {f"SM_CHANNEL_{path.name.upper()}": str(path) for path in (BASE / "input" / "data").iterdir() if path.is_dir()}
    environment = os.environ | folders | {"SM_MODEL_DIR": str(BASE / "model")}
    return subprocess.run([sys.executable, "-u", values["sagemaker_program"], *words], cwd=code, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main() if sys.argv[1:] == ["train"] else 2)
