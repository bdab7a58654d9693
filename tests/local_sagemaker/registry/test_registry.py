"""The image registry under /v2/, over plain HTTP: what the OCI distribution specification asks of push, pull and management.

Covers local_sagemaker.registry.http, local_sagemaker.storage.image_blobs, local_sagemaker.storage.image_manifests,
local_sagemaker.protocol.replies."""

import contextlib
import hashlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_sagemaker.registry.http import NAME
from local_sagemaker.storage.image_index import ABANDONED, Registry
from local_sagemaker.storage.image_manifests import read_manifest
from tests.support.local_server import LocalServer, wait_until
from tests.support.registry_client import MANIFEST, RegistryClient, code_of, digest_of, manifest

OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
LARGE = 320 * 1024**2
METHODS = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "POST"]
EMPTY = {"mutability": "MUTABLE", "exclusions": []}


@pytest.fixture(scope="module")
def client(server: LocalServer) -> RegistryClient:
    """A client of a registry with the repositories `app` and `team/other`."""
    for name in ("app", "team/other"):
        server.ecr.create_repository(repositoryName=name)
    return RegistryClient(server)


def test_a_client_is_asked_to_log_in(client: RegistryClient) -> None:
    answer = requests.get(client.url + "/v2/", timeout=10)
    assert (answer.status_code, code_of(answer)) == (401, "UNAUTHORIZED")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    answer = client.ask("GET", "/v2/")
    assert (answer.status_code, answer.headers["Docker-Distribution-Api-Version"]) == (200, "registry/2.0")


def test_an_image_is_pushed_and_pulled(client: RegistryClient) -> None:
    layer = os.urandom(100_000)
    digest = client.push("app", "v1", layer)
    by_tag, by_digest = (client.ask("GET", f"/v2/app/manifests/{one}") for one in ("v1", digest))
    assert by_tag.content == by_digest.content and digest_of(by_tag.content) == digest
    assert by_tag.headers["Content-Type"] == MANIFEST and by_tag.headers["Docker-Content-Digest"] == digest
    head = client.ask("HEAD", "/v2/app/manifests/v1")
    assert (head.headers["Content-Length"], head.content) == (str(len(by_tag.content)), b"")
    named = by_tag.json()["layers"][0]["digest"]
    assert client.ask("GET", f"/v2/app/blobs/{named}").content == layer
    head = client.ask("HEAD", f"/v2/app/blobs/{named}")
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "100000", b"")


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=990-", 206, slice(990, 1000)),
        ("bytes=-5", 206, slice(995, 1000)),
        ("bytes=-5000", 206, slice(0, 1000)),
        ("bytes=5-4", 200, slice(0, 1000)),
        ("bytes=0-1,4-5", 200, slice(0, 1000)),
        ("bytes=1000-", 416, None),
        ("bytes=-0", 416, None),
    ],
)
def test_a_part_of_a_blob(client: RegistryClient, asked: str, status: int, part: slice | None) -> None:
    data = bytes(range(250)) * 4
    answer = client.ask("GET", f"/v2/app/blobs/{client.push_blob('app', data)}", Range=asked)
    assert answer.status_code == status
    if part is not None:
        assert answer.content == data[part]
    if status == 206:
        assert answer.headers["Content-Range"] == f"bytes {part.start}-{part.stop - 1}/1000"


def test_a_blob_in_one_request_and_the_empty_blob(client: RegistryClient) -> None:
    for data in (os.urandom(5000), b""):
        answer = client.ask("POST", f"/v2/app/blobs/uploads/?digest={digest_of(data)}", data)
        assert (answer.status_code, answer.headers["Docker-Content-Digest"]) == (201, digest_of(data))
        assert client.ask("GET", answer.headers["Location"]).content == data


def test_a_blob_in_chunks_and_their_order(client: RegistryClient) -> None:
    data = os.urandom(3000)
    where = client.start("app")
    assert client.ask("PATCH", where, data[:1000], Content_Range="0-999").headers["Range"] == "0-999"
    for wrong, status in (("0-999", 416), ("2000-2999", 416), ("1001-2000", 416), ("1000-1500", 400), ("x", 400), ("9-1", 400)):
        answer = client.ask("PATCH", where, data[1000:2000], Content_Range=wrong)
        assert answer.status_code == status, (wrong, answer.text)
    assert client.ask("GET", where).headers["Range"] == "0-999"
    assert client.ask("PATCH", where, data[1000:2000], Content_Range="1000-1999").headers["Range"] == "0-1999"
    answer = client.ask("PUT", f"{where}?digest={digest_of(data)}", data[2000:], Content_Range="2000-2999")
    assert answer.status_code == 201
    assert client.ask("GET", f"/v2/app/blobs/{digest_of(data)}").content == data
    assert code_of(client.ask("GET", where)) == "BLOB_UPLOAD_UNKNOWN"


def test_a_blob_with_another_digest_is_not_kept(client: RegistryClient, server: LocalServer) -> None:
    data, other = os.urandom(2000), digest_of(os.urandom(10))
    where = client.start("app")
    client.ask("PATCH", where, data)
    answer = client.ask("PUT", f"{where}?digest={other}")
    assert (answer.status_code, code_of(answer)) == (400, "DIGEST_INVALID") and digest_of(data) in answer.text
    for digest in (other, digest_of(data)):
        assert client.ask("HEAD", f"/v2/app/blobs/{digest}").status_code == 404
    assert client.ask("GET", where).status_code == 404
    assert not server.files("registry/**/" + other.removeprefix("sha256:"))


def cut_off(client: RegistryClient, path: str, sent: bytes, announced: int) -> None:
    """Sends a part of a body, and breaks the connection once the server has it."""
    basic = requests.auth._basic_auth_str(*client.login)
    host = client.url.removeprefix("http://")
    head = f"PATCH {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {basic}\r\nContent-Length: {announced}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(host.partition(":")[2]))) as connection:
        connection.sendall(head.encode() + sent)
        wait_until(lambda: received(client, path) == len(sent))


def received(client: RegistryClient, where: str) -> int:
    return int(client.ask("GET", where).headers["Range"].partition("-")[2]) + 1


def test_an_upload_goes_on_after_a_broken_connection_and_a_killed_server(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "root")
    server.ecr.create_repository(repositoryName="app")
    client, data = RegistryClient(server), os.urandom(3_000_000)
    where = client.start("app")
    cut_off(client, where, data[:1_000_000], len(data))
    wait_until(lambda: client.ask("PATCH", where, data[1_000_000:2_000_000], Content_Range="1000000-1999999").ok)
    server.kill()
    server.start()
    client = RegistryClient(server)
    assert received(client, where) == 2_000_000
    answer = client.ask("PUT", f"{where}?digest={digest_of(data)}", data[2_000_000:])
    assert answer.status_code == 201, answer.text
    server.kill()
    server.start()
    assert RegistryClient(server).ask("GET", f"/v2/app/blobs/{digest_of(data)}").content == data
    assert "Traceback" not in (server.root / "server.log").read_text()
    server.stop()


def test_an_old_login_is_good_for_the_next_server(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "root")
    login = RegistryClient(server).login
    server.stop()
    server.start()
    client = RegistryClient(server)
    client.session.auth = login
    assert client.ask("GET", "/v2/").status_code == 200
    server.stop()


def test_one_request_at_a_time_writes_an_upload(client: RegistryClient) -> None:
    where, going = client.start("app"), threading.Event()

    def slow() -> Iterator[bytes]:
        yield b"a" * 1000
        going.wait(30)
        yield b"b"

    first = threading.Thread(
        target=lambda: requests.request("PATCH", client.url + where, data=slow(), auth=client.login, timeout=60)
    )
    first.start()
    wait_until(lambda: received(client, where) == 1000)
    assert client.ask("PATCH", where, b"x").status_code == 409
    assert client.ask("DELETE", where).status_code == 409
    going.set()
    first.join()
    assert received(client, where) == 1001
    assert client.ask("DELETE", where).status_code == 204
    assert client.ask("PATCH", where, b"x").status_code == 404


def test_many_push_the_same_blob_at_once(client: RegistryClient, server: LocalServer) -> None:
    data = os.urandom(4_000_000)
    digests: list[str] = []
    clients = [RegistryClient(server) for _ in range(8)]
    threads = [threading.Thread(target=lambda one=one: digests.append(one.push_blob("app", data))) for one in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert digests == [digest_of(data)] * 8
    assert client.ask("GET", f"/v2/app/blobs/{digests[0]}").content == data
    assert len(server.files("registry/blobs/**/" + digests[0].removeprefix("sha256:"))) == 1


def test_a_blob_is_mounted_from_another_repository(client: RegistryClient) -> None:
    digest = client.push_blob("app", os.urandom(1000))
    assert client.ask("HEAD", f"/v2/team/other/blobs/{digest}").status_code == 404
    answer = client.ask("POST", f"/v2/team/other/blobs/uploads/?mount={digest}&from=app")
    assert answer.status_code == 201 and answer.headers["Location"] == f"/v2/team/other/blobs/{digest}"
    assert client.ask("DELETE", f"/v2/app/blobs/{digest}").status_code == 202
    assert len(client.ask("GET", f"/v2/team/other/blobs/{digest}").content) == 1000
    for source in ("app", "none", "../app"):
        assert client.ask("POST", f"/v2/team/other/blobs/uploads/?mount={digest_of(b'?')}&from={source}").status_code == 202


@pytest.mark.parametrize(
    ("change", "media_type", "code"),
    [
        ({}, MANIFEST, "MANIFEST_BLOB_UNKNOWN"),
        ({"schemaVersion": 1}, MANIFEST, "MANIFEST_INVALID"),
        ({"mediaType": OCI_IMAGE}, MANIFEST, "MANIFEST_INVALID"),
        ({"config": None}, MANIFEST, "MANIFEST_INVALID"),
        ({"layers": {}}, MANIFEST, "MANIFEST_INVALID"),
        ({"layers": [{"digest": "sha256:../../x", "size": 1}]}, MANIFEST, "MANIFEST_INVALID"),
        ({"layers": [{"digest": digest_of(b"x"), "size": True}]}, MANIFEST, "MANIFEST_INVALID"),
        ({}, "application/json", "MANIFEST_INVALID"),
        ({}, "", "MANIFEST_INVALID"),
    ],
)
def test_a_manifest_that_is_not_sound_is_refused(client: RegistryClient, change: dict, media_type: str, code: str) -> None:
    answer = client.put_manifest("app", "bad", manifest(b"absent config", b"absent layer", **change), media_type)
    assert (answer.status_code, code_of(answer)) == (400, code), answer.text
    assert client.ask("GET", "/v2/app/manifests/bad").status_code == 404


def test_a_manifest_must_be_what_it_is_called_and_tell_sizes_right(client: RegistryClient) -> None:
    config = b"{}"
    client.push_blob("app", config)
    body = manifest(config)
    assert code_of(client.put_manifest("app", digest_of(b"other"), body)) == "DIGEST_INVALID"
    assert code_of(client.put_manifest("app", "sha256:xyz", body)) == "DIGEST_INVALID"
    assert code_of(client.put_manifest("app", "x" * 129, body)) == "TAG_INVALID"
    wrong = manifest(config, config={"mediaType": "x", "size": 3, "digest": digest_of(config)})
    assert code_of(client.put_manifest("app", "v", wrong)) == "MANIFEST_INVALID"
    assert client.put_manifest("app", digest_of(body), body).status_code == 201
    huge = client.ask("PUT", "/v2/app/manifests/v", b" " * (4 * 1024**2 + 1), Content_Type=MANIFEST)
    assert (huge.status_code, code_of(huge)) == (413, "SIZE_INVALID")
    for junk in (b"", b"[]", b"{", b"\xff", b"[" * 100_000):
        assert code_of(client.put_manifest("app", "v", junk)) == "MANIFEST_INVALID"


def test_an_index_holds_its_images(client: RegistryClient) -> None:
    image = client.push("team/other", "amd64", os.urandom(500))
    body = {"schemaVersion": 2, "mediaType": OCI_INDEX}
    absent = json.dumps(body | {"manifests": [{"mediaType": MANIFEST, "digest": digest_of(b"no"), "size": 2}]}).encode()
    assert code_of(client.put_manifest("team/other", "all", absent, OCI_INDEX)) == "MANIFEST_BLOB_UNKNOWN"
    index = json.dumps(body | {"manifests": [{"mediaType": MANIFEST, "digest": image, "size": 2}]}).encode()
    answer = client.put_manifest("team/other", "all", index, OCI_INDEX)
    assert answer.status_code == 201
    assert client.ask("GET", "/v2/team/other/manifests/all").headers["Content-Type"] == OCI_INDEX
    refused = client.ask("DELETE", f"/v2/team/other/manifests/{image}")
    assert refused.status_code == 405 and digest_of(index) in refused.text
    for digest in (digest_of(index), image):
        assert client.ask("DELETE", f"/v2/team/other/manifests/{digest}").status_code == 202


def test_tags_are_listed_page_by_page(client: RegistryClient, server: LocalServer) -> None:
    server.ecr.create_repository(repositoryName="tagged")
    config = b"{}"
    client.push_blob("tagged", config)
    for tag in ("b", "a", "d", "c", "e"):
        assert client.put_manifest("tagged", tag, manifest(config)).status_code == 201
    found, path = [], "/v2/tagged/tags/list?n=2"
    while path:
        answer = client.ask("GET", path)
        found.append(answer.json()["tags"])
        path = answer.links.get("next", {}).get("url")
    assert found == [["a", "b"], ["c", "d"], ["e"]]
    assert client.ask("GET", "/v2/tagged/tags/list").json() == {"name": "tagged", "tags": ["a", "b", "c", "d", "e"]}
    assert client.ask("GET", "/v2/tagged/tags/list?n=x").status_code == 400
    assert client.ask("DELETE", "/v2/tagged/manifests/c").status_code == 202
    assert client.ask("GET", "/v2/tagged/tags/list").json()["tags"] == ["a", "b", "d", "e"]
    digest = client.ask("HEAD", "/v2/tagged/manifests/a").headers["Docker-Content-Digest"]
    assert client.ask("DELETE", f"/v2/tagged/blobs/{digest_of(config)}").status_code == 405
    assert client.ask("DELETE", f"/v2/tagged/manifests/{digest}").status_code == 202
    assert client.ask("GET", "/v2/tagged/tags/list").json()["tags"] == []
    assert client.ask("DELETE", f"/v2/tagged/blobs/{digest_of(config)}").status_code == 202
    assert client.ask("DELETE", f"/v2/tagged/blobs/{digest_of(config)}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/none/tags/list", 404, "NAME_UNKNOWN"),
        ("POST", "/v2/none/blobs/uploads/", 404, "NAME_UNKNOWN"),
        ("GET", "/v2/none/manifests/v1", 404, "NAME_UNKNOWN"),
        ("GET", f"/v2/none/blobs/{digest_of(b'')}", 404, "NAME_UNKNOWN"),
        ("GET", "/v2/app/manifests/none", 404, "MANIFEST_UNKNOWN"),
        ("GET", f"/v2/app/blobs/{digest_of(b'none')}", 404, "BLOB_UNKNOWN"),
        ("GET", "/v2/app/blobs/sha512:00", 400, "DIGEST_INVALID"),
        ("GET", "/v2/App/tags/list", 400, "NAME_INVALID"),
        ("GET", "/v2/app/blobs/uploads/x", 404, "BLOB_UPLOAD_UNKNOWN"),
        ("GET", f"/v2/app/referrers/{digest_of(b'')}", 404, "UNSUPPORTED"),
        ("GET", "/v2/_catalog", 404, "UNSUPPORTED"),
        ("POST", "/v2/app/manifests/v1", 405, "UNSUPPORTED"),
    ],
)
def test_what_is_not_there_is_told_in_the_words_of_the_specification(
    client: RegistryClient, method: str, path: str, status: int, code: str
) -> None:
    answer = client.ask(method, path)
    assert (answer.status_code, code_of(answer)) == (status, code)


def test_an_upload_belongs_to_its_repository(client: RegistryClient) -> None:
    where = client.start("app").replace("/app/", "/team/other/")
    assert code_of(client.ask("PATCH", where, b"x")) == "BLOB_UPLOAD_UNKNOWN"


@given(st.text(alphabet="ab/._-A0%é\x00 ", max_size=12))
@settings(max_examples=300, deadline=None)
def test_no_name_that_is_taken_can_climb(name: str) -> None:
    if NAME.fullmatch(name):
        assert all(part not in ("", ".", "..") for part in name.split("/")) and name.isascii() and name.isprintable()


WILD = st.lists(
    st.sampled_from(["..", "%2e%2e", "/", "%2f", "%00", "a", "sha256:", "0" * 64, "app", "%0a", "blobs", "uploads", "~", "é"]),
    max_size=7,
).map("".join)


def test_wild_names_and_digests_never_leave_the_folder(client: RegistryClient, server: LocalServer) -> None:
    statuses = set()

    @given(st.sampled_from(METHODS), WILD, WILD, st.sampled_from(["blobs", "manifests"]))
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    def try_path(method: str, name: str, reference: str, kind: str) -> None:
        for path in (f"/v2/{name}/{kind}/{reference}", f"/v2/app/{kind}/{reference}?digest={name}&mount={name}&from={name}"):
            with contextlib.suppress(requests.exceptions.InvalidURL, UnicodeError):
                answer = client.ask(method, path, b"x" if method in ("PUT", "PATCH", "POST") else None)
                if answer.status_code == 200:  # the client itself took the dots out and asked for the registry's own address
                    assert answer.request.path_url.partition("?")[0].rstrip("/") == "/v2", answer.request.path_url
                else:
                    statuses.add(answer.status_code)

    try_path()
    assert statuses <= {202, 400, 403, 404, 405}, statuses  # 403: a path that no longer began with /v2/, and so was S3's
    blobs = {entry for entry in server.files("registry/blobs/**/*") if entry.is_file()}
    assert all(f"sha256:{path.name}" == digest_of(path.read_bytes()) for path in blobs) and len(blobs) > 5
    assert {entry.name for entry in (server.root / "registry").iterdir()} <= {
        "blobs",
        "uploads",
        "index.db",
        "index.db-wal",
        "index.db-shm",
    }


def test_memory_stays_flat_while_a_large_layer_goes_in_and_out(client: RegistryClient, server: LocalServer) -> None:
    process, most = psutil.Process(server.process.pid), 0
    before, piece = process.memory_info().rss, os.urandom(1 << 20)
    sha256 = hashlib.sha256()

    def body() -> Iterator[bytes]:
        nonlocal most
        for number in range(LARGE >> 20):
            block = number.to_bytes(4, "big") + piece[4:]
            sha256.update(block)
            if number % 16 == 0:
                most = max(most, process.memory_info().rss)
            yield block

    where = client.start("app")
    assert client.ask("PATCH", where, body()).headers["Range"] == f"0-{LARGE - 1}"
    digest = f"sha256:{sha256.hexdigest()}"
    assert client.ask("PUT", f"{where}?digest={digest}").status_code == 201
    back = hashlib.sha256()
    with client.session.get(f"{client.url}/v2/app/blobs/{digest}", stream=True, timeout=60) as answer:
        for block in answer.iter_content(1 << 20):
            back.update(block)
            most = max(most, process.memory_info().rss)
    assert back.hexdigest() == sha256.hexdigest()
    print(f"{LARGE >> 20} MiB in and out: the server grew by {(most - before) / 1024**2:.0f} MiB")
    assert most - before < 100 * 1024**2
    client.ask("DELETE", f"/v2/app/blobs/{digest}")
    assert not server.files("registry/blobs/**/" + digest.removeprefix("sha256:"))


def kept(registry: Registry, data: bytes) -> str:
    """Puts a blob in `app`."""
    upload = registry.upload("app", registry.start_upload("app"))
    upload.claim()
    upload.write(data)
    registry.finish_upload("app", upload, digest_of(data))
    upload.release()
    return digest_of(data)


def test_what_was_abandoned_is_swept_at_the_start_and_nothing_else(tmp_path: Path) -> None:
    now = 1_700_000_000.0
    registry = Registry(tmp_path, lambda: now)
    registry.create("app", EMPTY)
    old, used = kept(registry, b"old"), kept(registry, b"{}")
    registry.put_manifest("app", read_manifest(manifest(b"{}"), MANIFEST), "v1")
    begun = registry.start_upload("app")
    os.utime(tmp_path / "registry" / "uploads" / begun, (now, now))
    stray = tmp_path / "registry" / "blobs" / "00" / ("0" * 64)
    stray.write_bytes(b"renamed, and the server was killed before the row was written")
    assert registry.sweep() == 1 and not stray.exists()
    now += ABANDONED + 1
    young = kept(registry, b"young")
    resumed = registry.start_upload("app")
    os.utime(tmp_path / "registry" / "uploads" / resumed, (now, now))
    assert registry.sweep() == 2
    sizes = [registry.blob_size("app", digest) for digest in (old, used, young)]
    assert sizes == [None, 2, 5] and registry.upload("app", resumed).size == 0
    assert [upload.name for upload in (tmp_path / "registry" / "uploads").iterdir()] == [resumed]
    registry.close()


def test_a_broken_index_is_moved_aside_with_the_files_it_named(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.create("app", EMPTY)
    kept(registry, b"data")
    registry.close()
    (tmp_path / "registry" / "index.db").write_bytes(b"not a database" * 1000)
    registry = Registry(tmp_path)
    assert registry.notice and registry.names() == []
    assert len([path for path in (tmp_path / "registry").glob("blobs.corrupt-*/*/*") if path.read_bytes() == b"data"]) == 1
    registry.close()


def test_a_blob_that_was_removed_behind_our_back_can_be_pushed_again(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.create("app", EMPTY)
    digest = kept(registry, b"data")
    next((tmp_path / "registry" / "blobs").rglob(digest.removeprefix("sha256:"))).unlink()
    assert registry.blob_size("app", digest) is None
    assert kept(registry, b"data") == digest and registry.blob_size("app", digest) == 4
    registry.close()
