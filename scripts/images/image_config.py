"""An image's configuration is checked against the SageMaker contract, from `docker image inspect` and its history alone.

Whether its programs behave is lint_image.py's. An image passes here and fails there when it only looks right.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from scripts.aws import secrets
from scripts.check_result import CheckResult

BIND_TO_PORT = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"
MULTI_MODEL = "com.amazonaws.sagemaker.capabilities.multi-models"
SERVERLESS_BYTES = 10 * 1000**3
"""The largest image that serverless inference takes."""
MOUNTED = PurePosixPath("/opt/ml")
_SHELLS = {"sh", "bash", "dash", "ash", "zsh"}
_BARE_INITS = {"tini", "dumb-init", "docker-init", "catatonit"}
_INDEX = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")


def check(image: Mapping[str, Any], steps: Sequence[str]) -> Iterator[CheckResult]:
    """Findings about one image. `image`: its object in `docker image inspect`; `steps`: the CreatedBy lines of its history."""
    config = image.get("Config") or {}
    yield _platform(image)
    yield _entrypoint(config.get("Entrypoint") or [])
    yield _stop_signal(config.get("StopSignal") or "SIGTERM")
    yield _user(config.get("User") or "")
    yield _size(image["Size"])
    yield from _volumes(config.get("Volumes") or {})
    yield from _secrets(config.get("Env") or [], steps)
    media = (image.get("Descriptor") or {}).get("mediaType", "")
    if media in _INDEX:
        yield CheckResult(
            "fail",
            f"it is an index ({media}), which SageMaker refuses",
            "build it for one platform, without attestations: --platform linux/amd64 --provenance=false --sbom=false",
        )


def check_serving(image: Mapping[str, Any]) -> Iterator[CheckResult]:
    """Findings about labels and ports that matter only to an image that serves."""
    config = image.get("Config") or {}
    labels = config.get("Labels") or {}
    if labels.get(BIND_TO_PORT) == "true":
        yield CheckResult("ok", "label accept-bind-to-port: the platform may choose its port")
    else:
        yield CheckResult(
            "warn",
            "no label accept-bind-to-port: it can be no part of an inference pipeline",
            f"listen on SAGEMAKER_BIND_TO_PORT where it is set, and say so: LABEL {BIND_TO_PORT}=true",
        )
    ports = config.get("ExposedPorts") or {}
    if ports and "8080/tcp" not in ports:
        shown = ", ".join(sorted(ports))
        yield CheckResult("warn", f"EXPOSE {shown}, but SageMaker asks on 8080", "EXPOSE 8080, and listen there")


def _platform(image: Mapping[str, Any]) -> CheckResult:
    found = f"{image['Os']}/{image['Architecture']}"
    if found == "linux/amd64":
        return CheckResult("ok", f"platform {found}")
    return CheckResult("fail", f"platform {found}: SageMaker's instances run linux/amd64", "build with --platform linux/amd64")


def _entrypoint(entrypoint: Sequence[str]) -> CheckResult:
    program = PurePosixPath(entrypoint[0]).name if entrypoint else ""
    shown = " ".join(entrypoint)[:80]
    if program in _SHELLS and "-c" in entrypoint[1:]:
        return CheckResult(
            "fail",
            f"ENTRYPOINT is in shell form ({shown}): neither the argument nor SIGTERM reaches the program",
            'write it in exec form: ENTRYPOINT ["program", "argument"]',
        )
    if program in _BARE_INITS and not [word for word in entrypoint[1:] if not word.startswith("-")]:
        return CheckResult(
            "warn",
            f"ENTRYPOINT is {shown} alone: it takes `train` and `serve` for the names of programs",
            f'name the program: ENTRYPOINT ["{entrypoint[0]}", "--", "program"], or have `train` and `serve` on the PATH',
        )
    if not entrypoint:
        return CheckResult("ok", "no ENTRYPOINT: `train` and `serve` have to be programs on the PATH")
    return CheckResult("ok", f"ENTRYPOINT in exec form: {shown}")


def _stop_signal(signal: str) -> CheckResult:
    if signal.upper().removeprefix("SIG") in ("TERM", "15"):
        return CheckResult("ok", "stopped by SIGTERM")
    return CheckResult(
        "warn", f"STOPSIGNAL {signal}: SageMaker sends SIGTERM whatever it says", "remove STOPSIGNAL, handle SIGTERM"
    )


def _user(user: str) -> CheckResult:
    if user.split(":")[0] in ("", "0", "root"):
        return CheckResult("ok", "runs as root, as SageMaker expects; what it can do is limited when it is run")
    return CheckResult(
        "warn",
        f"USER {user}: SageMaker's folders below /opt/ml belong to root",
        "leave USER out, and drop privileges in the program once the folders are open",
    )


def _size(size: int) -> CheckResult:
    if size > SERVERLESS_BYTES:
        return CheckResult(
            "warn", f"{size / 1e9:.1f} GB: too large for serverless inference, slow to start", "multi-stage build; no caches"
        )
    return CheckResult("ok", f"{size / 1e9:.2f} GB")


def _volumes(volumes: Mapping[str, Any]) -> Iterator[CheckResult]:
    for name in sorted(volumes):
        if PurePosixPath(name).is_relative_to(MOUNTED):
            yield CheckResult(
                "fail", f"VOLUME {name}: SageMaker mounts its own folders there, and this one hides them", f"remove VOLUME {name}"
            )


def _secrets(environment: Sequence[str], steps: Sequence[str]) -> Iterator[CheckResult]:
    for name, _, value in (pair.partition("=") for pair in environment):
        if secrets.looks_secret(name, value):
            yield CheckResult(
                "fail", f"ENV {name} looks like a secret: whoever can pull the image has it", "give it when the container starts"
            )
    for number, step in enumerate(steps, 1):
        if secrets.hide(step) != step:
            yield CheckResult(
                "fail",
                f"build step {number} of {len(steps)} shows what looks like a secret: {secrets.hide(step)[:80]}",
                "use RUN --mount=type=secret, build again, and let the secret be replaced: it is out",
            )
