"""A live conversation: the session's state on its stream, with a task for each direction."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from smithy_core.exceptions import CallError

from mediacodecs.signal.resample import Resampler
from mediaproviders.aws.transport import CLOSE_S, Transport
from mediaproviders.contract import Audio, Brief, Event, Fault, ProviderError, Told
from mediaproviders.nova_sonic import errors
from mediaproviders.nova_sonic.configuration import Setup
from mediaproviders.nova_sonic.connection import Access, Link
from mediaproviders.nova_sonic.session import Session
from mediaproviders.nova_sonic.uplink import Uplink

STALL_S: Final = 10.0
"""A service that takes nothing for so long is lost."""
GRACE_S: Final = 0.5
"""Time for the reading side to learn why the writing side failed."""
NEAR_S: Final = 1.0
"""An end so near a limit is taken for the limit."""
MOST_EVENTS: Final = 4096
"""Events kept for a server that does not take them; the service then waits."""
CUE_SILENCE_MS: Final = 500
"""Silence before a spoken cue."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a conversation."""

    uplink_ms: int
    queue_ms: int
    connection_s: float
    """The service ends a stream by then."""


class NovaConversation:
    """One open session; see :class:`mediaproviders.contract.Conversation` for its commands."""

    def __init__(
        self, access: Access, brief: Brief, setup: Setup, generation: int, limits: Limits, cue: bytes | None = None
    ) -> None:
        self._access, self._brief, self._limits = access, brief, limits
        self._generation, self._greeting_cue = generation, cue
        self._uplink = Uplink(setup.heard, uplink_ms=limits.uplink_ms, queue_ms=limits.queue_ms)
        self.session = Session(brief, setup, generation, self._uplink.add_command)
        self._up = _resampler(brief.input_format.rate, setup.heard.rate)
        self._down = _resampler(setup.spoken.rate, brief.output_format.rate)
        self._silence = bytes(CUE_SILENCE_MS * setup.heard.bytes_per_ms)
        self._cue = bytearray()
        self._link: Link | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._left = False
        self._error: ProviderError | None = None
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()
        self._since = 0.0
        self._sent_at = 0.0
        self.ending_at: float | None = None
        """When the credentials expire, in s of the loop's clock; None: not within the life of a stream."""

    # --- life ---

    async def open(self, transport: Transport) -> None:
        """Open the stream and configure it. Raises ProviderError."""
        loop = asyncio.get_running_loop()
        self._link = await Link.open(self._access, transport, self.session.opening())
        self._since = self._sent_at = loop.time()
        self.ending_at = _ending_at(self._access, self._since, self._limits.connection_s)
        self._tasks = [loop.create_task(self._send(self._link)), loop.create_task(self._read(self._link))]

    async def close(self) -> None:
        """Leave, within three seconds; iteration ends."""
        self._left = True
        self._changed.set()
        link, self._link = self._link, None
        if link is None:
            return
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._take_leave(link)
        except (TimeoutError, ProviderError):
            pass
        finally:
            sender, reader = self._tasks
            sender.cancel()
            # The transport cannot take it that nobody waits for its next bytes: it is closed first, which ends reading.
            await link.close()
            await asyncio.wait((sender, reader), timeout=CLOSE_S)
            reader.cancel()

    async def _take_leave(self, link: Link) -> None:
        sender, reader = self._tasks
        if not reader.done() and not sender.done():
            self._uplink.discard_audio()
            for event in self.session.closing():
                self._uplink.add_command(event)
            self._uplink.end()
            await asyncio.wait((sender, reader), return_when=asyncio.FIRST_EXCEPTION)

    # --- commands ---

    def send_audio(self, data: bytes) -> None:
        """Caller audio in the brief's input format, any length."""
        self.session.begin_audio()
        if self._up is not None:
            data = self._up.process(np.frombuffer(data, "<i2")).astype("<i2").tobytes()
        if self._cue:
            # The cue takes the place of the caller's audio, at the pace of the caller's audio.
            said = bytes(self._cue[: len(data)])
            del self._cue[: len(data)]
            data = said + data[len(said) :]
        self._uplink.add_audio(data)
        if self._uplink.full:
            self._stalled()

    @property
    def dropped_ms(self) -> float:
        """Caller audio dropped so far, in ms."""
        return self._uplink.dropped_ms

    def remember(self, told: Sequence[Told]) -> None:
        """What was said before this session."""
        self.session.remember(told)

    def greet(self) -> None:
        """Have the brief's greeting spoken; nothing if it has none."""
        if self._generation == 1 and self._brief.greeting and self._greeting_cue is not None:
            self.session.caller.unheard = True
            self._cue += self._silence + self._greeting_cue
        else:
            self.session.greet()
            self._changed.set()

    def create_response(self) -> None:
        """Have the model answer what was said last."""
        self.session.create_response()
        self._changed.set()

    def cancel(self) -> None:
        """Drop the rest of the response in progress: the service cannot be stopped."""
        self.session.answers.cancel()
        self._changed.set()

    def truncate(self, item: str, heard_ms: int) -> None:
        """Nothing: the service keeps its own account of what was heard."""

    def amend(self, item: str, text: str) -> None:
        """Nothing: there is no text modality."""

    def send_tool_result(self, call: str, output: str) -> None:
        """Answer a tool call."""
        self.session.send_tool_result(call, output)
        self._changed.set()

    def send_text(self, text: str) -> None:
        """A message of the caller's, to be answered."""
        self.session.send_text(text)
        self._changed.set()

    def instruct(self, text: str) -> None:
        """Have the model act on something the caller did not say."""
        self.session.instruct(text)
        self._changed.set()

    def renew(self, reason: str) -> bool:
        """False: a session is one stream, and is not replaced here."""
        return False

    # --- events ---

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        events = self.session.events
        while not events:
            if self._left:
                raise StopAsyncIteration
            if self._error is not None:
                raise self._error
            self._changed.clear()
            await self._changed.wait()
        event = events.popleft()
        self._taken.set()
        if self._down is not None and isinstance(event, Audio):
            event.data = self._down.process(np.frombuffer(event.data, "<i2")).astype("<i2").tobytes()
        return event

    async def _send(self, link: Link) -> None:
        """One event after another, as fast as the service takes them."""
        uplink, publisher, clock = self._uplink, link.publisher, asyncio.get_running_loop().time
        audio = self.session.prompt.audio
        try:
            while (taken := await uplink.next()) is not None:
                event, is_audio = taken
                await publisher.send(audio(event) if is_audio else event)
                self._sent_at = clock()
            await publisher.close()
        except Exception as error:
            # What broke the stream is for the reader to say, unless it learns of nothing.
            failure = errors.from_exception(error, opening=False)
            asyncio.get_running_loop().call_later(GRACE_S, self._fail, failure)

    async def _read(self, link: Link) -> None:
        try:
            while await self._take(link):
                pass
            self._fail(self.session.failure or self._ended(link))
        except CallError as error:
            self._fail(self._expired() or errors.from_exception(error, opening=False))
        except Exception as error:
            self._fail(errors.from_exception(error, opening=False))

    async def _take(self, link: Link) -> bool:
        """Take the next event, or a refusal that the stream survives. False: it is over."""
        session = self.session
        try:
            raw = await link.receive()
        except CallError as error:
            if errors.SURVIVED not in error.message:
                raise
            session.events.append(Fault("tool_result", error.message[:200]))
        else:
            if raw is None:
                return False
            session.receive(raw)
        self._changed.set()
        while len(session.events) > MOST_EVENTS:
            self._taken.clear()
            await self._taken.wait()
        return session.failure is None

    def _expired(self) -> ProviderError | None:
        """The stream has reached its longest life, or the credentials theirs. The service says so in various ways."""
        now = asyncio.get_running_loop().time()
        aged = now - self._since >= self._limits.connection_s - NEAR_S
        if aged or (self.ending_at is not None and now >= self.ending_at - NEAR_S):
            return ProviderError("the provider ended the stream at its limit", code="session_expired", retryable=True)
        return None

    def _ended(self, link: Link) -> ProviderError:
        """Why the stream ended, of which reading it shows nothing."""
        if (expired := self._expired()) is not None:
            return expired
        broken = f": {link.breakage}" if link.breakage is not None else ""
        return ProviderError(f"the provider ended the stream{broken}", code="connection_lost", retryable=True)

    def _fail(self, error: ProviderError) -> None:
        if self._error is None and not self._left:
            self._error = error
            self.session.ended()
        self._changed.set()

    def _stalled(self) -> None:
        """The queue is full."""
        if asyncio.get_running_loop().time() - self._sent_at > STALL_S:
            self._fail(ProviderError("the provider takes no audio any more", code="stalled", retryable=True))


def _resampler(rate_in: int, rate_out: int) -> Resampler | None:
    return None if rate_in == rate_out else Resampler(rate_in, rate_out)


def _ending_at(access: Access, since: float, connection_s: float) -> float | None:
    expires = access.identity.expiration
    if expires is None:
        return None
    left_s = expires.timestamp() - time.time()
    return since + left_s if left_s < connection_s else None
