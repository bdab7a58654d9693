"""What image names stand for on this machine, as arguments of the local SageMaker: our programs, AWS's names, the person's own.

AWS's names of the images that run a person's PyTorch script run as our `train`, whichever account, region and tag; those that
answer with a person's inference.py as our `serve`; those of its rule evaluators as our `rules`. Other frameworks and built-in
algorithms have no program here.
"""

import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from contract.script.script_mode import CACHE_VARIABLE
from scripts.aws.defaults import programs
from scripts.aws.server_options import ServerOptions
from scripts.aws.settings import Settings, kennel_command
from scripts.config import PROJECT, pip_settings

TRAINING = ("*/pytorch-training:*", "*/sagemaker-pytorch:*", "*/pytorch:*")
"""AWS's PyTorch images: the usual name, that of PyTorch before 1.2, and that from 2.11 on."""
INFERENCE = ("*/pytorch-inference:*", "*/pytorch-inference-graviton:*")
BOTH = ("*/sagemaker-pytorch:*", "*/pytorch:*")
"""Of TRAINING, those that serve as well: a model of such a name runs as our `serve`."""
TRANSFORMERS = "*/huggingface-pytorch-training:*"
RULES = ("*/sagemaker-debugger-rules:*", "*/sagemaker-debugger-rule-evaluator:*")


def arguments(settings: Settings, options: ServerOptions) -> list[str]:
    """The options of the server's command line that say what images stand for. The person's own go before AWS's."""
    parts = [part for name, command in options.images for part in ("--image", f"{name}={command}")]
    for name, words in _programs(settings).items():
        if name not in dict(options.images):
            parts += ["--image", f"{name}={shlex.join(words)}"]
    if _train_program(settings) not in dict(options.images):
        parts += ["--image-runs-commands", _train_program(settings)]
    for pattern, image in _aliases(settings).items():
        parts += ["--image-alias", f"{pattern}={image}"]
    if settings.answering:
        for pattern in BOTH:
            parts += ["--serving-alias", f"{pattern}={settings.answering}"]
    for image, text in _remarks(settings).items():
        parts += ["--image-remark", f"{image}={text}"]
    return [*parts, "--start-command", kennel_command("up", settings)]


def _train_program(settings: Settings) -> str:
    """The name that stands for our `train` as a process, which runs what a job's ContainerEntrypoint says."""
    return programs()["train_image"] if settings.backend == "docker" else settings.train_image


def _programs(settings: Settings) -> Mapping[str, Sequence[str]]:
    """The command of each image name that stands for one of our programs."""
    ours = f"PYTHONPATH={PROJECT}"
    # Threads that wait without spinning: jobs share the cores here, and spinning ones take them from each other.
    train = [ours, "OMP_WAIT_POLICY=PASSIVE", *_for_scripts(settings), sys.executable, "-m", "train"]
    serve = [ours, "KENNEL_BIND_HOST=127.0.0.1", *_for_scripts(settings), sys.executable, "-m", "serve"]
    rules = [ours, sys.executable, "-m", "rules"]
    if settings.backend == "docker":  # containers have names of their own; the plain ones stand for the programs all the same
        own = programs()
        return {_train_program(settings): train, own["serve_image"]: serve, own["rules_image"]: rules}
    return {_train_program(settings): train, settings.serve_image: serve, settings.answering: serve, settings.rules_image: rules}


def _for_scripts(settings: Settings) -> list[str]:
    """What a person's script needs to install its packages as the person does, and one cache of downloads for all jobs."""
    cache = {CACHE_VARIABLE: str(settings.cache.absolute())}
    return [f"{name}={value}" for name, value in (cache | pip_settings()).items()]


def _aliases(settings: Settings) -> Mapping[str, str]:
    """The image that runs for each pattern of AWS's names; none where containers run and none was built."""
    known = dict.fromkeys(TRAINING, settings.train_image) | dict.fromkeys(RULES, settings.rules_image)
    known |= dict.fromkeys(INFERENCE, settings.answering)
    if settings.backend != "docker" and _installed("transformers"):
        known[TRANSFORMERS] = settings.train_image
    return {pattern: image for pattern, image in known.items() if image}


def _remarks(settings: Settings) -> Mapping[str, str]:
    """What really runs as our `train` and `serve` images. Which versions a container has, its image says."""
    if settings.backend == "docker":
        return {}
    found = [f"{name} {number}" for name in ("torch", "transformers") if (number := _installed(name))]
    really = ", ".join([*found, f"Python {platform.python_version()}"])
    return dict.fromkeys((settings.train_image, settings.serve_image, settings.answering), really)


def _installed(package: str) -> str:
    """The version of an installed package; empty where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
