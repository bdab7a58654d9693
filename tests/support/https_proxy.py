"""Talking to the HTTPS proxy of a local SageMaker, with its password or without."""

import base64
import http.client
import json
import socket
import ssl
from urllib.parse import urlsplit

from tests.support.local_server import LocalServer


def url_of(server: LocalServer) -> str:
    """As HTTPS_PROXY has it, with user and password."""
    return json.loads((server.root / "server.json").read_text())["https_proxy"]


def proxy_of(server: LocalServer) -> tuple[str, int]:
    place = urlsplit(url_of(server))
    return str(place.hostname), int(place.port or 0)


def login_of(url: str) -> dict[str, str]:
    """The header that knows the password."""
    place = urlsplit(url)
    return {"Proxy-Authorization": "Basic " + base64.b64encode(f"{place.username}:{place.password}".encode()).decode()}


def known(server: LocalServer, sent: bytes) -> bytes:
    """A head with the password, behind its first line."""
    ((name, value),) = login_of(url_of(server)).items()
    return sent.replace(b"\r\n", f"\r\n{name}: {value}\r\n".encode(), 1)


def through(server: LocalServer, host: str, context: ssl.SSLContext | None = None) -> http.client.HTTPSConnection:
    """A connection with a host, through the proxy."""
    connection = http.client.HTTPSConnection(*proxy_of(server), context=context, timeout=30)
    connection.set_tunnel(host, headers=login_of(url_of(server)))
    return connection


def authority_of(server: LocalServer) -> str:
    connection = http.client.HTTPConnection(*proxy_of(server), timeout=30)
    connection.request("GET", "/certificate-authority.pem")
    return connection.getresponse().read().decode()


def said(server: LocalServer, sent: bytes) -> bytes:
    """All that the proxy answers, until it closes."""
    with socket.create_connection(proxy_of(server), timeout=30) as client:
        client.sendall(sent)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
        return answer
