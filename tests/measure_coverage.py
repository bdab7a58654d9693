"""Runs the tests and measures which lines and branches they reach, in the processes that they start too. `make coverage` runs it.

Programs are started here with environments of their own, so coverage's variable does not reach them: while the tests run, a
start-up file (.pth) in the virtual environment measures every Python that starts. What SIGKILL ends is not counted. The least
that is accepted stands in pyproject.toml. Arguments are pytest's, in the place of all tests; then only what was reached is said.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / ".kennel" / "coverage"
START_UP = Path(sysconfig.get_path("purelib")) / "kennel_coverage.pth"
# One line, as site wants it. The folder is the switch: without it, one that was left behind measures nothing.
LINE = (
    "import os; os.path.isdir({data!r}) and (os.environ.update(COVERAGE_PROCESS_START={settings!r}, COVERAGE_FILE={file!r}),"
    " __import__('coverage').process_startup())\n"
)
TESTS = ["-m", "not slow and not engine", "--dist", "loadfile", "--no-loadscope-reorder", "--max-worker-restart", "0", "-n", "3"]


def main(wanted: list[str]) -> int:
    """Returns the exit status: the tests' own, else 2 where too little was reached."""
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    file = str(DATA / "data")
    START_UP.write_text(LINE.format(data=str(DATA), settings=str(ROOT / "pyproject.toml"), file=file))
    try:
        tests = subprocess.run([sys.executable, "-m", "pytest", "-q", *(wanted or TESTS)], cwd=ROOT, check=False).returncode
    finally:
        START_UP.unlink()
    environ = dict(os.environ) | {"COVERAGE_FILE": file}
    coverage = [sys.executable, "-m", "coverage"]
    subprocess.run([*coverage, "combine", "-q"], cwd=ROOT, env=environ, check=True)
    least = ["--fail-under=0"] if wanted else []
    report = subprocess.run([*coverage, "report", *least], cwd=ROOT, env=environ, check=False).returncode
    return tests or report


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
