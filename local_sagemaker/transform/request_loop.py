"""The event loop of a transform job: every instance gets its share of the objects, and failures are told and written down."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp

from ..context import Context
from ..endpoints.instance import Instance
from ..endpoints.invocation import KEEP_ALIVE
from ..errors import AwsError
from ..s3.uri import split
from ..storage.full_disk import refused_by_disk
from .container_requests import ContainerRequests, RequestFailed, ask_parameters
from .data_processing import DataProcessing
from .input_objects import InputObject
from .object_transform import ObjectTransform
from .progress import Progress
from .settings import Settings, choose

TICK = 0.2
RETRY = 0.5
"""Seconds until an object that a full disk refused is begun again."""
MOST_OPEN = 64
"""Objects that an instance gets at the same time, at most; MaxConcurrentTransforms of their requests."""

log = logging.getLogger(__name__)


class Ended(Exception):
    """The job is to end in this status, for this reason."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class RequestLoop:
    """Sends the objects of one job to its instances. `dead`: a sentence for each instance that ended meanwhile."""

    def __init__(self, context: Context, request: Mapping[str, Any], instances: list[Instance], progress: Progress) -> None:
        self._context = context
        self._request = request
        self._instances = instances
        self._progress = progress
        self.dead: list[str] = []

    def run(self, told: dict[str, Any] | None, keep_told: Callable[[dict[str, Any]], None], look: Callable[[], None]) -> None:
        """Returns when every object is done, or every instance that had some left is dead.

        `told`: the container's answer to /execution-parameters where it is known; else `keep_told` gets it. `look` is called
        all the while, and may raise Ended.
        """
        asyncio.run(self._run(told, keep_told, look))

    async def _run(
        self, told: dict[str, Any] | None, keep_told: Callable[[dict[str, Any]], None], look: Callable[[], None]
    ) -> None:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE)
        async with aiohttp.ClientSession(
            connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            if told is None:
                told, remark = await ask_parameters(session, self._instances[0].target.address)
                keep_told(told)
                if remark:
                    self._say(self._instances[0], [remark])
            chosen = choose(self._request, told)
            done = self._progress.done()
            objects = [one for one in self._progress.objects() if one.key not in done]
            transform = self._transform(chosen)
            tasks = {}
            for number, instance in enumerate(self._instances):
                self._say(instance, [chosen.told()])
                container = ContainerRequests(session, instance.target.address, self._request, chosen)
                share = deque(objects[number :: len(self._instances)])
                tasks[asyncio.create_task(self._serve(instance, container, share, transform))] = instance
            try:
                await self._tend(tasks, look)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _transform(self, chosen: Settings) -> ObjectTransform:
        given, wanted = self._request["TransformInput"], self._request["TransformOutput"]
        return ObjectTransform(
            objects=self._context.objects,
            target=split(wanted["S3OutputPath"], "S3OutputPath")[0],
            settings=chosen,
            processing=DataProcessing.of(self._request),
            compression=given.get("CompressionType", "None"),
            lines=given.get("SplitType", "None") == "Line",
            assembles_lines=wanted.get("AssembleWith", "None") == "Line",
        )

    async def _tend(self, tasks: Mapping[asyncio.Task[None], Instance], look: Callable[[], None]) -> None:
        """Waits for the shares; reads the logs of the instances meanwhile, and gives up the share of one that has died."""
        waiting = set(tasks)
        while waiting:
            finished, waiting = await asyncio.wait(waiting, timeout=TICK)
            for task in finished:
                if not task.cancelled():
                    task.result()
            for instance in tasks.values():
                instance.read_log()
            for task in waiting:
                if not tasks[task].alive and task.cancel():
                    self.dead.append(f"An instance ended before its objects were done. {tasks[task].last_words()}")
            look()

    async def _serve(
        self, instance: Instance, container: ContainerRequests, share: deque[InputObject], transform: ObjectTransform
    ) -> None:
        """Transforms the objects of a share, some at the same time."""

        async def next_ones() -> None:
            while share:
                await self._transform_one(instance, container, share.popleft(), transform)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(transform.settings.concurrent, len(share), MOST_OPEN)):
                    group.create_task(next_ones())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors

    async def _transform_one(
        self, instance: Instance, container: ContainerRequests, one: InputObject, transform: ObjectTransform
    ) -> None:
        while True:
            try:
                await transform.run(one, container)
                self._progress.note(one.key)
                return
            except (RequestFailed, AwsError, OSError) as error:
                if refused_by_disk(error):
                    log.warning("object %s of a transform job waits: %s", one.key, error)
                    await asyncio.sleep(RETRY)
                    continue
                if isinstance(error, OSError):
                    raise
                failed = error if isinstance(error, RequestFailed) else RequestFailed(error.message, "ClientError")
            await self._fail(instance, one, failed)
            return

    async def _fail(self, instance: Instance, one: InputObject, failed: RequestFailed) -> None:
        """Tells the job's log why an object has no output, and writes that down. Whatever the disk refuses is done again."""
        about = f"{one.bucket}/{one.key}"
        lines = [f"{about}: {failed}"]
        if failed.words:
            lines += [f"{about}: ", f"{about}: Message:", *(f"{about}: {line}" for line in failed.words.splitlines())]
        self._say(instance, lines)
        while True:
            try:
                self._progress.note(one.key, f"{failed.side}: s3://{about}: {failed}")
                return
            except OSError as error:
                if not refused_by_disk(error):
                    raise
                await asyncio.sleep(RETRY)

    def _say(self, instance: Instance, lines: list[str]) -> None:
        """Lines of the platform's own in the instance's data log, unless the disk is full."""
        moment = datetime.fromtimestamp(self._context.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        stream = f"{instance.state['stream']}/data-log"
        told = [f"{moment}:[sagemaker logs]: {line}" for line in lines]
        try:
            self._context.events.append(instance.owner.log_group, stream, told)
        except AwsError as error:
            if not refused_by_disk(error):
                raise
