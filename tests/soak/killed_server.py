"""A local SageMaker that is killed now and then and started again on the same root, and calls that know about that."""

import contextlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from botocore.exceptions import BotoCoreError, ClientError

from tests.soak.tally import Tally
from tests.support.local_server import LocalServer

PATIENCE = 180.0
"""Seconds for anything that is waited for: the machine does much at once, and the server is away from time to time."""


class KilledServer:
    """One root, and the server that is on it at the moment."""

    def __init__(self, root: Path) -> None:
        self.server = LocalServer(root)
        self.root = root
        self._away: list[tuple[float, float]] = []
        """From when to when no server was there; the last may be open."""
        self._lock = threading.Lock()

    def kill(self, seconds: float) -> float:
        """SIGKILL, and after some seconds the next server; returns how long that one took to start."""
        with self._lock:
            self._away.append((time.monotonic(), float("inf")))
        self.server.kill()
        self.server.log.close()
        time.sleep(seconds)
        took = self.server.start()
        with self._lock:
            self._away[-1] = (self._away[-1][0], time.monotonic())
        return took

    def was_away(self, since: float) -> bool:
        """Whether the server was killed or absent at any moment from `since` until now."""
        with self._lock:
            return any(end >= since for _, end in self._away)

    def wait(self) -> None:
        """Until a server is there."""
        until = time.monotonic() + PATIENCE
        while True:
            with self._lock:
                if not self._away or self._away[-1][1] < float("inf"):
                    return
            if time.monotonic() > until:
                raise TimeoutError("no server has come back")
            time.sleep(0.05)

    def call(self, ask: Callable[[LocalServer], Any], done: tuple[str, ...] = ()) -> Any:
        """What `ask` returns; it is asked again where the server was killed meanwhile, and only there.

        `done`: words of the error that says, to one who asks again, that the first time was heard; None is returned then.
        """
        again = False
        while True:
            began = time.monotonic()
            try:
                return ask(self.server)
            except (BotoCoreError, OSError):
                if not self.was_away(began):
                    raise
                again = True
            except ClientError as error:
                if not (again and any(word in str(error) for word in done)):
                    raise
                return None
            self.wait()

    def sagemaker(self, operation: str, *done: str, **request: Any) -> Any:
        """One operation of SageMaker's."""
        return self.call(lambda server: getattr(server.sagemaker, operation)(**request), done)

    def s3(self, operation: str, *done: str, **request: Any) -> Any:
        """One operation of S3's on the bucket `bucket`."""
        return self.call(lambda server: getattr(server.s3, operation)(Bucket="bucket", **request), done)

    def read(self, key: str, **request: Any) -> bytes:
        """An object, or a range of one."""
        return self.call(lambda server: server.s3.get_object(Bucket="bucket", Key=key, **request)["Body"].read())

    def keys(self, prefix: str) -> list[str]:
        """The keys below a prefix."""

        def ask(server: LocalServer) -> list[str]:
            pages = server.s3.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix=prefix)
            return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

        return self.call(ask)

    def empty(self, prefix: str) -> None:
        """Removes every object below a prefix."""
        for key in self.keys(prefix):
            self.s3("delete_object", Key=key)

    def forget_logs(self, group: str, prefix: str | None = None) -> None:
        """Removes a log group, or those of its streams whose names begin so."""
        absent = "ResourceNotFound"
        with contextlib.suppress(ClientError):
            if prefix is None:
                self.call(lambda server: server.logs.delete_log_group(logGroupName=group), (absent,))
                return
            streams = self.call(
                lambda server: server.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)["logStreams"]
            )
            for name in [stream["logStreamName"] for stream in streams]:
                self.call(
                    lambda server, name=name: server.logs.delete_log_stream(logGroupName=group, logStreamName=name), (absent,)
                )

    def until(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """The first true value of a condition. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > end:
                raise TimeoutError(f"did not happen in {seconds:g} s")
            time.sleep(0.15)
        return value


def containers(root: Path) -> list[psutil.Process]:
    """Every process of the containers of a root, whatever became of the server that started it."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if str(root) in process.environ().get("SAGEMAKER_BASE_DIR", ""):
                found.append(process)
    return found


@dataclass(slots=True)
class Killer:
    """Kills the server at a moment that nobody chose."""

    killed: KilledServer
    random: random.Random
    name: str = "server killed"
    slowest: float = field(default=0.0)

    def turn(self, tally: Tally) -> None:
        time.sleep(self.random.uniform(4.0, 20.0))
        self.slowest = max(self.slowest, self.killed.kill(self.random.choice([0.0, 0.1, 1.5])))
        tally.well(self.name)
