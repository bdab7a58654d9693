"""The server's life: take the root, open the state, listen on loopback, serve, stop cleanly. One port, one process.

What it answers is http_api.py's. It never listens on anything but 127.0.0.1.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from . import services
from .caller import Caller
from .config import Config
from .context import Context, Lifecycle, Platform
from .errors import StartError
from .http_api import HttpApi
from .https_proxy import USER, HttpsProxy
from .identity.certificate_authority import CertificateAuthority
from .identity.keys import SESSION, Keys
from .protocol import service_models
from .storage.image_index import Registry
from .storage.log_events import Events
from .storage.objects import Objects
from .storage.store import RootLock, Store

HOST = "127.0.0.1"
THREADS = 32
HEAD_SECONDS = 30.0  # for the head of a request; a connection that asks for nothing is closed then, too
BUFFER_BYTES = 1 << 20  # of a body that is on its way to disk
GRACE = 10.0  # seconds for requests that are being answered when the server is told to stop
_LEAST = 0.2  # of these for the ends of connections, at least


async def serve(config: Config) -> None:
    """Serves until SIGTERM or SIGINT. Raises StartError when it cannot start."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with contextlib.ExitStack() as cleanup:
        lock = RootLock(config.root)
        cleanup.callback(lock.release)
        listener = _listen(config.port)
        cleanup.callback(listener.close)
        proxy_listener = _listen_beside(listener.getsockname()[1])
        cleanup.callback(proxy_listener.close)
        pool = ThreadPoolExecutor(THREADS, "operation")
        cleanup.callback(pool.shutdown)
        service_models.warm()
        platform, parts = services.assemble(_open(config, listener.getsockname()[1], cleanup))
        proxy = partial(
            HttpsProxy,
            CertificateAuthority(config.root),
            platform.objects.has_bucket,
            password=_proxy_password(platform.secret_key),
            upstream=config.upstream,
        )
        await _run(platform, parts, (listener, proxy_listener), pool, proxy, stop)


async def _run(
    platform: Platform,
    parts: Sequence[Lifecycle],
    listeners: tuple[socket.socket, socket.socket],
    pool: ThreadPoolExecutor,
    make_proxy: Callable[..., HttpsProxy],
    stop: asyncio.Event,
) -> None:
    loop = asyncio.get_running_loop()
    front = HttpApi(platform, pool)
    # A body is stored as it was sent, so nothing is to be unzipped on the way.
    answering = _Answering(front.answer)
    server = web.Server(
        answering.answer,
        auto_decompress=False,
        read_bufsize=BUFFER_BYTES,
        access_log=None,
        keepalive_timeout=HEAD_SECONDS,
        logger=_http_log(),
    )
    async with contextlib.AsyncExitStack() as cleanup:
        cleanup.callback((platform.root / "server.json").unlink, missing_ok=True)
        await cleanup.enter_async_context(running(parts))
        cleanup.push_async_callback(_finish, server, answering, GRACE)
        cleanup.callback(server.pre_shutdown)  # closes the connections that wait for a request
        listening = await loop.create_server(server, sock=listeners[0])
        cleanup.callback(listening.close)
        proxy: HttpsProxy = make_proxy(front=server)
        proxying = await proxy.listen(listeners[1])
        cleanup.callback(proxy.close)
        cleanup.callback(proxying.close)
        _announce(platform, listeners[1].getsockname()[1], proxy.upstream)
        await stop.wait()


class _Answering:
    """Knows whether requests are being answered by `answer`."""

    def __init__(self, answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        self._answer = answer
        self._requests = 0
        self._changed = asyncio.Event()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to a request."""
        self._requests += 1
        try:
            return await self._answer(request)
        finally:
            self._requests -= 1
            self._changed.set()

    async def all_answered(self) -> None:
        """Returns when no request is being answered."""
        while self._requests:
            self._changed.clear()
            await self._changed.wait()


async def _finish(server: web.Server, answering: _Answering, grace: float) -> None:
    """Waits for the requests that are being answered, up to `grace` seconds, and ends every connection."""
    loop = asyncio.get_running_loop()
    until = loop.time() + grace
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(until):
            await answering.all_answered()
    # aiohttp waits as long twice: for the rest of an answer to be written, and, once no more of a body is read, for the handler.
    await server.shutdown(max(until - loop.time(), _LEAST) / 2)


@contextlib.asynccontextmanager
async def running(parts: Sequence[Lifecycle]) -> AsyncIterator[None]:
    """Starts the parts in their order; at the end stops each that was begun, in reverse, whatever another one raises.

    Raises an ExceptionGroup of what stopping them raised.
    """
    begun: list[Lifecycle] = []
    try:
        for part in parts:
            begun.append(part)
            await asyncio.to_thread(part.start)
        yield
    finally:
        errors: list[Exception] = []
        for part in reversed(begun):
            try:
                await asyncio.to_thread(part.stop)
            except Exception as error:
                errors.append(error)
        if errors:
            raise ExceptionGroup("parts of the server did not stop as they should", errors)


def _http_log() -> logging.Logger:
    """The log of aiohttp without malformed requests: each was answered 400, and would fill the log with a traceback."""

    def is_ours(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))

    log = logging.getLogger("local_sagemaker.http")
    log.addFilter(is_ours)
    return log


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)  # here: of two that bind a port at the same time, the second is told by this call only
    except OSError as error:
        listener.close()
        raise StartError(f"--port {port}: {error.strerror}. Choose another port, or 0 for any free one.") from None
    return listener


def _listen_beside(port: int) -> socket.socket:
    """For the HTTPS proxy: on the next port, so that what points there goes on working after a new start, or on any free one."""
    try:
        return _listen(port + 1 if port < 65535 else 0)
    except StartError:
        return _listen(0)


def _open(config: Config, port: int, cleanup: contextlib.ExitStack) -> Context:
    store = Store(config.root)
    cleanup.callback(store.close)
    objects = Objects(config.root)
    cleanup.callback(objects.close)
    events = Events(config.root)
    cleanup.callback(events.close)
    registry = Registry(config.root)
    cleanup.callback(registry.close)
    for notice in filter(None, (store.notice, objects.notice, events.notice, registry.notice)):
        print(f"warning: {notice}", file=sys.stderr, flush=True)
    objects.sweep()
    registry.sweep()
    access_key, secret_key = _keys(config.root)
    arn, user_id = f"arn:aws:iam::{config.account_id}:user/local", access_key
    if config.role:
        arn, user_id = f"arn:aws:sts::{config.account_id}:assumed-role/{config.role}/{SESSION}", f"{access_key}:{SESSION}"
    owner = Caller(access_key=access_key, secret_key=secret_key, arn=arn, user_id=user_id)
    return Context(
        root=config.root,
        store=store,
        objects=objects,
        events=events,
        registry=registry,
        images=config.images,
        clock=time.time,
        region=config.region,
        account_id=config.account_id,
        endpoint_url=f"http://{HOST}:{port}",
        access_key=access_key,
        secret_key=secret_key,
        keys=Keys(store, owner, config.account_id),
        caller=owner,
    )


def _keys(root: Path) -> tuple[str, str]:
    """This root's own access key and secret key, made once and kept for its owner's eyes."""
    path = root / "credentials.json"
    try:
        kept = json.loads(path.read_text())
        return kept["access_key"], kept["secret_key"]
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError):
        raise StartError(f"{path} is not what this server wrote. Remove it, and new keys are made.") from None
    kept = {"access_key": "LOCAL" + secrets.token_hex(8).upper(), "secret_key": secrets.token_urlsafe(30)}
    _write_private(path, kept)
    return kept["access_key"], kept["secret_key"]


def _proxy_password(secret_key: str) -> str:
    """Of the HTTPS proxy: as long as the root's secret key lasts, and of no use for guessing that."""
    digest = hmac.digest(secret_key.encode(), b"https-proxy", hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _announce(context: Context, proxy_port: int, upstream: str) -> None:
    """Says where the server is: one line for the person, root/server.json for programs."""
    about = {
        "url": context.endpoint_url,
        "https_proxy": f"http://{USER}:{_proxy_password(context.secret_key)}@{HOST}:{proxy_port}",
        "upstream_proxy": upstream,
        "pid": os.getpid(),
        "region": context.region,
        "account_id": context.account_id,
        "access_key": context.access_key,
        "secret_key": context.secret_key,
    }
    _write_private(context.root / "server.json", about)
    print(f"ready url={context.endpoint_url} pid={os.getpid()} root={context.root}", flush=True)


def _write_private(path: Path, values: dict[str, object]) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w") as file:
        json.dump(values, file, indent=1)
    aside.replace(path)
