"""A live conversation: the session's state on a connection, and on the next one when that is lost.

There is no task in here. Commands are written by whoever gives them, messages are read by whoever iterates, and a lost
connection is replaced while the next event is waited for.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from websockets.exceptions import ConnectionClosed

from mediaproviders.contract import Brief, Event, ProviderError, Told
from mediaproviders.openai_realtime import errors
from mediaproviders.openai_realtime.connection import Access, Link
from mediaproviders.openai_realtime.session import Session
from mediaproviders.openai_realtime.uplink import Uplink

DELAYS_S: Final = (0.0, 0.5, 1.5)
STEADY_S: Final = 10.0
"""A connection that held so long has earned a full set of attempts again."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How hard a lost connection is replaced: one attempt after each delay, and all within `total_s`."""

    delays_s: Sequence[float] = DELAYS_S
    total_s: float = 6.0


class OpenAIConversation:
    """One open session; see :class:`mediaproviders.contract.Conversation` for its commands."""

    def __init__(self, access: Access, brief: Brief, uplink: Uplink, patience: Patience) -> None:
        self._access = access
        self._patience = patience
        self._uplink = uplink
        self._session = Session(brief, uplink.add_command)
        self._link: Link | None = None
        self._left = False
        self._attempts = 0
        self._since = 0.0

    # --- life ---

    async def open(self) -> None:
        """Connect, configure and tell what was said before. Raises ProviderError."""
        self._use(await Link.open(self._access))
        self._session.replay()

    async def close(self) -> None:
        """Leave, within two seconds; iteration ends."""
        self._left = True
        link = self._drop()
        if link is not None:
            await link.close()

    # --- commands ---

    def send_audio(self, data: bytes) -> None:
        """Caller audio in the brief's input format, any length."""
        self._uplink.add_audio(data)

    @property
    def dropped_ms(self) -> float:
        """Caller audio dropped so far, in ms."""
        return self._uplink.dropped_ms

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

    def create_response(self) -> None:
        """Ask for an answer; while one is in progress, the next."""
        self._session.answers.ask()

    def cancel(self) -> None:
        """Stop the response in progress, if there is one."""
        self._session.answers.cancel()

    def truncate(self, item: str, heard_ms: int) -> None:
        """Cut `item` to the `heard_ms` milliseconds the caller heard."""
        self._session.truncate(item, heard_ms)

    def send_tool_result(self, call: str, output: str) -> None:
        """Answer a tool call."""
        self._session.send_tool_result(call, output)

    def send_text(self, text: str) -> None:
        """A message of the caller's, to be answered."""
        self._session.send_text(text)

    def instruct(self, text: str) -> None:
        """Have the model act on something the caller did not say."""
        self._session.instruct(text)

    def amend(self, item: str, text: str) -> None:
        """Nothing: there is no text modality here yet, and audio is truncated."""

    # --- events ---

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        session = self._session
        while not session.events:
            if self._left:
                raise StopAsyncIteration
            if session.failure is not None:
                raise session.failure
            if self._link is None:
                await self._recover("connection_lost")
            else:
                await self._receive(self._link)
        return session.events.popleft()

    async def _receive(self, link: Link) -> None:
        try:
            raw = await link.receive()
        except ConnectionClosed as closed:
            if self._left:
                return
            code = errors.close_code(closed)
            if code not in errors.RECOVERABLE_CLOSES:
                raise errors.from_close(closed) from closed
            await self._recover(f"closed_{code}")
            return
        self._session.receive(raw)
        if self._session.expired:
            await self._recover(errors.EXPIRED)

    async def _recover(self, reason: str) -> None:
        """Replace the connection. Raises ProviderError when that does not succeed in time."""
        clock = asyncio.get_running_loop().time
        if clock() - self._since >= STEADY_S:
            self._attempts = 0
        lost = self._drop()
        if lost is not None:
            await lost.close()
        error = ProviderError(f"the connection was lost ({reason})", code=reason, retryable=True)
        try:
            async with asyncio.timeout(self._patience.total_s):
                while self._attempts < len(self._patience.delays_s) and not self._left:
                    delay_s = self._patience.delays_s[self._attempts]
                    self._attempts += 1
                    if delay_s:
                        await asyncio.sleep(delay_s)
                    try:
                        link = await Link.open(self._access)
                    except ProviderError as refused:
                        error = refused
                        if not refused.retryable:
                            break
                    else:
                        await self._resume(link, reason)
                        return
        except TimeoutError:
            pass
        if not self._left:
            raise error

    async def _resume(self, link: Link, reason: str) -> None:
        if self._left:
            await link.close()
            return
        # Audio from before is stale and commands are about items that are gone; the session knows what still holds.
        self._uplink.discard()
        self._use(link)
        self._session.restart(reason)

    def _use(self, link: Link) -> None:
        self._link = link
        self._since = asyncio.get_running_loop().time()
        link.wire.uplink = self._uplink
        self._uplink.attach(link.wire)

    def _drop(self) -> Link | None:
        self._uplink.detach()
        link, self._link = self._link, None
        return link
