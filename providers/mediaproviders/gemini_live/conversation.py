"""A live conversation: the session's state on a connection.

There is no task in here. Commands are written by whoever gives them, messages are read by whoever iterates. An event
that no message causes (our detector heard the caller) cuts the wait for the next message short.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

from websockets.exceptions import ConnectionClosed

from mediaproviders.contract import Event, ProviderError, Told
from mediaproviders.gemini_live import errors
from mediaproviders.gemini_live.connection import Link
from mediaproviders.gemini_live.session import Session
from mediaproviders.websocket import Uplink


class GeminiConversation:
    """One open session; see :class:`mediaproviders.contract.Conversation` for its commands."""

    def __init__(self, session: Session, link: Link, uplink: Uplink) -> None:
        self._session = session
        self._link = link
        self._uplink = uplink
        self._left = False
        self._error: ProviderError | None = None
        self._waiting: asyncio.Timeout | None = None
        link.wire.on_ready = uplink.flush
        uplink.attach(link.wire)

    async def close(self) -> None:
        """Leave, within two seconds; iteration ends."""
        self._left = True
        self._uplink.detach()
        await self._link.close()

    # --- commands ---

    def send_audio(self, data: bytes) -> None:
        """Caller audio, PCM at 16 kHz, any length."""
        self._session.hear(data)
        # Only our own detector makes events of it.
        if self._session.events:
            self._wake()

    @property
    def dropped_ms(self) -> float:
        """Caller audio dropped so far, in ms."""
        return self._uplink.dropped_ms + self._session.dropped_ms

    @property
    def ending_at(self) -> float | None:
        """When the service will end the connection, in s of the loop's clock; None: it has not said."""
        return self._session.ending_at

    @property
    def resumption_handle(self) -> str | None:
        """What `GeminiLive.connect(brief, resume=...)` goes on from; None as long as there is none."""
        return self._session.handle

    @property
    def session(self) -> Session:
        """The state behind it, for its counters."""
        return self._session

    def remember(self, told: Sequence[Told]) -> None:
        """Tell the service what was said before this session."""
        self._session.remember(told)

    def greet(self) -> None:
        """Have the brief's greeting spoken; nothing if it has none."""
        self._session.greet()
        self._wake()

    def create_response(self) -> None:
        """Ask for an answer."""
        self._session.create_response()
        self._wake()

    def cancel(self) -> None:
        """Stop the response in progress, if there is one. Where the service decides, it is only not heard any more."""
        self._session.cancel()
        self._wake()

    def truncate(self, item: str, heard_ms: int) -> None:
        """Nothing: the service itself keeps what it takes to have been heard."""

    def amend(self, item: str, text: str) -> None:
        """Nothing: there is no text modality."""

    def send_tool_result(self, call: str, output: str) -> None:
        """Answer a tool call; nothing if the model has given it up."""
        self._session.send_tool_result(call, output)

    def send_text(self, text: str) -> None:
        """A message of the caller's, to be answered once nobody speaks."""
        self._session.send_text(text)
        self._wake()

    def instruct(self, text: str) -> None:
        """Have the model act on something the caller did not say, once nobody speaks."""
        self._session.instruct(text)
        self._wake()

    def renew(self, reason: str) -> bool:
        """False: a session is one connection."""
        return False

    # --- events ---

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        session = self._session
        while not session.events:
            if self._left:
                raise StopAsyncIteration
            if self._error is not None:
                raise self._error
            if session.failure is not None:
                raise session.failure
            await self._receive()
        return session.events.popleft()

    async def _receive(self) -> None:
        """Take the next message, unless something else comes first."""
        session = self._session
        try:
            async with asyncio.timeout_at(session.next_deadline()) as self._waiting:
                session.receive(await self._link.receive())
        except TimeoutError:
            session.tick()
        except ConnectionClosed as closed:
            session.lost()
            error = errors.from_closed(closed)
            self._error = errors.expired(error) if session.going_away else error
        finally:
            self._waiting = None

    def _wake(self) -> None:
        """Something has changed that the wait for a message does not know of."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.expired():
            waiting.reschedule(0.0)
