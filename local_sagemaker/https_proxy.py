"""An HTTPS proxy on loopback: AWS's names that this server answers for end here, everything else is passed through untouched.

Some programs call AWS by its own name whatever the environment says: the SageMaker SDK asks STS who it is, and people open
https://BUCKET.s3.amazonaws.com/KEY. With HTTPS_PROXY they come here. What goes elsewhere stays encrypted from end to end. Every
user of the machine reaches a loopback port, and behind this one may be the person's own proxy: so it asks for a password.
"""

import asyncio
import base64
import hmac
import ipaddress
import logging
import os
import re
import socket
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from .identity.certificate_authority import CertificateAuthority
from .protocol import aws_names

log = logging.getLogger(__name__)

USER = "kennel"
HEAD_BYTES = 8 << 10
HEAD_SECONDS = 10.0
CONNECT_SECONDS = 20.0
IDLE_SECONDS = 900.0
"""A connection through which nothing comes for so long is closed."""
CONNECTIONS = 256
"""Of clients, open at one time, whatever they lead to; one more is closed at once. Each takes up to three descriptors."""
CERTIFICATE_PATH = "/certificate-authority.pem"
_CONNECT = re.compile(r"CONNECT ([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(\d{1,5}) HTTP/1\.[01]")
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_NO_PASSWORD = (
    'Proxy Authentication Required: eval "$(kennel env)" sets the user and the password of the local SageMaker\'s proxy'
)


class HttpsProxy:
    """Takes CONNECT requests with the password. `front` makes the protocol that answers the requests of a connection which ends
    here; `upstream` is the URL of the proxy that leads on, empty where there is none; `idle` is in seconds."""

    def __init__(
        self,
        authority: CertificateAuthority,
        has_bucket: Callable[[str], bool],
        front: Callable[[], asyncio.Protocol],
        password: str,
        upstream: str = "",
        idle: float = IDLE_SECONDS,
    ) -> None:
        self._authority = authority
        self._has_bucket = has_bucket
        self._front = front
        self._login = base64.b64encode(f"{USER}:{password}".encode())
        self.upstream = upstream
        self.idle = idle
        self.clients: set[_Client] = set()
        self._place = ("", 0)
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, listener: socket.socket) -> asyncio.Server:
        """Begins to serve."""
        self._place = listener.getsockname()
        return await asyncio.get_running_loop().create_server(lambda: _Client(self), sock=listener)

    def close(self) -> None:
        """Ends every connection."""
        for task in self._tasks:
            task.cancel()
        for client in list(self.clients):
            client.transport.close()

    def ends_here(self, host: str) -> bool:
        """Whether this server answers for a host."""
        bucket = aws_names.bucket_of(host)
        return aws_names.is_api(host) or bucket.startswith(aws_names.TELEMETRY) or (bool(bucket) and self._has_bucket(bucket))

    def begin(self, client: "_Client", head: str) -> None:
        """The head of a client's request is there: its lines, without the blank one."""
        task = asyncio.get_running_loop().create_task(self._serve(client, head))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: "_Client", head: str) -> None:
        line, *fields = head.split("\r\n")
        try:
            if line.split(" ")[:2] == ["GET", CERTIFICATE_PATH]:
                body = await asyncio.to_thread(self._authority.certificate)
                client.refuse("200 OK", body.decode())
            elif not self._is_known(fields):
                client.tell("407", _NO_PASSWORD, f'Proxy-Authenticate: Basic realm="{USER}"\r\n')
            elif (found := _CONNECT.fullmatch(line)) is None or not 0 < int(found[2]) < 65536:
                client.refuse("405 Method Not Allowed", "This is a proxy for HTTPS: it takes CONNECT alone.\n")
            else:
                await self._connect(client, found[1].lower(), int(found[2]))
        except Exception as error:
            if not isinstance(error, OSError | ValueError):  # those of TLS, of time and of names that are none among them
                log.warning("the HTTPS proxy: %s: %s: %s", line[:200], type(error).__name__, error)
            client.tell("502", f"Bad Gateway: {line.split(' ')[1][:300]}: {error or type(error).__name__}")

    def _is_known(self, fields: list[str]) -> bool:
        """Whether the fields of a head have the user and the password."""
        given = [value for name, _, value in (field.partition(":") for field in fields) if name.lower() == "proxy-authorization"]
        scheme, _, login = given[0].strip().partition(" ") if len(given) == 1 else ("", "", "")
        return scheme.lower() == "basic" and hmac.compare_digest(login.strip().encode("latin-1"), self._login)

    async def _connect(self, client: "_Client", host: str, port: int) -> None:
        if port == 443 and aws_names.is_ambiguous(host):
            text = f"Forbidden: {host} does not tell whether a bucket is here or at AWS; use https://BUCKET.s3.amazonaws.com"
            client.tell("403", f"{text}, or for public data https://s3.REGION.amazonaws.com")
        elif port == 443 and await asyncio.to_thread(self.ends_here, host):
            await self._end_here(client, host.removesuffix("."))
        else:
            await self._pass_on(client, host.strip("[]"), port)

    async def _end_here(self, client: "_Client", host: str) -> None:
        """Connects the client with the server, which is `host` to it."""
        context = await asyncio.to_thread(self._authority.context, host)
        loop, end = asyncio.get_running_loop(), _End(self, closes_whole=True)
        ours, servers = socket.socketpair()
        await loop.create_connection(lambda: end, sock=ours)
        client.transport.write(_ESTABLISHED)
        client.join(end)
        await loop.connect_accepted_socket(self._front, servers, ssl=context, ssl_handshake_timeout=HEAD_SECONDS)

    async def _pass_on(self, client: "_Client", host: str, port: int) -> None:
        """Connects the client with a host elsewhere, or with the next proxy, whose answer is the client's."""
        proxy, end = urlsplit(self.upstream), _End(self)
        place = (proxy.hostname, proxy.port or 80) if proxy.hostname else (host, port)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().create_connection(lambda: end, *place)
        except (OSError, ValueError) as error:
            onward = " (the proxy that leads on)" if proxy.hostname else ""
            client.tell("502", f"Bad Gateway: {place[0]}:{place[1]}{onward}: {_why(error)}")
            return
        if self._is_here(*end.transport.get_extra_info("peername")[:2]):
            end.transport.abort()
            client.tell("403", f"Forbidden: {place[0]}:{place[1]} is this proxy itself")
            return
        if proxy.hostname:
            end.transport.write(_connect_request(host, port, proxy.username, proxy.password))
        else:
            client.transport.write(_ESTABLISHED)
        client.join(end)

    def _is_here(self, host: str, port: int) -> bool:
        """Whether an address is this proxy's own, by whatever name it was reached."""
        address = ipaddress.ip_address(host)
        plain = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return (str(plain or address), port) == self._place


class _End(asyncio.Protocol):
    """One end of a connection that is passed on: whatever comes goes to the other end, no faster than that takes it.

    `closes_whole`: when nothing more will come, nothing more is taken either, as with TLS."""

    transport: asyncio.Transport

    def __init__(self, proxy: HttpsProxy, closes_whole: bool = False) -> None:
        self._proxy = proxy
        self._closes_whole = closes_whole
        self._other: _End | None = None
        self._idle: _Idle | None = None
        self._has_ended = False
        self._is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self._other is not None and self._idle is not None:
            self._idle.put_off()
            self._other.transport.write(data)

    def eof_received(self) -> bool:
        self._has_ended = True
        if self._closes_whole or self._other is None or self._other._has_ended or self._other.transport.is_closing():
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
        self._is_lost = True
        if self._other is not None and self._idle is not None:
            self._other.transport.close()
            if self._other._is_lost:
                self._idle.cancel()


class _Client(_End):
    """A connection to the proxy: its head is read, then it is the end of something."""

    def __init__(self, proxy: HttpsProxy) -> None:
        super().__init__(proxy)
        self._head = bytearray()
        self._has_begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._proxy.clients.add(self)
        if len(self._proxy.clients) > CONNECTIONS:
            self.transport.abort()
        self._limit = asyncio.get_running_loop().call_later(HEAD_SECONDS, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._has_begun:
            super().data_received(data)
            return
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if (len(self._head) if end < 0 else end) > HEAD_BYTES:
            self.refuse("431 Request Header Fields Too Large", "The head of the request is too long.\n")
        elif end >= 0:
            self._limit.cancel()
            self.transport.pause_reading()
            self._has_begun = True
            head = self._head[:end].decode("latin-1")
            del self._head[: end + 4]
            self._proxy.begin(self, head)

    def connection_lost(self, exc: Exception | None) -> None:
        self._limit.cancel()
        self._proxy.clients.discard(self)
        super().connection_lost(exc)

    def join(self, other: _End) -> None:
        """From now on the two ends are one connection. What came with the head is the first that goes to the other."""
        if self.transport.is_closing() or other.transport.is_closing():
            self.transport.close()
            other.transport.close()
            return
        self._other, other._other = other, self
        self._idle = other._idle = _Idle(self._proxy.idle, self.transport, other.transport)
        if self._head:
            other.transport.write(bytes(self._head))
        self.transport.resume_reading()

    def tell(self, code: str, text: str, fields: str = "") -> None:
        """Refuses with a text that stands in the status line too: most programs show nothing else of a proxy's answer."""
        text = "".join(letter if letter.isprintable() and letter <= "\xff" else "?" for letter in text)
        self.refuse(f"{code} {text}", f"{text}\n", fields)

    def refuse(self, status: str, text: str, fields: str = "") -> None:
        """Answers in plain text, with header lines, and closes. A connection that leads somewhere already is closed only."""
        if self.transport.is_closing():
            return
        if self._other is None:
            body = text.encode("utf-8", "replace")
            fields += f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
            self.transport.write(f"HTTP/1.1 {status}\r\n{fields}\r\n".encode("latin-1") + body)
        self.transport.close()


class _Idle:
    """Aborts the two ends of a connection when nothing has come through it for `seconds`."""

    def __init__(self, seconds: float, *ends: asyncio.Transport) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._ends = ends
        self.put_off()
        self._timer = self._loop.call_later(seconds, self._look)

    def put_off(self) -> None:
        """Something has come."""
        self._latest = self._loop.time()

    def cancel(self) -> None:
        """Both ends are closed."""
        self._timer.cancel()

    def _look(self) -> None:
        end = self._latest + self._seconds
        if self._loop.time() < end:
            self._timer = self._loop.call_at(end, self._look)
            return
        for transport in self._ends:
            transport.abort()


def _why(error: OSError | ValueError) -> str:
    """Why there is no connection, in words for a person."""
    match error:
        case TimeoutError():
            return f"no answer within {CONNECT_SECONDS:g} s"
        case socket.gaierror():
            return f"the name cannot be resolved ({error.strerror})"
        case ValueError():
            return "this is no name of a host"
    return os.strerror(error.errno) if error.errno else str(error)


def _connect_request(host: str, port: int, user: str | None, password: str | None) -> bytes:
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    head = f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n"
    if user is not None:
        login = f"{unquote(user)}:{unquote(password or '')}".encode()
        head += f"Proxy-Authorization: Basic {base64.b64encode(login).decode()}\r\n"
    return f"{head}\r\n".encode()
