"""`kennel doctor`: this machine and the target, one check a function, each with what to do about it. It mends nothing."""

import platform
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from scripts import engine, extras, up
from scripts.config import PORT, DoctorConfig
from scripts.errors import LaunchError
from scripts.explain import explain
from scripts.finding import Finding, show
from scripts.plan import Call
from scripts.say import Say
from scripts.target import asleep, connect, misdirected

DISK_GB, SHARED_MB = 10, 64
PYTHONS = ((3, 11), (3, 13))
"""The first and the last Python that pyproject.toml takes."""


Check = Callable[[DoctorConfig], Finding]


def python(given: DoctorConfig) -> Finding:
    first, last = PYTHONS
    status = "ok" if first <= sys.version_info[:2] <= last else "fail"
    return Finding(status, f"Python {platform.python_version()}", f"use Python 3.{first[1]} to 3.{last[1]}")


def packages(given: DoctorConfig) -> Finding:
    """What the launchers and the local server import."""
    missing = ", ".join(sorted(extras.absent("")))
    text = f"not installed: {missing}" if missing else "the packages of the launchers and the local SageMaker are installed"
    return Finding("fail" if missing else "ok", text, "install kennel again with pip, or in a checkout: make .venv/.ready")


def programs(given: DoctorConfig) -> Finding:
    """What training and serving import, where they run on this machine without containers."""
    try:
        extras.check("demo", given.settings)
    except LaunchError as error:
        return Finding("warn", str(error), "only kennel train, tune, deploy and demo on this machine need them")
    return Finding("ok", "the packages of the programs that run here are installed")


def port(given: DoctorConfig) -> Finding:
    if server := up.running(given.settings):
        return Finding("ok", f"local SageMaker is up on {server.url}")
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", PORT)) == 0
    if taken:
        return Finding("warn", f"port {PORT} is taken by another program", "nothing: kennel up takes a free one")
    return Finding("ok", f"port {PORT} is free; local SageMaker is not up")


def disk(given: DoctorConfig) -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    return Finding("ok" if free >= DISK_GB else "warn", f"{free:.0f} GB free here", f"free some: {DISK_GB} GB are comfortable")


def shared_memory(given: DoctorConfig) -> Finding:
    place = Path("/dev/shm")
    if not place.is_dir():
        return Finding("warn", "no /dev/shm", "loader-workers=0 trains without it")
    size = shutil.disk_usage(place).total / 1e6
    fix = "start the container with --shm-size=1g, or train with loader-workers=0"
    return Finding("ok" if size > SHARED_MB else "warn", f"/dev/shm has {size:.0f} MB", fix)


def endpoint_variable(given: DoctorConfig) -> Finding:
    """Where other AWS tools go from this shell, against where this target goes."""
    if problem := misdirected(given.settings):
        return Finding("fail", problem)
    return Finding("ok", f"AWS_ENDPOINT_URL={given.endpoint_url}" if given.endpoint_url else "AWS_ENDPOINT_URL is not set")


def docker(given: DoctorConfig) -> Finding:
    """An engine, and a client that builds; only containers need them."""
    try:
        client = engine.client()
        engine.inspect("kennel-train")
    except LaunchError as error:
        return Finding("warn", str(error), "only images need it: kennel build, BACKEND=docker")
    return Finding("ok", f"Docker answers; {client.program} builds")


def settings(given: DoctorConfig) -> Finding:
    try:
        given.settings.need("region", "role_arn", "bucket", "train_image", "serve_image", "train_instance", "serve_instance")
    except LaunchError as error:
        return Finding("fail", str(error), "kennel.toml is the place for it")
    return Finding("ok", f"target {given.settings.target} in {given.settings.region}, bucket {given.settings.bucket}")


def identity(given: DoctorConfig) -> Finding:
    """Who the target takes us for."""
    who = connect(given.settings).ask("sts", "GetCallerIdentity")
    account = given.settings.role_arn.split(":")[4] if given.settings.role_arn.count(":") >= 5 else ""
    if account and account != who["Account"]:
        text = f"signed in to account {who['Account']}, but role-arn is of {account}"
        return Finding("fail", text, "AWS_PROFILE, or another role-arn")
    return Finding("ok", f"identity {who['Arn']}")


def role(given: DoctorConfig) -> Finding:
    """Whether SageMaker may take the role on."""
    name = given.settings.role_arn.rpartition("/")[2]
    found = connect(given.settings).find("iam", "GetRole", RoleName=name) if name else None
    if found is None:
        return Finding(
            "fail", f"no role {name or '(role-arn is not given)'}", "kennel policies prints what it needs; make it in IAM"
        )
    if "sagemaker.amazonaws.com" not in str(found["Role"].get("AssumeRolePolicyDocument", "")):
        return Finding("fail", f"role {name} does not trust sagemaker.amazonaws.com", "kennel policies prints the trust policy")
    return Finding("ok", f"role {name} trusts SageMaker")


def bucket(given: DoctorConfig) -> Finding:
    if not given.settings.bucket:
        return Finding("fail", "bucket: not given", "--bucket, or kennel.toml")
    connect(given.settings).ask("s3", "HeadBucket", Bucket=given.settings.bucket)
    return Finding("ok", f"bucket {given.settings.bucket} is there")


HERE: tuple[Check, ...] = (python, packages, programs, port, disk, shared_memory, endpoint_variable, docker, settings)
THERE: tuple[Check, ...] = (identity, role, bucket)
"""Checks that ask the target; left out while nobody is there to answer."""


def plan(given: DoctorConfig) -> list[Call]:
    return [
        Call("sts", "GetCallerIdentity", {}),
        Call("iam", "GetRole", {"RoleName": given.settings.role_arn.rpartition("/")[2]}),
        Call("s3", "HeadBucket", {"Bucket": given.settings.bucket}),
    ]


def run(given: DoctorConfig, say: Say) -> int:
    """Every check, whatever the others say. Exit 1 when one of them fails."""
    asking = () if asleep(given.settings) else THERE
    failed = show([_look(check, given) for check in (*HERE, *asking)], say)
    say.next(given.settings, ("doctor", "once more") if failed else ("demo", "the whole story"))
    return 1 if failed else 0


def _look(check: Check, given: DoctorConfig) -> Finding:
    try:
        return check(given)
    except LaunchError as error:
        return Finding("fail", f"{check.__name__}: {error}")
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        return Finding("fail", f"{check.__name__}: {known}")
