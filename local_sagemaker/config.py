"""The server's settings: typed, frozen, read once from the command line."""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import StartError
from .image_table import START, Image, ImageTable

REGION = "us-east-1"
ACCOUNT = "000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How to serve: `root` holds all state, `port` 0 means any free one, `images` says what the names of images stand for.

    `role`: the one that the owner of the root has taken on, empty for none. `upstream`: the HTTPS proxy that leads on, a URL.
    """

    root: Path
    port: int
    region: str
    account_id: str
    images: ImageTable
    role: str
    upstream: str


def read_config(arguments: Sequence[str]) -> Config:
    """The settings of a command line. Raises StartError; `--help` and unknown options end the program with argparse's words."""
    given = _parser().parse_args(arguments)
    _check(given)
    commands = dict(_image(text, given.image_runs_commands) for text in given.image)
    for name in given.image_runs_commands:
        if name not in commands:
            raise StartError(f"--image-runs-commands {name}: no --image of that name is given; give '{name}=COMMAND' too.")
    images = ImageTable(
        commands=commands,
        aliases=dict(_pair("--image-alias", text, "*/pytorch-training:*=kennel-train") for text in given.image_alias),
        serving_aliases=dict(_pair("--serving-alias", text, "*/pytorch:*=kennel-serve") for text in given.serving_alias),
        remarks=dict(_pair("--image-remark", text, "kennel-train=Python 3.11") for text in given.image_remark),
        start=given.start_command,
    )
    return Config(
        root=given.root.resolve(),
        port=given.port,
        region=given.region,
        account_id=given.account,
        images=images,
        role=given.role,
        upstream=os.environ.get("KENNEL_UPSTREAM_PROXY", ""),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{Path(sys.executable).name} -m local_sagemaker",
        description="A local Amazon SageMaker on loopback: boto3, the AWS CLI and the SageMaker SDK drive it unchanged.",
    )
    parser.add_argument("--root", type=Path, required=True, help="folder for all state; made when absent")
    parser.add_argument("--port", type=int, default=4566, help="loopback port, 0 for any free one (default: 4566)")
    parser.add_argument("--region", default=REGION, help=f"AWS region to be (default: {REGION})")
    parser.add_argument("--account", default=ACCOUNT, help="12-digit account number to be")
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="what the process backend runs for an image: 'NAME=[KEY=VALUE ...] program argument ...'. A * in NAME stands for any"
        " text; a name without goes first. May be repeated",
    )
    parser.add_argument(
        "--image-runs-commands",
        action="append",
        default=[],
        metavar="NAME",
        help="an --image whose program runs the ContainerEntrypoint of a training job, which it gets as arguments",
    )
    parser.add_argument(
        "--image-alias",
        action="append",
        default=[],
        metavar="NAME=IMAGE",
        help="the image that runs in the place of NAME, which may have a *; in Docker an image of exactly that name goes first",
    )
    parser.add_argument(
        "--serving-alias",
        action="append",
        default=[],
        metavar="NAME=IMAGE",
        help="the same for a model's image, before --image-alias: some names stand for one image that trains and serves",
    )
    parser.add_argument(
        "--image-remark",
        action="append",
        default=[],
        metavar="IMAGE=TEXT",
        help="what a job is told of the IMAGE that runs in the place of its own",
    )
    parser.add_argument(
        "--role", default="", metavar="NAME", help="the IAM role that GetCallerIdentity says the owner has taken on"
    )
    parser.add_argument("--start-command", default=START, metavar="TEXT", help="how messages say that this server is started")
    return parser


def _check(given: argparse.Namespace) -> None:
    if not 0 <= given.port <= 65535:
        raise StartError(f"--port {given.port}: a port is 0 to 65535.")
    if not (given.account.isascii() and given.account.isdigit() and len(given.account) == 12):
        raise StartError(f"--account {given.account}: an account number has 12 digits.")
    if not given.region or not all(part.isalnum() and part.isascii() for part in given.region.split("-")):
        raise StartError(f"--region {given.region}: a region is letters, digits and single hyphens, such as {REGION}.")
    if given.role and not re.fullmatch(r"[\w+=,.@-]{1,64}", given.role, re.ASCII):
        raise StartError(f"--role {given.role[:100]}: the name of a role is 1 to 64 letters, digits and +=,.@-_ .")


def _image(text: str, runs_commands: Sequence[str]) -> tuple[str, Image]:
    """`NAME=COMMAND`, the command as a shell would split it; assignments in front of it are the image's ENV."""
    name, _, command = text.partition("=")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise StartError(f"--image {text}: {error}.") from None
    environment: dict[str, str] = {}
    while words and words[0].partition("=")[0].isidentifier() and "=" in words[0]:
        key, _, value = words.pop(0).partition("=")
        environment[key] = value
    if not name or not words:
        raise StartError(f"--image {text}: expected NAME=COMMAND, such as 'kennel-train=python -m train'.")
    return name, Image(command=tuple(words), environment=environment, runs_commands=name in runs_commands)


def _pair(option: str, text: str, example: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name or not value:
        raise StartError(f"{option} {text}: expected two parts with = between them, such as '{example}'.")
    return name, value
