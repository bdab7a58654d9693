"""A job that runs a person's own script, as the platform's files describe one: entry point, code, arguments, environment.

sagemaker_training reads the files and words arguments and SM_* variables; this module decides what of them is run here. Never
imports torch.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.layout import Layout
from contract.machine import gpus
from contract.script.script_mode import PROGRAM, is_entry_point, torch_home
from train import config
from train.errors import ConfigError
from train.script import mpirun
from train.supervisor import MASTER_PORT, TORCHRUN_ALONE, torchrun

_PROJECT = Path(__file__).parents[2]
"""Where this program's own modules lie, which are none of a script's."""
_TORCHRUN = ("sagemaker_torch_distributed_enabled", "sagemaker_distributed_dataparallel_enabled")
_UNSUPPORTED = {
    "sagemaker_parameter_server_enabled": "a parameter server",
    "sagemaker_multi_worker_mirrored_strategy_enabled": "TensorFlow's MultiWorkerMirroredStrategy",
    "sagemaker_pytorch_xla_multi_worker_enabled": "PyTorch XLA",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptJob:
    """One script on this host. `source`: an s3:// URI, a folder or a tar.gz; empty where the code is in place already."""

    program: str
    source: str
    arguments: tuple[str, ...]
    variables: Mapping[str, str]
    """SM_* variables, as sagemaker_training words them."""
    hosts: tuple[str, ...]
    current_host: str
    network_interface: str
    processes: int | None
    """Processes that torchrun starts on this host; None: the script is started as it is, or by mpirun."""
    mpirun: tuple[str, ...] = ()
    """The beginning of mpirun's command, where that starts the script."""

    @property
    def kind(self) -> str:
        """`python` or `shell`, by the entry point's name."""
        return "python" if self.program.endswith(".py") else "shell"

    def command(self, code: Path, python: Path, environ: Mapping[str, str]) -> list[str]:
        """The command that runs the script with `code` as working directory."""
        if self.kind == "shell":
            return [*self.mpirun, "/bin/sh", "-c", './"$0" "$@"', self.program, *self.arguments]
        start = [self.program]
        if (code / "setup.py").is_file():
            start = ["-m", self.program.removesuffix(".py").replace("/", ".")]
        if self.mpirun:
            return [*self.mpirun, str(python), *mpirun.python_words(python), *start, *self.arguments]
        if self.processes is None:
            return [str(python), *start, *self.arguments]
        master = environ["MASTER_ADDR"], environ["MASTER_PORT"]
        return [str(python), *torchrun(self.processes, self.hosts, self.current_host, master), *start, *self.arguments]


def asked(layout: Layout, environ: Mapping[str, str]) -> bool:
    """Whether the job names an entry point of its own."""
    if environ.get(PROGRAM.upper()):
        return True
    try:
        return PROGRAM in json.loads(layout.hyperparameters.read_bytes())
    except (OSError, ValueError, TypeError, RecursionError):
        return False  # the classifier's configuration says what is wrong with the file


def read(layout: Layout, environ: Mapping[str, str]) -> ScriptJob:
    """The job that the platform's files describe. Raises ConfigError."""
    platform = config.platform_of(layout)
    parameters = platform.additional_framework_parameters
    program = str(platform.user_entry_point or "")
    if not is_entry_point(program):
        raise ConfigError(
            f"{PROGRAM}: {program[:200]!r} is no path of a script inside the source folder; name it as in entry_point='train.py'"
        )
    for name, what in _UNSUPPORTED.items():
        if parameters.get(name):
            raise ConfigError(f"{name}: {what} is not run here; use distribution={{'torch_distributed': {{'enabled': True}}}}")
    source = str(platform.module_dir)
    hosts = tuple(sorted(platform.hosts))
    devices = gpus.visible(environ, platform.num_gpus)
    return ScriptJob(
        program=program,
        source="" if Path(source) == layout.base / "code" else source,
        arguments=tuple(platform.to_cmd_args()),
        variables=platform.to_env_vars(),
        hosts=hosts,
        current_host=platform.current_host,
        network_interface=platform.network_interface_name,
        processes=max(1, devices) if any(parameters.get(name) for name in _TORCHRUN) else None,
        mpirun=mpirun.words(parameters, hosts, environ) if parameters.get(mpirun.ENABLED) else (),
    )


def variables(
    job: ScriptJob, layout: Layout, environ: Mapping[str, str], *, code: Path, python: Path, startup: Path
) -> dict[str, str]:
    """The script's environment. What the job's own environment sets goes before all but the SM_* variables.

    `startup`: a folder with the sitecustomize.py that every Python of the job runs first.
    """
    found = surroundings(layout, environ, job.hosts, job.network_interface, python=python, modules=[startup, code])
    return found | dict(job.variables)


def surroundings(
    layout: Layout, environ: Mapping[str, str], hosts: Sequence[str], interface: str, *, python: Path, modules: Sequence[Path]
) -> dict[str, str]:
    """The environment of all that runs for a job on this host: the job's own, and what is needed beside it.

    `python`: the job's; its programs are the first on PATH. `modules`: folders that go before the job's own PYTHONPATH.
    """
    alone = len(hosts) == 1
    added = {
        "PYTHONUNBUFFERED": "1",
        "MASTER_ADDR": hosts[0],
        "MASTER_PORT": str(MASTER_PORT),
        "GLOO_SOCKET_IFNAME": "lo" if alone else interface,
        "NCCL_SOCKET_IFNAME": "lo" if alone else interface,
        # The files of a script's own are trusted as the script is: PyTorch before 2.6 loaded whole modules by default.
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
        "SMDEBUG_CONFIG_FILE_PATH": str(layout.debug_hook_config),
        "TENSORBOARD_CONFIG_FILE_PATH": str(layout.config / "tensorboardoutputconfig.json"),
        "CHECKPOINT_CONFIG_FILE_PATH": str(layout.checkpoint_config),
        # smdebug's profiler knows no torch of today, and runs the values of the file as Python.
        "SMPROFILER_CONFIG_PATH": "/dev/null",
    }
    if alone:
        added |= TORCHRUN_ALONE
    if cache := config.cache(environ):
        added |= {"TORCH_HOME": str(torch_home(cache)), "HF_HOME": str(cache / "huggingface")}
    found = added | dict(environ)
    path = environ.get("PATH") or "/usr/local/bin:/usr/bin:/bin"
    found["PATH"] = path if path.startswith(f"{python.parent}:") else f"{python.parent}:{path}"
    own = [entry for entry in environ.get("PYTHONPATH", "").split(":") if entry and Path(entry) != _PROJECT]
    found["PYTHONPATH"] = ":".join([*map(str, modules), *own])
    return found
