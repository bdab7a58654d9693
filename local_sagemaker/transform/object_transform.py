"""One input object of a transform job on its way through a container: cut, sent, put together in order, stored whole or not."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ..storage.object_info import About
from ..storage.objects import Objects
from .container_requests import ContainerRequests, RequestFailed
from .data_processing import BadRecord, DataProcessing
from .input_objects import InputObject
from .payloads import BadInput, opened, payloads, pieces
from .settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectTransform:
    """How the objects of a job are transformed. Their outputs go to the bucket `target`."""

    objects: Objects
    target: str
    settings: Settings
    processing: DataProcessing | None
    compression: str
    lines: bool
    assembles_lines: bool

    async def run(self, one: InputObject, container: ContainerRequests) -> None:
        """Stores the output of one object, once all of its requests are answered. Raises RequestFailed and AwsError."""
        _, file = self.objects.open(one.bucket, one.key)
        self.objects.check_target(self.target, one.output)
        with file, self.objects.blobs.new() as writer:
            data = opened(file, self.compression)
            try:
                if self._is_streamed:
                    async with container.slots:
                        writer.write(self._assembled(await container.ask(lambda: _in_chunks(self._rewound(data)))))
                else:
                    bodies = payloads(data, self.settings, lines=self.lines)
                    async with contextlib.aclosing(self._answers(bodies, container)) as answers:
                        async for answer in answers:
                            writer.write(self._assembled(answer))
            except (BadInput, BadRecord) as error:
                raise RequestFailed(str(error), "ClientError") from error
            self.objects.commit(self.target, one.output, writer, writer.md5, About())

    @property
    def _is_streamed(self) -> bool:
        """Whether an object is one body of any size, of which nobody has to see the whole."""
        whole = not self.lines or self.settings.multi_record
        return whole and not self.settings.payload_bytes and self.processing is None

    def _rewound(self, data: BinaryIO) -> Iterator[bytes]:
        data.seek(0)
        return pieces(data)

    async def _answers(self, bodies: Iterator[bytes], container: ContainerRequests) -> AsyncGenerator[bytes]:
        """The answers in the order of the bodies, of which the next is read when there is a slot for it."""
        waiting: deque[asyncio.Task[bytes]] = deque()
        try:
            while True:
                if (task := await self._next(bodies, container)) is None:
                    break
                waiting.append(task)
                while len(waiting) >= self.settings.concurrent or (waiting and waiting[0].done()):
                    yield await waiting.popleft()
            while waiting:
                yield await waiting.popleft()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _next(self, bodies: Iterator[bytes], container: ContainerRequests) -> asyncio.Task[bytes] | None:
        """Sends the next body, once there is a slot for it, which is free again with the answer; None after the last one."""
        await container.slots.acquire()
        task = None
        try:
            if (body := next(bodies, None)) is not None:
                task = asyncio.create_task(self._answer(body, container))
                task.add_done_callback(lambda _: container.slots.release())
        finally:
            if task is None:
                container.slots.release()
        return task

    async def _answer(self, body: bytes, container: ContainerRequests) -> bytes:
        if self.processing is None:
            return await container.ask(body)
        answer = await container.ask(self.processing.filtered(body))
        return self.processing.joined(body, answer)

    def _assembled(self, answer: bytes) -> bytes:
        ends = not self.assembles_lines or answer.endswith(b"\n")
        return answer if ends else answer + b"\n"


async def _in_chunks(parts: Iterator[bytes]) -> AsyncIterable[bytes]:
    for part in parts:
        yield part
