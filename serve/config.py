"""Everything that can be set, read from the environment once. The only file of this room that looks at `os.environ`.

SageMaker's own variables keep their names and meanings (the names come from sagemaker_inference); ours start with KENNEL_.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sagemaker_inference import parameters
from sagemaker_inference.content_types import JSON

from contract.layout import Layout
from contract.machine import cgroup
from contract.machine.gpus import count as count_gpus
from contract.machine.nvml import Nvml
from contract.pictures.picture_memory import MAX_DECODING_BYTES
from contract.precision import PRECISIONS
from contract.script.script_mode import CACHE_VARIABLE, torch_home
from serve.engines.engine import AUTO
from serve.errors import ConfigError
from serve.handler_choice import HandlerChoice, OwnCode, choose
from serve.headers import OUTPUTS

Number = TypeVar("Number", int, float)
ENGINES = ("openvino", "torch")
_MIB = 1 << 20
_WORKER_BYTES = 256 * _MIB
"""One OpenVINO worker with ResNet18 that decodes nothing, measured at 250 MiB."""
_TORCH_WORKER_BYTES, _GPU_WORKER_BYTES = 960 * _MIB, 1300 * _MIB
"""One torch worker with ResNet18: of the machine's memory, where CUDA takes much of it, and of the GPU's. Measured on an H200 at
930 and 1,220 MiB."""
_OWN_WORKER_BYTES, _OWN_MODEL_TIMES = 800 * _MIB, 2
"""One worker with a person's own code: Python and torch without a model, measured at 550 MiB, and room for what requests take.
Its model is in memory twice while its file is read into a network."""
_WORKERS_A_GPU = 4
"""A worker prepares pictures on a CPU while the GPU, which is fast, belongs to another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One serving program. Times in seconds, sizes in bytes."""

    model: Path
    """The unpacked artefact; never written to. Of many models, the folder that one of them would have."""
    multi: bool = False
    """SAGEMAKER_MULTI_MODEL: models come and go by the platform's requests, each in workers of its own."""
    memory_limit: int | None = None
    """KENNEL_MEMORY_LIMIT_IN_MB: of many models and the program together, one more model is refused; the container's own limit
    where that is less. None: what the machine has."""
    handler: HandlerChoice = field(default_factory=HandlerChoice)
    """KENNEL_HANDLER, SAGEMAKER_PROGRAM and SAGEMAKER_SUBMIT_DIRECTORY, or what lies in the artefact."""
    own_code: OwnCode | None = None
    """A person's code, once it is ready."""
    own_folder: Path | None = None
    """Of one of many models: where its worker makes the person's code ready."""
    compat: bool = True
    """KENNEL_COMPAT=off: a person's script does without the names that libraries had in 2020 to 2023."""
    cache: Path | None = None
    """KENNEL_CACHE: the folder of packages and weights that all programs of a machine share."""
    host: str = "0.0.0.0"
    port: int = 8080
    engine: str = "openvino"
    """KENNEL_ENGINE; torch where there is an NVIDIA device, else openvino."""
    precision: str = AUTO
    """KENNEL_PRECISION; auto: the fastest that training accepted and this processor does fast."""
    gpus: int = 0
    workers: int = 1
    """Processes that hold the model, SAGEMAKER_MODEL_SERVER_WORKERS; one for each of many models; else one a CPU, at most four a
    GPU, fewer when memory is short. Of a person's own code one a GPU, whose memory nobody can foresee, and one a CPU, as
    SageMaker's images have."""
    threads: int = 1
    """Threads of one worker's network: the CPUs divided among the workers; one, of many models."""
    decoders: int = 1
    """Pictures of a batch that a worker decodes side by side: as many as it has threads, fewer when memory is short."""
    batch: int = 1
    """KENNEL_BATCH: waiting requests that an idle worker takes up at one time, none of which waits for a batch to fill; 16 on a
    GPU; 2 on a CPU, where two int8 pictures together cost 7 % less and more of them hardly anything less; 1 for a person's own
    code, which may take one request at a time only."""
    body_limit: int = 6 * _MIB
    """SAGEMAKER_MAX_PAYLOAD_IN_MB; a longer body is answered 413, and a request with a longer answer 500."""
    queue_limit: int = 100
    """KENNEL_QUEUE_LIMIT: requests that wait for a worker; one more is answered 503."""
    connection_limit: int = 2000
    """KENNEL_CONNECTION_LIMIT; fewer where the process may not have as many file descriptors."""
    backlog: int = 1024
    """New connections that the kernel queues, and refused ones that may be open to hear of it."""
    upload_budget: int = 512 * _MIB
    """KENNEL_UPLOAD_BUDGET_IN_MB: bytes of all bodies held at one time; an eighth of the memory where that is less."""
    request_timeout: float = 55.0
    """SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS: from the whole body to the answer; SageMaker itself waits 60."""
    header_timeout: float = 10.0
    body_timeout: float = 30.0
    idle_timeout: float = 75.0
    startup_timeout: float = 600.0
    """SAGEMAKER_STARTUP_TIMEOUT: from launch to the first answer."""
    worker_timeout: float = 120.0
    """KENNEL_WORKER_TIMEOUT_SECONDS: how long no worker may be ready, once one was; then the program ends."""
    drain_grace: float = 2.0
    """KENNEL_DRAIN_GRACE_SECONDS: after SIGTERM, how long new requests are still taken."""
    drain_limit: float = 20.0
    """KENNEL_DRAIN_LIMIT_SECONDS: after SIGTERM, when what is still unanswered is given up; SageMaker kills at 30."""
    default_accept: str = JSON

    @property
    def answers_limit(self) -> int:
        """Bytes of all answers that a worker sends at one time, with what says how long each is."""
        return self.batch * (self.body_limit + 65_536)

    @property
    def in_flight_limit(self) -> int:
        """Requests that the workers can have in hand at one time."""
        return self.batch * self.workers


def from_environ(environ: Mapping[str, str] = os.environ) -> Config:
    """Raises ConfigError with every problem, one after the other in one line."""
    read = _Reader(environ)
    gpus = count_gpus(environ)
    layout = Layout.from_environ(environ)
    multi = environ.get(parameters.MULTI_MODEL_ENV, "").lower() == "true"
    handler = HandlerChoice() if multi else read.checked(lambda: choose(layout, environ), HandlerChoice())
    engine = read.choice("KENNEL_ENGINE", "torch" if gpus else "openvino", ENGINES)
    precision = read.choice("KENNEL_PRECISION", AUTO, (AUTO, *PRECISIONS))
    gpus = gpus if engine == "torch" or handler.own_code else 0
    body_limit = read.whole(parameters.MAX_REQUEST_SIZE, 6, 1, 1024) * _MIB
    cpus, memory = cgroup.cpus(), cgroup.memory_left()
    uploads = read.whole("KENNEL_UPLOAD_BUDGET_IN_MB", max(1, min(512, memory // 8 // _MIB)), 1, 1 << 20) * _MIB
    fitting = _own_workers(cpus, gpus, memory - uploads, layout.model) if handler.own_code else None
    fitting = 1 if multi else fitting or _default_workers(cpus, gpus, memory - uploads)
    workers = read.whole(parameters.MODEL_SERVER_WORKERS_ENV, fitting, 1, 256)
    threads = 1 if multi else max(1, cpus // workers)
    config = Config(
        model=layout.model,
        multi=multi,
        memory_limit=_memory_limit(read),
        handler=handler,
        compat=environ.get("KENNEL_COMPAT") != "off",
        cache=Path(environ[CACHE_VARIABLE]) if environ.get(CACHE_VARIABLE) else None,
        host=read.text("KENNEL_BIND_HOST", "0.0.0.0"),
        port=read.whole(parameters.BIND_TO_PORT_ENV, 8080, 1, 65535),
        engine=engine,
        precision=precision,
        gpus=gpus,
        workers=workers,
        threads=threads,
        decoders=_decoders(threads, workers, gpus, memory - uploads),
        batch=read.whole("KENNEL_BATCH", 1 if multi or handler.own_code else 16 if gpus else 2, 1, 256),
        body_limit=body_limit,
        queue_limit=read.whole("KENNEL_QUEUE_LIMIT", 100, 1, 100_000),
        connection_limit=read.whole("KENNEL_CONNECTION_LIMIT", 2000, 1, 100_000),
        upload_budget=max(2 * body_limit, uploads),
        request_timeout=_request_timeout(read),
        startup_timeout=read.number(parameters.STARTUP_TIMEOUT_ENV, 600.0, 1, 3600),
        worker_timeout=read.number("KENNEL_WORKER_TIMEOUT_SECONDS", 120.0, 1, 3600),
        drain_grace=read.number("KENNEL_DRAIN_GRACE_SECONDS", 2.0, 0, 10),
        drain_limit=read.number("KENNEL_DRAIN_LIMIT_SECONDS", 20.0, 1, 3600),
        default_accept=(
            read.text(parameters.DEFAULT_INVOCATIONS_ACCEPT_ENV, JSON)
            if multi or handler.own_code
            else read.choice(parameters.DEFAULT_INVOCATIONS_ACCEPT_ENV, JSON, OUTPUTS)
        ),
    )
    if read.problems:
        raise ConfigError("; ".join(read.problems))
    return config


def child_environ(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """A copy of the environment, for the processes this program starts."""
    return dict(environ)


def own_code_environ(config: Config, environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with what a person's code finds in SageMaker's images; what is set already stays, but for the program's name."""
    added = {
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": str(config.threads),
        # The files of a person's own are trusted as the code is: PyTorch before 2.6 loaded whole modules by default.
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
        "SMPROFILER_CONFIG_PATH": os.devnull,  # smdebug's profiler would run the values of that file as Python
        "SM_MODEL_DIR": str(config.model),
    }
    if config.cache:
        added |= {"TORCH_HOME": str(torch_home(config.cache)), "HF_HOME": str(config.cache / "huggingface")}
    if region := environ.get("AWS_REGION"):
        added["AWS_DEFAULT_REGION"] = region  # the one that boto3 reads
    name = Path(config.handler.name).name
    return {
        **added,
        **environ,
        parameters.USER_PROGRAM_ENV: name,
        parameters.DEFAULT_INVOCATIONS_ACCEPT_ENV: config.default_accept,
    }


def _memory_limit(read: "_Reader") -> int | None:
    own = read.whole("KENNEL_MEMORY_LIMIT_IN_MB", 0, 1, 1 << 24) * _MIB
    return min((limit for limit in (own, cgroup.memory_limit()) if limit), default=None)


def _own_workers(cpus: int, gpus: int, memory: int, model: Path) -> int:
    """One a GPU, else one a CPU, as far as there is memory for the model in each."""
    size = sum(path.stat().st_size for path in model.rglob("*") if path.is_file()) if model.is_dir() else 0
    return max(1, min(gpus or cpus, memory // (_OWN_WORKER_BYTES + _OWN_MODEL_TIMES * size)))


def _default_workers(cpus: int, gpus: int, memory: int) -> int:
    """Each worker has room for the largest picture that is decoded."""
    if gpus:
        room = [gpu.free // _GPU_WORKER_BYTES for gpu in Nvml().read() if gpu.free is not None]
        fitting = memory // (_TORCH_WORKER_BYTES + MAX_DECODING_BYTES)
        return max(gpus, min(cpus, gpus * min([_WORKERS_A_GPU, *room]), fitting))
    return max(1, min(cpus, memory // (_WORKER_BYTES + MAX_DECODING_BYTES)))


def _decoders(threads: int, workers: int, gpus: int, memory: int) -> int:
    own = _TORCH_WORKER_BYTES if gpus else _WORKER_BYTES
    return max(1, min(threads, (memory // workers - own) // MAX_DECODING_BYTES))


def _request_timeout(read: "_Reader") -> float:
    """Seconds win over SAGEMAKER_MODEL_SERVER_TIMEOUT, which counts minutes (asynchronous endpoints wait up to an hour)."""
    minutes = read.number(parameters.MODEL_SERVER_TIMEOUT_ENV, 55.0 / 60.0, 1 / 60, 60)
    return read.number(parameters.MODEL_SERVER_TIMEOUT_SECONDS_ENV, minutes * 60.0, 1, 3600)


class _Reader:
    """Reads typed values and collects what is wrong with them, so that all of it is told at once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def checked(self, read: Callable[[], HandlerChoice], default: HandlerChoice) -> HandlerChoice:
        """What `read` gives, `default` where it finds a problem."""
        try:
            return read()
        except ConfigError as error:
            self.problems.append(str(error))
            return default

    def text(self, name: str, default: str) -> str:
        return self._environ.get(name) or default

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            self.problems.append(f"{name} is {value!r}; need one of {', '.join(allowed)}")
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        return self._parse(name, default, int, low, high)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        return self._parse(name, default, float, low, high)

    def _parse(self, name: str, default: Number, kind: Callable[[str], Number], low: float, high: float) -> Number:
        text = self._environ.get(name)
        if not text:
            return default
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            what = "a whole number" if kind is int else "a number"
            self.problems.append(f"{name} is {text!r}; need {what} from {low:g} to {high:g}")
            return default
        return value
