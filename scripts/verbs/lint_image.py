"""`kennel lint-image IMAGE`: any image against the SageMaker container contract, each finding with its remedy.

It looks at the configuration (image_config.py) and then runs the image as SageMaker would: `IMAGE train` on a job without data,
`IMAGE serve` without a model and, where one is given, with it. It changes nothing and sends nothing anywhere.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contract.layout import FAILURE_LIMIT
from scripts.aws.calls import Call
from scripts.check_result import CheckResult
from scripts.cli.terminal import Terminal
from scripts.cli.verb_config import LintImageConfig
from scripts.errors import LaunchError
from scripts.images import docker_engine, image_config
from scripts.images.trial_container import TICK, TrialContainer

TRAIN_SECONDS, IDLE_SECONDS, STARTUP_SECONDS = 60.0, 20.0, 240.0
STOP_SECONDS = {"train": 120.0, "serve": 30.0}
"""What SageMaker waits between SIGTERM and SIGKILL."""
PORT, OTHER_PORT = 8080, 8347
NOT_THERE = (126, 127)
"""Exit statuses that say: there is no such program."""
FREE = ("/opt/ml", "/tmp", "/run", "/var/tmp", "/dev/shm")
"""Where a container may write when its root is read-only and SageMaker's folders are mounted."""
_JOB = {
    "hyperparameters": {},
    "inputdataconfig": {},
    "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "eth0"},
}


def plan(config: LintImageConfig) -> list[Call]:
    """Nothing is sent to any service."""
    return []


def run(config: LintImageConfig, output: Terminal) -> int:
    """Every check. Exit 1 when one of them fails."""
    failed = output.results(findings(config))
    what = (
        f"{config.image}: {failed} finding(s) to mend" if failed else f"{config.image}: fit for SageMaker, as far as was looked"
    )
    output.line(f"\n{what}", style="red" if failed else "green")
    return 1 if failed else 0


def findings(config: LintImageConfig) -> Iterator[CheckResult]:
    """All findings, as they come. Raises LaunchError when the engine or the image is not there."""
    try:
        image = json.loads(docker_engine.ask("image", "inspect", config.image))[0]
    except docker_engine.Refused as error:
        raise LaunchError(f"{config.image}: {error}; docker pull it, or build it with make build") from None
    steps = docker_engine.ask("history", "--no-trunc", "--format", "{{.CreatedBy}}", config.image).decode().splitlines()
    yield from image_config.check(image, steps)
    if config.processing:
        return
    roles = 0
    for look in (_training, _serving):
        found = list(look(config, image))
        roles += bool(found)
        yield from found
    if not roles:
        yield CheckResult(
            "fail",
            "neither `train` nor `serve` starts: SageMaker runs the image with one of them as its argument",
            "take the argument in the ENTRYPOINT, or put programs of these names on the PATH (--processing for other images)",
        )


def _training(config: LintImageConfig, image: dict[str, Any]) -> Iterator[CheckResult]:
    """`IMAGE train` on a job without data: nothing when the image does not train."""
    files = {f"input/config/{name}.json": json.dumps(body).encode() for name, body in _JOB.items()}
    with TrialContainer(config.image, ["train"], files) as trial:
        if trial.start() is not None:
            return
        handler, code = _watch(trial, TRAIN_SECONDS)
        if code in NOT_THERE:
            return
        yield CheckResult("ok", "`train` starts")
        if code is None:
            yield CheckResult("warn", f"`train` still runs after {TRAIN_SECONDS:.0f} s on a job without any data", "fail early")
            yield _stops(trial, "train")
        elif code == 0:
            yield CheckResult(
                "fail", "`train` exits with 0 on a job without any data: the job would be Completed", "exit with 1 when it fails"
            )
        else:
            yield from _failure(trial, code)
        yield _handles(handler, "train")
        yield from _writes(trial)


def _watch(trial: TrialContainer, seconds: float) -> tuple[bool | None, int | None]:
    """Whether the first process ever had a handler for SIGTERM, and the exit status, if it ended."""
    seen: bool | None = None
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        now = trial.takes_sigterm()
        seen = now if seen is None or now else seen
        if (code := trial.wait(0)) is not None:
            return seen, code
        time.sleep(TICK)
    return seen, None


def _failure(trial: TrialContainer, code: int) -> Iterator[CheckResult]:
    body = trial.read("/opt/ml/output/failure")
    if not body:
        yield CheckResult(
            "warn",
            f"`train` exits with {code} and leaves no /opt/ml/output/failure: FailureReason will not say why",
            f"write the reason there, at most {FAILURE_LIMIT} characters, before the program ends",
        )
    elif len(body.decode("utf-8", "replace")) > FAILURE_LIMIT:
        yield CheckResult("warn", f"output/failure is cut after {FAILURE_LIMIT} characters", "put the reason first, and be brief")
    else:
        yield CheckResult("ok", f"`train` fails with its reason: {' '.join(body.decode('utf-8', 'replace').split())[:100]}")


def _handles(handler: bool | None, program: str) -> CheckResult:
    limit = STOP_SECONDS[program]
    if handler is None:
        return CheckResult("warn", f"`{program}` and SIGTERM: not looked at, /proc is not to be seen from here", "look on Linux")
    if handler:
        return CheckResult("ok", f"the first process of `{program}` takes SIGTERM")
    return CheckResult(
        "fail",
        f"the first process of `{program}` has no handler for SIGTERM, and the kernel gives process 1 none: "
        f"a stop takes {limit:.0f} s and ends with SIGKILL",
        "exec the program (no shell before it) and handle SIGTERM in it",
    )


def _writes(trial: TrialContainer) -> Iterator[CheckResult]:
    """Files written elsewhere than a container may be sure to be able to."""
    paths = [path for path in trial.written() if not path.startswith(FREE)]
    leaves = [path for path in paths if not any(other.startswith(f"{path}/") for other in trial.written())]
    if leaves:
        shown = ", ".join(leaves[:3]) + (f" and {len(leaves) - 3} more" if len(leaves) > 3 else "")
        yield CheckResult("warn", f"it writes to {shown}: a read-only root refuses that", "write below /opt/ml or /tmp only")
    else:
        yield CheckResult("ok", "it writes below /opt/ml and /tmp only")


def _stops(trial: TrialContainer, program: str) -> CheckResult:
    limit, begin = STOP_SECONDS[program], time.monotonic()
    trial.signal()
    code = trial.wait(limit)
    if code is None:
        return CheckResult("fail", f"`{program}` does not end within {limit:.0f} s of SIGTERM", "handle SIGTERM: save, then exit")
    return CheckResult("ok", f"`{program}` ends {time.monotonic() - begin:.1f} s after SIGTERM, exit status {code}")


def _serving(config: LintImageConfig, image: dict[str, Any]) -> Iterator[CheckResult]:
    """`IMAGE serve`, without a model and with one: nothing when the image does not serve."""
    with TrialContainer(config.image, ["serve"], {}, port=PORT) as trial:
        if trial.start() is not None:
            return
        status, code = _until_answered(trial, IDLE_SECONDS)
        if code in NOT_THERE:
            return
        yield from image_config.check_serving(image)
        yield CheckResult("ok", "`serve` starts")
        if status == 200:
            yield CheckResult(
                "fail",
                "/ping says 200 without a model: the endpoint would be InService and refuse every request",
                "answer 200 only after the model has answered once; exit with 1 when it cannot be loaded",
            )
        elif code == 0:
            yield CheckResult("fail", "`serve` exits with 0 without a model", "exit with 1 when it cannot serve")
        elif code is not None:
            yield CheckResult("ok", f"`serve` without a model ends with {code}: {trial.last_words()[:100]}")
        else:
            yield CheckResult("ok", f"/ping is not 200 without a model ({IDLE_SECONDS:.0f} s)")
    if config.model is None:
        yield CheckResult("warn", "`serve` with a model: not looked at", "give one: --model model.tar.gz")
        return
    yield from _with_model(config, config.model, image)


def _with_model(config: LintImageConfig, model: Path, image: dict[str, Any]) -> Iterator[CheckResult]:
    moved = (image["Config"].get("Labels") or {}).get(image_config.BIND_TO_PORT) == "true"
    port = OTHER_PORT if moved else PORT
    with TrialContainer(config.image, ["serve"], {}, {"SAGEMAKER_BIND_TO_PORT": str(port)} if moved else {}, port) as trial:
        trial.put(model, "/opt/ml/model")
        begin = time.monotonic()
        trial.start()
        status, code = _until_answered(trial, STARTUP_SECONDS)
        if status != 200:
            ended = (
                f"it ended with {code}: {trial.last_words()[:120]}"
                if code is not None
                else f"/ping: {status or 'nobody answers'}"
            )
            yield CheckResult(
                "fail",
                f"`serve` is not healthy on port {port} with {model.name}: {ended}",
                "docker run it with this model, and read what it prints",
            )
            return
        yield CheckResult("ok", f"healthy on port {port} {time.monotonic() - begin:.1f} s after its start")
        answer = trial.ask("POST", "/invocations", b"\x00", {"Content-Type": "application/x-nobody-speaks-this"})
        if answer is None or answer >= 500:
            yield CheckResult(
                "warn",
                f"an unknown content type is answered with {answer or 'nothing'}: callers take that for a fault of the server",
                "answer 415 for the type and 400 for the body",
            )
        else:
            yield CheckResult("ok", f"a body of an unknown type is answered with {answer}")
        yield _handles(trial.takes_sigterm(), "serve")
        yield _stops(trial, "serve")
        yield from _writes(trial)


def _until_answered(trial: TrialContainer, seconds: float) -> tuple[int | None, int | None]:
    """The last status of /ping, 200 as soon as it comes, and the exit status, if it ended."""
    status: int | None = None
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if (code := trial.wait(0)) is not None:
            return None, code
        status = trial.ask("GET", "/ping") or status
        if status == 200:
            break
        time.sleep(TICK)
    return status, None
