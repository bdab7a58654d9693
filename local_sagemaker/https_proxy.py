"""An HTTPS proxy on loopback: AWS's names that this server answers for end here, everything else is passed through untouched.

Some programs call AWS by its own name whatever the environment says: the SageMaker SDK asks STS who it is, and people open
https://BUCKET.s3.amazonaws.com/KEY. With HTTPS_PROXY they come here. What goes elsewhere stays encrypted from end to end.
"""

import asyncio
import base64
import logging
import re
import socket
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from .identity.certificate_authority import CertificateAuthority
from .protocol import aws_names

log = logging.getLogger(__name__)

HEAD_BYTES = 8 << 10
HEAD_SECONDS = 10.0
CONNECT_SECONDS = 20.0
CONNECTIONS = 512
"""Open at one time; one more is closed at once."""
CERTIFICATE_PATH = "/certificate-authority.pem"
_CONNECT = re.compile(r"CONNECT ([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(\d{1,5}) HTTP/1\.[01]")
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class HttpsProxy:
    """Takes CONNECT requests. `front` makes the protocol that answers the requests of a connection which ends here; `upstream` is
    the URL of the proxy that leads on, empty where there is none."""

    def __init__(
        self,
        authority: CertificateAuthority,
        has_bucket: Callable[[str], bool],
        front: Callable[[], asyncio.Protocol],
        upstream: str = "",
    ) -> None:
        self._authority = authority
        self._has_bucket = has_bucket
        self._front = front
        self.upstream = upstream
        self.open: set[asyncio.BaseTransport] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, listener: socket.socket) -> asyncio.Server:
        """Begins to serve."""
        return await asyncio.get_running_loop().create_server(lambda: _Client(self), sock=listener)

    def close(self) -> None:
        """Ends every connection."""
        for task in self._tasks:
            task.cancel()
        for transport in list(self.open):
            transport.close()

    def ends_here(self, host: str) -> bool:
        """Whether this server answers for a host."""
        bucket = aws_names.bucket_of(host)
        return aws_names.is_api(host) or bucket.startswith(aws_names.TELEMETRY) or (bool(bucket) and self._has_bucket(bucket))

    def begin(self, client: "_Client", line: str) -> None:
        """The first line of a client is there, and the head that it begins."""
        task = asyncio.get_running_loop().create_task(self._serve(client, line))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: "_Client", line: str) -> None:
        try:
            if line.split(" ")[:2] == ["GET", CERTIFICATE_PATH]:
                body = await asyncio.to_thread(self._authority.certificate)
                client.refuse("200 OK", body.decode())
            elif (found := _CONNECT.fullmatch(line)) is None or not 0 < int(found[2]) < 65536:
                client.refuse("405 Method Not Allowed", "This is a proxy for HTTPS: it takes CONNECT alone.\n")
            elif found[2] == "443" and await asyncio.to_thread(self.ends_here, found[1].lower()):
                await self._end_here(client, found[1].lower())
            else:
                await self._pass_on(client, found[1].strip("[]"), int(found[2]))
        except Exception as error:
            if not isinstance(error, OSError | ValueError):  # those of TLS, of time and of names that are none among them
                log.warning("the HTTPS proxy: %s: %s: %s", line[:200], type(error).__name__, error)
            client.refuse("502 Bad Gateway", f"{line.split(' ')[1][:300]}: {error or type(error).__name__}\n")

    async def _end_here(self, client: "_Client", host: str) -> None:
        """Hands the connection to the server, which is `host` to it."""
        context = await asyncio.to_thread(self._authority.context, host)
        protocol = self._front()
        client.transport.write(_ESTABLISHED)
        self.open.discard(client.transport)  # from here on it is the server's
        loop = asyncio.get_running_loop()
        secured = await loop.start_tls(client.transport, protocol, context, server_side=True, ssl_handshake_timeout=HEAD_SECONDS)
        if secured is None:  # the client has gone
            return
        protocol.connection_made(secured)

    async def _pass_on(self, client: "_Client", host: str, port: int) -> None:
        """Connects the client with a host elsewhere, or with the next proxy, whose answer is the client's."""
        proxy, end = urlsplit(self.upstream), _End(self)
        async with asyncio.timeout(CONNECT_SECONDS):
            place = (proxy.hostname, proxy.port or 80) if proxy.hostname else (host, port)
            await asyncio.get_running_loop().create_connection(lambda: end, *place)
        if proxy.hostname:
            end.transport.write(_connect_request(host, port, proxy.username, proxy.password))
        else:
            client.transport.write(_ESTABLISHED)
        client.join(end)


class _End(asyncio.Protocol):
    """One end of a connection that is passed on: whatever comes goes to the other end, no faster than that takes it."""

    transport: asyncio.Transport

    def __init__(self, proxy: HttpsProxy) -> None:
        self._proxy = proxy
        self._other: _End | None = None
        self._has_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._proxy.open.add(transport)

    def data_received(self, data: bytes) -> None:
        if self._other is not None:
            self._other.transport.write(data)

    def eof_received(self) -> bool:
        self._has_ended = True
        if self._other is None or self._other._has_ended or self._other.transport.is_closing():
            return False
        self._other.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        if self._other is not None:
            self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._other is not None:
            self._other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._proxy.open.discard(self.transport)
        if self._other is not None:
            self._other.transport.close()


class _Client(_End):
    """A connection to the proxy: its head is read, then it is the end of something."""

    def __init__(self, proxy: HttpsProxy) -> None:
        super().__init__(proxy)
        self._head = bytearray()
        self._line: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self._proxy.open) > CONNECTIONS:
            self.transport.abort()
        self._limit = asyncio.get_running_loop().call_later(HEAD_SECONDS, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._line is not None:
            super().data_received(data)
            return
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0 and len(self._head) > HEAD_BYTES:
            self.refuse("431 Request Header Fields Too Large", "The head of the request is too long.\n")
        elif end >= 0:
            self._limit.cancel()
            self.transport.pause_reading()
            self._line = self._head[:end].partition(b"\r\n")[0].decode("latin-1")
            del self._head[: end + 4]
            self._proxy.begin(self, self._line)

    def connection_lost(self, exc: Exception | None) -> None:
        self._limit.cancel()
        super().connection_lost(exc)

    def join(self, other: _End) -> None:
        """From now on the two ends are one connection."""
        if self.transport.is_closing() or other.transport.is_closing():
            self.transport.close()
            other.transport.close()
            return
        self._other, other._other = other, self
        if self._head:
            other.transport.write(bytes(self._head))
        self.transport.resume_reading()

    def refuse(self, status: str, text: str) -> None:
        """Answers in plain text, and closes."""
        if self.transport.is_closing():
            return
        body = text.encode("utf-8", "replace")
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.transport.write(head.encode("latin-1") + body)
        self.transport.close()


def _connect_request(host: str, port: int, user: str | None, password: str | None) -> bytes:
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    head = f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n"
    if user is not None:
        login = f"{unquote(user)}:{unquote(password or '')}".encode()
        head += f"Proxy-Authorization: Basic {base64.b64encode(login).decode()}\r\n"
    return f"{head}\r\n".encode()
