"""A person's script is run from its code to its end: fetched, given its packages, started, told to stop, judged.

PID 1 stays this program's. Never imports torch.
"""

import errno
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from contract.layout import DEFAULT_BASE, Layout
from contract.reason import first_line
from contract.script import opt_ml
from train import config, supervisor
from train.errors import ConfigError
from train.failure import Failure
from train.script import packages, script_failure, script_job, source, startup
from train.supervisor import Stop


def run(layout: Layout, folder: Path, stop: Stop) -> Failure | None:
    """Runs the script of the job; None when it ended well, why it failed otherwise. Raises TrainError for what is no script's.

    `folder` is private to the program, and removed at its end.
    """
    environ = config.environ()
    job = script_job.read(layout, environ)
    if len(job.hosts) > 1 and "MASTER_ADDR" not in environ:
        supervisor.wait_for_hosts(job.hosts)
    code = source.fetch(job, layout, folder)
    cache = config.cache(environ)
    follow = partial(_follow, stop=stop)
    try:
        python = packages.python_for(job, code, cache, folder, environ, follow, lambda: stop.asked)
    except packages.CannotInstall as error:
        return error.failure
    for place in (layout.model, layout.output_data):
        place.mkdir(parents=True, exist_ok=True)
    if job.kind == "shell":
        (code / job.program).chmod(0o777)
    started_first = startup.write(folder, layout, environ, job.current_host)
    variables = script_job.variables(job, layout, environ, code=code, python=python, startup=started_first)
    command = job.command(code, python, variables)
    ended = _start(command, layout, partial(follow, environ=variables, folder=code, is_launcher=bool(job.mpirun)))
    told = ["python", *command[1:]] if command[0] == str(python) else command
    failure = script_failure.of("ExecuteUserScriptError", ended, told, environ)
    if not failure and not (layout.model.is_dir() and any(layout.model.iterdir())):
        print("the script wrote nothing to SM_MODEL_DIR: model.tar.gz will be empty", flush=True)
    return failure


def _start(command: list[str], layout: Layout, follow: Callable[[list[str]], supervisor.Ended]) -> supervisor.Ended:
    """Runs the script to its end. Raises ConfigError for hyperparameters that the system takes in no command or environment."""
    try:
        print(f"running {shlex.join(command)}", flush=True)
        return follow(command if layout.base == DEFAULT_BASE else opt_ml.command(layout.base, command))
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno != errno.E2BIG:
            raise
        raise ConfigError(
            f"hyperparameters.json: the script cannot be started with them ({first_line(error)}); each becomes an argument and "
            "an environment variable: no name may hold '=', no value a NUL, and all together are limited to 128 KiB"
        ) from None


def _follow(
    command: list[str], environ: Mapping[str, str], folder: Path, stop: Stop, *, is_launcher: bool = False
) -> supervisor.Ended:
    return supervisor.follow(command, environ, stop, cwd=folder, signals=True, is_launcher=is_launcher)
