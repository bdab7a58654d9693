"""Row 111: whatever a TargetModel is called, it is the end of a key: nothing outside of the instance's models is touched, and
inside no name is a path."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from tests.support.local_server import LocalServer, ask, make_multi_model_endpoint, model_archive, put_model

NAMES = [
    "..",
    ".",
    "../secret",
    "../../../../secret",
    "/etc/passwd",
    "//",
    "a/../b",
    "./a",
    "a/",
    "%2e%2e%2fa",
    "%00",
    "~",
    "a\\..\\b",
    "C:/a",
    "$(id)`id`;id|id",
    "?next_page_token=1#x",
    "a/invoke",
    '"}, {"',
    "0123456789abcdef0123456789abcdef",
    "x" * 1000,
]
REFUSED = [" a", "é", "\u202e", "a\x01b", "x" * 1025]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalServer, Path]]:
    outer = tmp_path_factory.mktemp("outer")
    (outer / "secret").write_text("untouched")
    server = LocalServer(outer / "a" / "b" / "root")
    server.s3.create_bucket(Bucket="bucket")
    put_model(server, "any", "many/any")
    make_multi_model_endpoint(server, "e")
    yield server, outer
    server.stop()


def tree(outer: Path) -> set[str]:
    """What lies outside of the server's root."""
    found = set()
    for folder, folders, files in os.walk(outer):
        folders[:] = [name for name in folders if name != "root"]
        found |= {os.path.join(folder, name) for name in (*folders, *files)}
    return found


def test_every_name_is_the_end_of_a_key(guarded: tuple[LocalServer, Path]) -> None:
    server, outer = guarded
    before = tree(outer)
    for name in NAMES:
        with pytest.raises(ClientError, match="Failed to download model data") as raised:
            ask(server, "e", TargetModel=name)
        assert raised.value.response["Error"]["Code"] == "ValidationError", name
        server.s3.put_object(Bucket="bucket", Key=f"many/{name}", Body=model_archive(f"weights of {name}"))
        assert ask(server, "e", TargetModel=name) == f"weights of {name}"
    assert tree(outer) == before
    unpacked = [path for folder in server.files("endpoints/e/*/*/*/opt/ml/models") for path in folder.iterdir()]
    assert len(unpacked) == len(NAMES) and all(re.fullmatch("[0-9a-f]{32}", path.name) for path in unpacked)
    print(f"{len(NAMES)} odd names served from their own keys, each from a folder that is called by a hash")


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_what_is_no_target_model_is_refused_before_anything_is_done(guarded: tuple[LocalServer, Path], name: str) -> None:
    server, outer = guarded
    before = tree(outer)
    with pytest.raises((ClientError, HTTPClientError)) as raised:
        ask(server, "e", TargetModel=name)
    if isinstance(raised.value, ClientError):
        assert raised.value.response["Error"]["Code"] in ("ValidationError", "400", "InvalidSignatureException"), raised.value
    assert tree(outer) == before
    assert ask(server, "e", TargetModel="any") == "any"
