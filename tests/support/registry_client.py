"""A client of the image registry that sends exactly what a test says: plain HTTP with the login of GetAuthorizationToken."""

import base64
import hashlib
import json
from typing import Any

import requests

from tests.support.local_server import LocalServer

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def manifest(config: bytes, /, *layers: bytes, **change: Any) -> bytes:
    """A schema 2 manifest of these blobs, with members changed."""
    members = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "size": len(config), "digest": digest_of(config)},
        "layers": [{"mediaType": LAYER, "size": len(one), "digest": digest_of(one)} for one in layers],
    }
    return json.dumps(members | change).encode()


class RegistryClient:
    """`/v2/` of a server; `ask` gives the response, whatever it is."""

    def __init__(self, server: LocalServer) -> None:
        self.url = server.url
        token = server.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        self.login = tuple(base64.b64decode(token).decode().split(":", 1))
        self.session = requests.Session()
        self.session.auth = self.login

    def ask(self, method: str, path: str, data: Any = None, **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.session.request(method, self.url + path, data=data, headers=named, timeout=60, allow_redirects=False)

    def start(self, name: str) -> str:
        """Starts an upload; returns its path."""
        response = self.ask("POST", f"/v2/{name}/blobs/uploads/")
        assert response.status_code == 202, response.text
        return response.headers["Location"]

    def push_blob(self, name: str, data: bytes) -> str:
        """Uploads a blob as docker does; returns its digest."""
        location, digest = self.start(name), digest_of(data)
        assert self.ask("PATCH", location, data).status_code == 202
        response = self.ask("PUT", f"{location}?digest={digest}")
        assert response.status_code == 201, response.text
        return digest

    def put_manifest(self, name: str, reference: str, body: bytes, media_type: str = MANIFEST) -> requests.Response:
        return self.ask("PUT", f"/v2/{name}/manifests/{reference}", body, Content_Type=media_type)

    def push(self, name: str, tag: str, *layers: bytes) -> str:
        """Pushes an image of these layers; returns its digest."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "of": [digest_of(one) for one in layers]}).encode()
        for blob in (config, *layers):
            self.push_blob(name, blob)
        response = self.put_manifest(name, tag, manifest(config, *layers))
        assert response.status_code == 201, response.text
        return response.headers["Docker-Content-Digest"]


def code_of(response: requests.Response) -> str:
    """The code of the specification's error."""
    return response.json()["errors"][0]["code"]
