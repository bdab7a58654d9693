"""`kennel build` with a real engine: what is in the images, and what a change of code costs. Also docker/Dockerfile."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import docker
import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {"train": "train", "serve-cpu": "serve", "serve-torch": "serve", "rules": "rules"}


@pytest.mark.parametrize("image", PROGRAMS)
def test_an_image_is_what_its_labels_say(engine: docker.DockerClient, built_images: Mapping[str, str], image: str) -> None:
    found = engine.images.get(built_images[image])
    labels = found.labels
    assert found.attrs["Os"] == "linux" and found.attrs["Architecture"] == "amd64"
    assert labels["org.opencontainers.image.base.name"] and labels["org.opencontainers.image.version"]
    assert labels["org.opencontainers.image.title"].startswith(f"Kennel {PROGRAMS[image]}")
    for capability in ("accept-bind-to-port", "multi-models"):
        found_label = labels.get(f"com.amazonaws.sagemaker.capabilities.{capability}")
        assert found_label == ("true" if image.startswith("serve") else None)
    assert found.attrs["Config"]["Entrypoint"] == ["/usr/bin/env", "--"]
    assert found.attrs["Config"]["Cmd"] == [PROGRAMS[image]]


@pytest.mark.parametrize("image", PROGRAMS)
def test_the_code_is_the_last_layer_and_the_smallest(
    engine: docker.DockerClient, built_images: Mapping[str, str], image: str
) -> None:
    """Nothing is in the layer but contract, the image's room and what Python compiles them to, which is about twice as long."""
    sizes = [step["Size"] for step in engine.images.get(built_images[image]).history() if step["Size"] > 100_000]
    rooms = (ROOT / "contract", ROOT / PROGRAMS[image])
    code = sum(file.stat().st_size for room in rooms for file in room.rglob("*.py"))
    assert min(sizes) == sizes[0] and code < sizes[0] < 3.3 * code, (sizes, code)


@pytest.mark.parametrize("image", PROGRAMS)
def test_nothing_of_the_build_is_left(engine: docker.DockerClient, built_images: Mapping[str, str], image: str) -> None:
    look = (
        "command -v gcc cc c++ make; find / -xdev \\( -path '/run/kit/*/*' -o -path '/run/secrets/*' -o -path '/root/.cache/*'"
        " -o -name '*.a' -o -path '*/site-packages/*/tests/*' ! -path '*/numpy/_core/tests/*' \\) -print; true"
    )
    assert engine.containers.run(built_images[image], ["sh", "-c", look], remove=True, network_mode="none") == b""


def test_rules_look_at_a_training_in_their_image(engine: docker.DockerClient, built_images: Mapping[str, str]) -> None:
    said = engine.containers.run(built_images["rules"], ["rules", "--help"], remove=True, network_mode="none").decode()
    assert "Look for one disease" in said
    container = engine.containers.create(built_images["rules"], network_mode="none")
    try:
        container.start()
        assert container.wait(timeout=60)["StatusCode"] == 2
        assert "rule_to_invoke is not set" in container.logs().decode()
    finally:
        container.remove(force=True)


def test_a_build_of_the_same_code_is_the_same_image(built_images: Mapping[str, str], tmp_path: Path) -> None:
    words = [sys.executable, "-m", "scripts", "build", "rules", "--home", str(tmp_path)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    assert json.loads((tmp_path / "images.json").read_text())["rules"]["image"] == built_images["rules"]
