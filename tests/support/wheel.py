"""A wheel of this project as `pip install .` makes it, built from a copy: a build leaves folders beside what it reads."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def project_files() -> list[str]:
    """The paths of the project's files: what git has or would take, each as it lies there now."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(name for name in set(listed.stdout.split("\0")) if name and (ROOT / name).is_file())


def build_wheel(folder: Path, from_sdist: bool = False) -> Path:
    """The wheel's path, in this folder, which is made. `from_sdist`: built from a source distribution, as an index has it."""
    source = folder / "tree"
    for name in project_files():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    if from_sdist:
        backend = "import setuptools.build_meta, sys; print(setuptools.build_meta.build_sdist(sys.argv[1]))"
        made = _run([sys.executable, "-c", backend, folder], source)
        source = folder / made.splitlines()[-1]
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    _run([*pip, source], folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _run(command: list[str | Path], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
