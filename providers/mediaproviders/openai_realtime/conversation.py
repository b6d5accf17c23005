"""One live session over one connection, which it does not outlive."""

from collections.abc import AsyncIterator, Sequence

from websockets.exceptions import ConnectionClosed

from mediaproviders.contract import Brief, Event, Told
from mediaproviders.openai_realtime import errors
from mediaproviders.openai_realtime.connection import Access, Link
from mediaproviders.openai_realtime.session import Session
from mediaproviders.websocket import Uplink


class OpenAIConversation:
    """One open session; see :class:`mediaproviders.contract.Conversation` for its commands."""

    def __init__(self, access: Access, brief: Brief, uplink: Uplink) -> None:
        self._access = access
        self._brief = brief
        self._uplink = uplink
        self._session = Session(brief, uplink.add_command, access.dialect)
        self._link: Link | None = None
        self._left = False
        self._hears = brief.modality == "audio"

    # --- life ---

    async def open(self) -> None:
        """Connect, configure and tell what was said before. Raises ProviderError."""
        link = self._link = await Link.open(self._access)
        link.wire.on_ready = self._uplink.flush
        self._uplink.attach(link.wire)
        if self._brief.history:
            self._session.remember(self._brief.history)

    async def close(self) -> None:
        """Leave, within two seconds; iteration ends."""
        self._left = True
        self._uplink.detach()
        if self._link is not None:
            await self._link.close()

    # --- commands ---

    def send_audio(self, data: bytes) -> None:
        """Caller audio in the brief's input format, any length; without meaning in the text modality."""
        if self._hears:
            self._uplink.add_audio(data)

    @property
    def dropped_ms(self) -> float:
        """Caller audio dropped so far, in ms."""
        return self._uplink.dropped_ms

    @property
    def session(self) -> Session:
        """The state behind it, for its counters."""
        return self._session

    @property
    def ending_at(self) -> float | None:
        """None: the service ends a session at its limit and says nothing before."""
        return None

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

    def amend(self, item: str, text: str) -> None:
        """Text modality: replace what the model remembers of its `item` by `text`, what was heard of it."""
        self._session.amend(item, text)

    def send_tool_result(self, call: str, output: str) -> None:
        """Answer a tool call."""
        self._session.send_tool_result(call, output)

    def send_text(self, text: str) -> None:
        """A message of the caller's, to be answered."""
        self._session.send_text(text)

    def instruct(self, text: str) -> None:
        """Have the model act on something the caller did not say."""
        self._session.instruct(text)

    def renew(self, reason: str) -> bool:
        """False: a session is one connection."""
        return False

    # --- events ---

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        session, link = self._session, self._link
        while not session.events:
            if self._left or link is None:
                raise StopAsyncIteration
            if session.failure is not None:
                raise session.failure
            try:
                raw = await link.receive()
            except ConnectionClosed as closed:
                if not self._left:
                    self._uplink.detach()
                    session.failure = errors.stalled() if link.wire.stalled else errors.from_close(closed)
            else:
                session.receive(raw)
        return session.events.popleft()
