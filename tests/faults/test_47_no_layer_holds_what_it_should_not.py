"""Row 47: no secret, .git, cache, compiler or tests in any layer or in the history; what is planted is found."""

import io
import tarfile
from collections.abc import Iterator

import docker
import pytest

from tests.support.image_layers import in_history, in_layer, strays

KEY = "AKIA" + "ABCDEFGHIJKLMNOP"
DOCKERFILE = """
FROM {base}
ARG API_TOKEN
RUN mkdir -p /app/.git /app/tests /root/.cache/pip && echo ref > /app/.git/HEAD && echo {key} > /root/notes.txt
RUN rm /root/notes.txt && cp /bin/true /usr/local/bin/gcc && echo 1 > /root/.cache/pip/wheel && touch /app/id_rsa
ENV DB_PASSWORD=hunter2
"""
PLANTED = (
    "app/.git/HEAD: version control",
    "app/tests: tests",
    "root/notes.txt: what looks like a secret",  # gone in the next layer, and still in this one
    "usr/local/bin/gcc: a compiler",
    "root/.cache/pip/wheel: a cache",
    "app/id_rsa: credentials",
    "history: API_TOKEN looks like a secret",
    "history: ENV DB_PASSWORD looks like a secret",
)


def test_our_images_hold_none(built_images: dict[str, str]) -> None:
    found = strays(*built_images.values())
    assert not any(found.values()), {image: [len(texts), texts[:20]] for image, texts in found.items() if texts}


@pytest.fixture()
def leaky(engine: docker.DockerClient, base_image: str) -> Iterator[str]:
    context, tag = io.BytesIO(), "kennel-test:leaky"
    with tarfile.open(fileobj=context, mode="w") as archive:
        member = tarfile.TarInfo("Dockerfile")
        text = DOCKERFILE.replace("{base}", base_image).replace("{key}", KEY).encode()
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    context.seek(0)
    engine.images.build(fileobj=context, custom_context=True, tag=tag, rm=True, buildargs={"API_TOKEN": "hunter2"})
    yield tag
    engine.images.remove(tag, force=True)


def test_what_is_planted_is_found(leaky: str) -> None:
    found = strays(leaky)[leaky]
    for words in PLANTED:
        assert any(text.endswith(words) for text in found), (words, found)


def test_honest_names_are_left_alone() -> None:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as archive:
        for name in (
            "opt/kennel/train/worker.py",
            "etc/ssl/certs/ca-certificates.crt",
            "opt/venv/lib/python3.11/site-packages/certifi/cacert.pem",
            "bin/as.txt",
        ):
            archive.addfile(tarfile.TarInfo(name))
    body.seek(0)
    with tarfile.open(fileobj=body) as archive:
        assert not list(in_layer(archive))
    assert not list(in_history(["RUN pip install --require-hashes -r lock.txt", "ENV LANG=C.UTF-8"], ["PATH=/opt/venv/bin"]))
