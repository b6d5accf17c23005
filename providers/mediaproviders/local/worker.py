"""The processes that hear and speak: few, bounded, replaced when they die. The event loop only waits for them."""

import asyncio
import heapq
import json
import os
import sys
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from typing import Any

from mediacodecs.pcm import Pcm, to_bytes
from mediaproviders.contract import AudioFormat, ProviderError
from mediaproviders.local.process import LENGTHS, LONGEST, pack

_PHRASE_BYTES = 16 << 20
"""Speech kept for the next time it is said."""
_ATTEMPTS = 2


class Urgency(IntEnum):
    """What goes first when several wait."""

    FIRST_WORDS = 0
    HEARING = 1
    MORE_WORDS = 2
    PREPARING = 9


class BusyError(Exception):
    """More is waiting already than can be done in time."""


@dataclass(order=True, slots=True)
class _Job:
    urgency: int
    serial: int
    head: dict[str, Any] = field(compare=False)
    payload: bytes = field(compare=False)
    done: "asyncio.Future[tuple[dict[str, Any], bytes]]" = field(compare=False)


class _Phrases:
    """Speech by text, voice and format; the least recently said goes when it is full."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._audio: OrderedDict[tuple[str, str, AudioFormat], bytes] = OrderedDict()

    def get(self, key: tuple[str, str, AudioFormat]) -> bytes | None:
        audio = self._audio.get(key)
        if audio is not None:
            self._audio.move_to_end(key)
        return audio

    def put(self, key: tuple[str, str, AudioFormat], audio: bytes) -> None:
        self._size += len(audio) - len(self._audio.pop(key, b""))
        self._audio[key] = audio
        while self._size > self._limit:
            self._size -= len(self._audio.popitem(last=False)[1])


class Workers:
    """`processes` of them, with at most `waiting` jobs in line; `patience_s` is how long one may think about one job.

    Belongs to the event loop it is first used on. The processes end when it is closed, or when this process ends.
    """

    def __init__(self, *, processes: int = 1, waiting: int = 16, patience_s: float = 30.0) -> None:
        self._count = processes
        self._waiting = waiting
        self._patience_s = patience_s
        self._line: list[_Job] = []
        self._arrived = asyncio.Semaphore(0)
        self._serial = count()
        self._phrases = _Phrases(_PHRASE_BYTES)
        self._tasks: list[asyncio.Task[None]] = []
        self._processes: dict[int, _Process] = {}
        self.restarts = 0
        """Processes that died and were replaced."""

    def start(self) -> None:
        """Begin to take jobs; a process is started with its first."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._work(slot)) for slot in range(self._count)]

    async def close(self) -> None:
        """End the processes; whoever waits for a job gets a ProviderError."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for job in self._line:
            _fail(job, "the workers were closed")
        self._line.clear()
        for process in self._processes.values():
            await process.close()
        self._processes.clear()

    @property
    def pids(self) -> list[int]:
        """The processes that run now."""
        return [process.pid for process in self._processes.values()]

    def known(self, text: str, voice: str, audio: AudioFormat) -> bytes | None:
        """`text` spoken, if it was said before and is remembered."""
        return self._phrases.get((text, voice, audio))

    async def say(self, text: str, voice: str, audio: AudioFormat, urgency: Urgency) -> bytes:
        """`text` spoken in `audio`. Raises BusyError when too much waits, ProviderError when it can not be done."""
        known = self.known(text, voice, audio)
        if known is not None:
            return known
        head = {"op": "say", "text": text, "voice": voice, "encoding": audio.encoding, "rate": audio.rate}
        _, sound = await self._submit(head, b"", urgency)
        self._phrases.put((text, voice, audio), sound)
        return sound

    async def hear(self, pcm: Pcm, rate: int) -> str:
        """The words in `pcm`. Raises BusyError when too much waits, ProviderError when it can not be done."""
        head, _ = await self._submit({"op": "hear", "rate": rate}, to_bytes(pcm), Urgency.HEARING)
        return str(head["text"])

    async def load(self) -> None:
        """Have a process ready to hear. Raises BusyError, ProviderError."""
        await self._submit({"op": "load"}, b"", Urgency.PREPARING)

    async def _submit(self, head: dict[str, Any], payload: bytes, urgency: Urgency) -> tuple[dict[str, Any], bytes]:
        self._line = [job for job in self._line if not job.done.done()]
        heapq.heapify(self._line)
        if len(self._line) >= self._waiting:
            raise BusyError
        job = _Job(urgency, next(self._serial), head, payload, asyncio.get_running_loop().create_future())
        heapq.heappush(self._line, job)
        self._arrived.release()
        return await job.done

    async def _work(self, slot: int) -> None:
        while True:
            await self._arrived.acquire()
            if not self._line:
                continue
            job = heapq.heappop(self._line)
            if not job.done.done():
                try:
                    await self._do(slot, job)
                except asyncio.CancelledError:
                    _fail(job, "the workers were closed")
                    raise

    async def _do(self, slot: int, job: _Job) -> None:
        fault = ""
        for _ in range(_ATTEMPTS):
            if job.done.done():
                return
            try:
                process = self._processes.get(slot)
                if process is None:
                    process = self._processes[slot] = await _Process.start()
                head, payload = await asyncio.wait_for(process.ask(job.head, job.payload), self._patience_s)
            except (OSError, EOFError, ValueError) as error:  # TimeoutError is an OSError.
                fault = str(error) or type(error).__name__
                await self._bury(slot)
                continue
            if job.done.done():
                return
            if "error" in head:
                job.done.set_exception(ProviderError(head["error"], code="worker", retryable=False))
            else:
                job.done.set_result((head, payload))
            return
        _fail(job, f"the worker process died twice over one job: {fault}")

    async def _bury(self, slot: int) -> None:
        process = self._processes.pop(slot, None)
        if process is not None:
            self.restarts += 1
            await process.close()


class _Process:
    """One process and its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._requests = process.stdin
        self._replies = process.stdout
        self._last_words: deque[str] = deque(maxlen=5)
        self._listening = asyncio.create_task(self._listen(process.stderr))

    @classmethod
    async def start(cls) -> "_Process":
        """A new process, which loads what it needs when it is asked. Raises OSError."""
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "mediaproviders.local.process",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                env=environment,
            )
        )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, head: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytes]:
        """The reply to a request. Raises OSError or EOFError when the process is gone, ValueError for nonsense."""
        try:
            self._requests.write(pack(head, payload))
            await self._requests.drain()
            head_length, payload_length = LENGTHS.unpack(await self._replies.readexactly(LENGTHS.size))
            if head_length + payload_length > LONGEST:
                raise ValueError("a reply too long to be one")
            reply = json.loads(await self._replies.readexactly(head_length))
            return reply, await self._replies.readexactly(payload_length)
        except (OSError, EOFError) as error:
            raise EOFError("; ".join(self._last_words) or str(error)) from error

    async def close(self) -> None:
        """End it at once."""
        if self._process.returncode is None:
            try:
                self._process.kill()
            except ProcessLookupError:
                pass
        await self._process.wait()
        self._requests.close()
        self._listening.cancel()

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        """Keep the last lines it prints: they say why it died."""
        while chunk := await stream.read(4096):
            self._last_words.extend(_lines(chunk))


def _lines(chunk: bytes) -> Iterator[str]:
    return (line[:200] for line in chunk.decode(errors="replace").splitlines() if line.strip())


def _fail(job: _Job, reason: str) -> None:
    if not job.done.done():
        job.done.set_exception(ProviderError(reason, code="worker", retryable=True))
