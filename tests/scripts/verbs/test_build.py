"""`kennel build` with a docker of the tests' own: what it runs, remembers and says. Also scripts.images.docker_engine.

That the images can be built and work is for tests/images.
"""

import json
import os
from pathlib import Path

import pytest

from scripts.images.docker_engine import last_line
from scripts.verbs.build import versions
from tests.support.person import ROOT
from tests.support.toy_person import ToyDocker

CHANGING = ("org.opencontainers.image.revision=", "org.opencontainers.image.source=")
"""Labels that another checkout has otherwise, or not at all."""
GOLDEN = Path(__file__).parent / "golden" / "build.json"


def test_a_dry_run_prints_what_the_golden_file_says(toy: ToyDocker) -> None:
    (toy.kennel.folder / "ca.pem").write_text("")
    (toy.kennel.folder / "pip.conf").write_text("")
    words = ["build", "rules", "train", "--base", "base:1", "--ca", "ca.pem", "--pip", "pip.conf"]
    printed = toy.run(*words, "--dry-run").stdout.replace(str(ROOT), "CHECKOUT").replace(str(toy.home), "TOY")
    steps = json.loads(printed)
    for step in steps:
        changing = [word for word in step["command"] if word.startswith(CHANGING)]
        for word in changing:
            at = step["command"].index(word)
            del step["command"][at - 1 : at + 1]
    if os.environ.get("KENNEL_GOLDEN") == "write":
        GOLDEN.write_text(json.dumps(steps, indent=2) + "\n")
    assert steps == json.loads(GOLDEN.read_text())
    assert not toy.record("images") and not (toy.kennel.folder / ".kennel").exists()


def test_what_is_run_is_what_was_printed_and_is_remembered_by_id(toy: ToyDocker) -> None:
    printed = [step["command"][1:] for step in toy.plan("build")]
    done = toy.run("build")
    assert [call["words"] for call in toy.calls("build")] == printed
    assert all(call["environment"]["DOCKER_BUILDKIT"] == "1" for call in toy.calls("build"))
    made = toy.record("images")
    assert list(made) == ["train", "serve-cpu", "serve-torch", "rules"]
    for image, entry in made.items():
        assert entry["image"].startswith("sha256:") and entry["base"] == versions()["base"]
        assert f"kennel-{image}" in done.stdout and entry["image"][7:19] in done.stdout
        assert "COPY" in (toy.kennel.folder / ".kennel" / f"build-{image}.log").read_text()
    assert "push --backend docker" in done.stdout.splitlines()[-2]


def test_what_make_base_made_is_built_on_unless_another_is_named(toy: ToyDocker) -> None:
    (toy.home / "kennel-base:bookworm.image").write_text('{"layers": ["own"]}')
    assert "base kennel-base:bookworm (sha256:" in toy.run("build", "rules").stdout
    label = [word for word in toy.calls("build")[0]["words"] if word.startswith("org.opencontainers.image.base.digest=sha256:")]
    assert len(label) == 1
    assert "base other:1 (to be pulled)" in toy.run("build", "rules", "--base", "other:1").stdout
    assert toy.record("images")["rules"]["base"] == "other:1"


def test_a_newer_client_builds_through_buildx_without_attestations(toy: ToyDocker) -> None:
    toy.settings(version="28.2.2", buildx=True)
    command = toy.plan("build", "train")[0]["command"]
    assert {"--provenance=false", "--sbom=false"} < set(command)
    toy.settings(version="20.10.24")
    assert "--provenance=false" not in toy.plan("build", "train")[0]["command"]


def test_the_certificates_of_pip_reach_the_build_as_a_secret(toy: ToyDocker) -> None:
    (toy.kennel.folder / "mine.pem").write_text("")
    command = toy.plan("build", "rules", PIP_CERT="mine.pem")[0]["command"]
    assert command[command.index("--secret") + 1] == "id=ca,src=mine.pem"
    assert "--ca gone.pem: no such file" in toy.run("build", PIP_CERT="gone.pem", status=2).stderr


@pytest.mark.parametrize(
    ("settings", "words", "said"),
    [
        ({"version": "28.2.2"}, [], "cannot build with BuildKit, for want of the buildx plugin; install Docker"),
        ({"engine": "none"}, [], "Is the docker daemon running?; start the engine, or set DOCKER_HOST"),
        ({"says": "ERROR: no space left"}, ["rules"], "no space left; all of it is in .kennel/build-rules.log"),
        (
            {"says": "failed to solve: python: failed to resolve source metadata for docker.io"},
            ["rules"],
            "cannot be pulled (docker build: failed to solve",
        ),
        ({}, ["serve"], "serve: no image of ours; choose from train, serve-cpu, serve-torch, rules"),
        ({}, ["--pip", "gone.conf"], "--pip gone.conf: no such file"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(toy: ToyDocker, settings: dict, words: list[str], said: str) -> None:
    toy.settings(**settings)
    error = toy.run("build", *words, status=2).stderr
    assert said in error and error.count("\n") == 1, error
    assert not toy.record("images")


def test_without_docker_it_says_what_to_install(toy: ToyDocker) -> None:
    toy.program.unlink()
    assert "docker: no such command; install" in toy.run("build", status=2).stderr
    assert "warn  docker: no such command" in toy.run("doctor", status=None).stdout


def test_doctor_tells_an_engine_and_a_client_that_builds(toy: ToyDocker) -> None:
    assert f"ok    Docker answers; {toy.program} builds" in toy.run("doctor", status=None).stdout
    toy.settings(version="28.2.2")
    assert "warn  docker: " in (printed := toy.run("doctor", status=None).stdout) and "buildx plugin" in printed
    toy.settings(engine="none")
    assert "daemon running?; start the engine, or set DOCKER_HOST" in toy.run("doctor", status=None).stdout


def test_the_last_line_is_without_the_usual_beginning() -> None:
    assert last_line("a\nError response from daemon: no room\n\n") == "no room" and last_line("") == ""
