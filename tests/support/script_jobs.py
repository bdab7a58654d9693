"""A person's own script for tests: a source folder, a private /opt/ml, and the `train` program started as SageMaker does."""

import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from contract.layout import Layout
from tests.support.train_jobs import Container, draw


class ScriptContainer(Container):
    """A private /opt/ml with a job that runs a script. `files`: of the source folder, by name."""

    def __init__(
        self, base: Path, files: dict[str, str], *, program: str = "train.py", pictures: int = 0, **hyperparameters: Any
    ):
        """`hyperparameters`: sent as the SDK's framework estimators send them, each value as JSON."""
        self.base, self.layout = base, Layout(base)
        self.layout.config.mkdir(parents=True)
        (base / "input" / "data").mkdir(parents=True)
        for split in ("train", "valid", "test") if pictures else ():
            draw(base / "input" / "data", split, pictures)
        archive = base / "input" / "data" / "code" / "sourcedir.tar.gz"
        archive.parent.mkdir()
        pack(archive, base.parent / "source", files)
        self.send(
            sagemaker_program=program, sagemaker_submit_directory="/opt/ml/input/data/code/sourcedir.tar.gz", **hyperparameters
        )
        self.put("resourceconfig", {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"})

    def send(self, **hyperparameters: Any) -> None:
        """Writes hyperparameters.json, and the channels that are there."""
        self.configure({name: json.dumps(value) for name, value in hyperparameters.items()})


def pack(archive: Path, folder: Path, files: dict[str, str]) -> None:
    """Writes files into `folder` and packs it as the SDK packs a source_dir."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if text.startswith("#!") else 0o644)
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                tar.add(path, path.relative_to(folder).as_posix())


def write_wheel(folder: Path, name: str, files: dict[str, str]) -> Path:
    """A wheel of version 1.0 of a package, as pip installs it; returns the folder to find it in."""
    folder.mkdir(parents=True, exist_ok=True)
    about = f"{name}-1.0.dist-info"
    metadata = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},," for path in (*files, *metadata, f"{about}/RECORD")]
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, text in {**files, **metadata, f"{about}/RECORD": "\n".join(rows)}.items():
            archive.writestr(path, text)
    return folder
