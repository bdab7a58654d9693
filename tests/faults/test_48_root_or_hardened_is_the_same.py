"""Row 48: every image does its work as root and hardened, and writes to /tmp and its mounts only. tests/images does the rest."""

import io
from pathlib import Path

import pytest
from PIL import Image

from scripts.images.docker_engine import ask
from tests.support import artefact, containers
from tests.support.containers import WAYS, ServeContainer, TrainContainer

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "12-the-images.md"


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return request.param


def test_the_hardened_way_is_the_documented_one() -> None:
    words = " ".join(IMAGES.read_text().replace("\\\n", " ").split())
    assert " ".join(WAYS["hardened"]) in words


def test_train(way: str, built_images: dict[str, str], tmp_path: Path) -> None:
    """The helper looks at `docker diff`, and fails for anything outside of the mounts and /tmp."""
    job = TrainContainer(built_images["train"], tmp_path / "ml", way=way, epochs="1")
    run = job.run()
    assert run.code == 0, run.err
    owner = (job.layout.model / "model.json").stat().st_uid
    assert owner == (int(containers.USER) if way == "hardened" else 0)
    print(f"{way}: trained in {run.seconds:.1f} s")


@pytest.mark.parametrize("image", ["serve-cpu", "serve-torch"])
def test_serve(way: str, image: str, built_images: dict[str, str]) -> None:
    body = io.BytesIO()
    Image.new("RGB", (200, 150), (90, 60, 30)).save(body, "JPEG")
    with ServeContainer(built_images[image], artefact.small(), way=way, SAGEMAKER_MODEL_SERVER_WORKERS=1) as server:
        assert server.invoke(body.getvalue()).status == 200
        inside = ask("exec", server.name, "python", "-c", "import os; print(os.getuid(), os.access('/etc', os.W_OK))")
        assert inside.decode().split() == (["10001", "False"] if way == "hardened" else ["0", "True"])


def test_rules(way: str, built_images: dict[str, str]) -> None:
    name = containers.new_name("rules")
    ask(*containers.run_command(built_images["rules"], ["rules", "--help"], "--network", "none", way=way, name=name)[1:])
    assert containers.exit_code(name) == 0
    assert containers.written(name) == []
    containers.remove(name)


def test_what_is_written_elsewhere_is_seen(built_images: dict[str, str]) -> None:
    name = containers.new_name("writes")
    write = ["sh", "-c", "touch /tmp/free /mine"]
    ask(*containers.run_command(built_images["serve-cpu"], write, "--network", "none", name=name)[1:])
    assert containers.written(name) == ["/mine"]
    containers.remove(name)
