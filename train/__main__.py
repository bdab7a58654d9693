"""`train`, the program that SageMaker starts: reads the job, supervises what trains, decides the exit status.

A job that names an entry point runs a person's own script (train/script), any other the classifier. PID 1 of the container,
and light: torch is imported by the training processes only. `train` with the argument `train` or without any does the same; other
arguments are a command of the person's own, which is run in the place of both, as SageMaker's PyTorch images run it.
"""

import os
import shutil
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from contract.layout import DEFAULT_BASE, Layout
from train import config, failure, supervisor
from train.failure import Failure
from train.profiling import profile_settings
from train.script import own_command, script_job
from train.script import run as run_script
from train.supervisor import Stop

_USAGE = "usage: train [train | COMMAND ...]\nTrains as /opt/ml/input (or SAGEMAKER_BASE_DIR/input) says; takes no options.\n"


def main() -> int:
    arguments = sys.argv[1:]
    if arguments in (["-h"], ["--help"]):
        print(_USAGE, end="")
        return 0
    if arguments and (not arguments[0] or arguments[0].startswith("-")):
        print(_USAGE, end="", file=sys.stderr)
        return 2
    layout = Layout.from_environ(config.environ())
    layout.failure.unlink(missing_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="train-", dir=_place(layout)))
    stop = Stop(folder)
    try:
        if arguments in ([], ["train"]):
            reason = _train(layout, folder, stop)
        else:
            reason = own_command.run(arguments, layout, folder, stop)
    except Exception as error:
        reason = Failure.of(error)
    finally:
        stop.close()
        shutil.rmtree(folder, ignore_errors=True)
    if reason is None:
        return 0
    text = failure.render(reason, config.environ())
    print(f"train failed: {text}", file=sys.stderr, flush=True)
    try:
        failure.write(layout.failure, reason, config.environ())
    except OSError as error:
        print(f"output/failure cannot be written: {error.strerror}", file=sys.stderr, flush=True)
    return reason.status


def _place(layout: Layout) -> Path | None:
    """Where this program's private folder goes: beside the job's own, with which it is removed even where this program is killed.
    In a container /tmp is."""
    beside = layout.base.parent
    return beside if layout.base != DEFAULT_BASE and os.access(beside, os.W_OK) else None


def _train(layout: Layout, folder: Path, stop: Stop) -> Failure | None:
    if script_job.asked(layout, config.environ()):
        return run_script.run(layout, folder, stop)
    job = config.read_job()
    job.save(folder / "job.json")
    if len(job.hosts) > 1:
        supervisor.wait_for_hosts(job.hosts)
    measured = (
        supervisor.sampling(profile_settings.read(job.layout), job.current_host) if job.config.profile == "on" else nullcontext()
    )
    with measured:
        return supervisor.run(supervisor.command(job, folder), supervisor.environment(job, config.environ()), folder, stop)


if __name__ == "__main__":
    sys.exit(main())
