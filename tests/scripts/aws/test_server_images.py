"""Which images the local server is told of, with processes and with containers."""

import platform
from importlib.metadata import version
from pathlib import Path

import pytest

from local_sagemaker.config import read_config
from local_sagemaker.image_table import ImageTable
from scripts.aws.defaults import programs
from scripts.aws.server_images import arguments
from scripts.aws.server_options import ServerOptions
from scripts.aws.settings import Settings

AWS = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
DLC = f"{AWS}/pytorch-training:1.8-gpu-py36"


def table(options: ServerOptions | None = None, **settings: str) -> ImageTable:
    """What the server makes of the arguments."""
    given = Settings(target="local", home=Path(".kennel"), **{**programs(), **settings})
    return read_config(["--root", "/nowhere", *arguments(given, options or ServerOptions())]).images


def test_awss_names_run_as_our_programs_in_every_account_region_and_tag() -> None:
    images = table()
    for name, program in {
        DLC: "kennel-train",
        "5.dkr.ecr.eu-north-1.amazonaws.com/pytorch-training:2.8.0-cpu-py312-ubuntu22.04-sagemaker": "kennel-train",
        "520713654638.dkr.ecr.us-east-1.amazonaws.com/sagemaker-pytorch:1.0.0-cpu-py3": "kennel-train",
        f"{AWS}/pytorch:2.13-cpu-amzn2023-sagemaker": "kennel-train",
        f"{AWS}/pytorch-inference:2.6.0-cpu-py312": "kennel-serve",
        f"{AWS}/pytorch-inference-graviton:2.6-cpu-py312": "kennel-serve",
        "503895931360.dkr.ecr.us-east-1.amazonaws.com/sagemaker-debugger-rules:latest": "kennel-rules",
        "1.dkr.ecr.us-west-2.amazonaws.com/sagemaker-debugger-rule-evaluator:latest": "kennel-rules",
    }.items():
        assert images.stands_for(name) == (program, True)
    for name in (
        "520713654638.dkr.ecr.us-east-1.amazonaws.com/sagemaker-pytorch:1.0.0-cpu-py3",
        f"{AWS}/pytorch:2.13-cpu-amzn2023",
    ):
        assert images.stands_for(name, serves=True) == ("kennel-serve", True), "the image of one name trains and serves"
    assert images.stands_for(DLC, serves=True) == ("kennel-train", True)
    for name in (
        "tensorflow-training:2.13-cpu-py310",
        "sagemaker-xgboost:1.7-1",
        "linear-learner:1",
    ):
        assert images.stands_for(f"{AWS}/{name}") == (f"{AWS}/{name}", False)
    said = f"runs as kennel-train: torch {version('torch')}, Python {platform.python_version()}."
    assert images.remark(DLC, "kennel-train") == f"pytorch-training:1.8-gpu-py36 {said}"
    assert "kennel up --image" in images.remedy("x") or "scripts up --image" in images.remedy("x")


def test_the_persons_own_images_go_before_awss_names_and_ours() -> None:
    own = ServerOptions().changed(None, ["*/pytorch-training:*=python own.py", "kennel-train=python mine.py"])
    images = table(own)
    assert images.stands_for(DLC) == ("*/pytorch-training:*", False)
    assert images.commands["kennel-train"].command == ("python", "mine.py")
    assert not images.commands["kennel-train"].runs_commands and table().commands["kennel-train"].runs_commands


def test_with_containers_awss_names_run_in_the_image_that_was_built() -> None:
    images = table(backend="docker", train_image="sha256:1", serve_image="", rules_image="")
    assert images.stands_for(DLC) == ("sha256:1", True) and "sha256:1" not in images.commands
    assert images.remark(DLC, "sha256:1") == "pytorch-training:1.8-gpu-py36 runs as sha256:1."
    assert images.stands_for("a/pytorch-inference:2") == ("a/pytorch-inference:2", False), "no image was built"
    answering = table(backend="docker", train_image="sha256:1", serve_image="sha256:2", code_image="sha256:3")
    assert answering.stands_for("a/pytorch-inference:2", serves=True) == ("sha256:3", True)
    assert answering.stands_for("a/sagemaker-pytorch:1", serves=True) == ("sha256:3", True)
    assert images.stands_for("a/sagemaker-debugger-rules:latest") == ("a/sagemaker-debugger-rules:latest", False)
    assert "kennel-train" in images.commands, "our names stand for our programs all the same"


def test_scripts_share_a_cache_and_install_as_the_person_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "pip" / "pip.conf"
    own.parent.mkdir()
    own.touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_CERT", "/a/b.pem")
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:password@index.example")
    monkeypatch.delenv("PIP_CONFIG_FILE", raising=False)
    environment = table().commands["kennel-train"].environment
    assert environment["KENNEL_CACHE"] == str(Path(".kennel/cache").absolute())
    assert (environment["PIP_CONFIG_FILE"], environment["PIP_CERT"]) == (str(own), "/a/b.pem")
    assert "password" not in str(environment)
