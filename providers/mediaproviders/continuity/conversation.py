"""The conversation as the server sees it: one, whatever sessions it takes.

Commands go to the session there is and into the record; without a session only into the record, and the next session
is told what came of them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from mediaproviders.continuity.backlog import Backlog
from mediaproviders.continuity.debts import ANSWER, Ask
from mediaproviders.continuity.keeper import Keeper
from mediaproviders.continuity.line import Line
from mediaproviders.continuity.outlet import Outlet
from mediaproviders.continuity.record import Record
from mediaproviders.continuity.settings import Candidate, ContinuitySettings
from mediaproviders.contract import Brief, Conversation, Event, Fault, ProviderError, Told


class ContinuousConversation:
    """See :class:`mediaproviders.contract.Conversation` for its commands."""

    def __init__(self, candidates: Sequence[Candidate], settings: ContinuitySettings, brief: Brief) -> None:
        self._brief = brief
        self._settings = settings
        self._outlet = Outlet()
        self._record = Record(brief, settings, self._outlet.put)
        self._keeper = Keeper(candidates, settings, brief, self._record, self)
        self._clock = asyncio.get_running_loop().time
        self._session: Conversation | None = None
        self._line: Line | None = None
        self._keep: Callable[[bytes], None] = self._first_audio
        self._feed: Callable[[bytes], None] = self._away
        self._backlog: Backlog | None = None
        self._missed_bytes = 0
        """Caller audio since there is no session."""
        self._dropped_ms = 0.0
        """By sessions that are over, and while there was none."""

    # --- life ---

    async def open(self) -> None:
        """Open the first session. Raises ProviderError."""
        await self._keeper.begin()

    async def close(self) -> None:
        """Leave; iteration ends."""
        self._outlet.end()
        self._release()
        await self._keeper.close()

    # --- for logs and metrics ---

    @property
    def rollovers(self) -> int:
        """Sessions exchanged ahead of a limit."""
        return self._keeper.rollovers

    @property
    def reconnects(self) -> int:
        """Lost sessions replaced by another of the same candidate."""
        return self._keeper.reconnects

    @property
    def failovers(self) -> int:
        """Times that another candidate took over."""
        return self._keeper.failovers

    @property
    def current(self) -> str:
        """The name of the candidate in use."""
        return self._keeper.name

    @property
    def record(self) -> Record:
        """What was said so far."""
        return self._record

    # --- commands ---

    def send_audio(self, data: bytes) -> None:
        """Caller audio in the brief's input format, any length."""
        self._keep(data)
        self._feed(data)

    @property
    def dropped_ms(self) -> float:
        """Caller audio that no session heard, in ms."""
        missed_ms = self._missed_bytes / self._brief.input_format.bytes_per_ms
        return self._dropped_ms + missed_ms + (self._session.dropped_ms if self._session is not None else 0.0)

    @property
    def ending_at(self) -> float | None:
        """None: the next session goes on."""
        return None

    def remember(self, told: Sequence[Told]) -> None:
        """Tell what was said before this conversation."""
        told = tuple(told)
        self._record.history.remember(told)
        if self._session is not None:
            self._session.remember(told)

    def greet(self) -> None:
        """Have the brief's greeting spoken; nothing if it has none."""
        if self._brief.greeting:
            self._ask(Ask(greeting=True))

    def create_response(self) -> None:
        """Ask for an answer."""
        line, debts = self._line, self._record.debts
        if line is not None and line.stands_in_for_local and debts.answering:
            return  # this model answers turns by itself, other than the one the call began with
        self._ask(ANSWER)

    def cancel(self) -> None:
        """Stop the response in progress, if there is one."""
        self._record.debts.cancel()
        if self._session is not None:
            self._session.cancel()

    def truncate(self, item: str, heard_ms: int) -> None:
        """Cut `item` to the `heard_ms` milliseconds the caller heard."""
        own = self._record.own_item(item)
        self._record.truncate(item, heard_ms, self._clock())
        if own is not None and self._session is not None:
            self._session.truncate(own, heard_ms)

    def amend(self, item: str, text: str) -> None:
        """Replace what is remembered of `item` by what was heard of it."""
        own = self._record.own_item(item)
        self._record.history.amend(item, text)
        if own is not None and self._session is not None:
            self._session.amend(own, text)

    def send_tool_result(self, call: str, output: str) -> None:
        """Answer a tool call."""
        own, instruction = self._record.answered(call, output, self._clock())
        if self._session is None:
            return
        if own is not None:
            self._session.send_tool_result(own, output)
        elif instruction is not None:
            self._session.instruct(instruction)

    def send_text(self, text: str) -> None:
        """A message of the caller's, to be answered."""
        self._record.history.typed(text)
        self._record.debts.ask(ANSWER, self._clock())
        if self._session is not None:
            self._session.send_text(text)

    def instruct(self, text: str) -> None:
        """Have the model act on something the caller did not say."""
        self._ask(Ask(instructions=(text,)))

    def renew(self, reason: str) -> bool:
        """The server waited for this session in vain: replace it, with another candidate if it never said a word."""
        return self._keeper.renew(reason, proved=self._record.spoke)

    # --- events ---

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        return await self._outlet.take()

    # --- the keeper's calls ---

    def take(self, line: Line, event: Event) -> None:
        """A session has an event."""
        if line is self._line:
            self._record.happened(event, self._clock())
        elif line.number >= 0:
            self._record.trickled(event, line.number)

    def crowded(self) -> Awaitable[None] | None:
        """What to wait for before sessions are read further, if anything."""
        return self._outlet.room() if self._outlet.crowded else None

    def adopt(self, line: Line, news: Sequence[Event]) -> None:
        """Go on with this session, and tell the news."""
        if self._line is not None:
            self._record.lose(self._clock(), lingers=True)
            self._release()
        session = line.conversation
        start = self._record.begin(
            line.number,
            provider_decides=line.brief.interruption == "provider",
            hears_speech_start=line.traits.hears_speech_start,
        )
        if untold := start.told[len(line.brief.history) :]:
            session.remember(untold)
        for each in news:
            self._outlet.put(each)
        self._line, self._session = line, session
        if start.due is not None:
            self._ask(start.due)
        self._replay(start.audio, line.feed)

    def settled_history(self, *, hopeful: bool) -> tuple[Told, ...]:
        """What a session that is opened now can be told already; `hopeful`: also what the agent is heard saying."""
        return self._record.settled_history(None if hopeful else self._clock())

    def fits(self, line: Line) -> bool:
        """What this session was told when it was opened still holds."""
        return self._record.goes_on_from(line.brief.history)

    def lost(self, *, in_vain: bool = False) -> None:
        """There is no session until another is adopted; `in_vain`: what it owed is overdue."""
        self._record.lose(self._clock(), in_vain=in_vain)
        self._release()

    def served(self) -> bool:
        """The current session has answered something."""
        return self._record.served

    def fail(self, error: Exception) -> None:
        """There will be none any more."""
        self._outlet.end(error)

    def refused(self, name: str, error: ProviderError) -> None:
        """A candidate could not be opened."""
        self._outlet.put(Fault(error.code, f"{name} could not be opened: {error}"))

    def lingers_s(self) -> float:
        """How long an exchanged session may still have something to tell."""
        return self._settings.transcript_s if self._record.untranscribed(self._clock()) else 0.0

    # --- inside ---

    def _ask(self, ask: Ask) -> None:
        self._record.debts.ask(ask, self._clock())
        session = self._session
        if session is None:
            return
        for text in ask.instructions:
            session.instruct(text)
        if ask.greeting:
            session.greet()
        elif not ask.instructions:
            session.create_response()

    def _replay(self, audio: Sequence[bytes], feed: Callable[[bytes], None]) -> None:
        def caught_up() -> None:
            self._backlog, self._feed = None, feed

        made_good = min(self._missed_bytes, sum(map(len, audio)))
        self._dropped_ms += (self._missed_bytes - made_good) / self._brief.input_format.bytes_per_ms
        self._missed_bytes = 0
        self._backlog = backlog = Backlog(audio, self._brief.input_format, feed, caught_up)
        self._feed = backlog.add
        backlog.work()

    def _first_audio(self, data: bytes) -> None:
        self._keep = self._record.recent.begin(data)

    def _away(self, data: bytes) -> None:
        self._missed_bytes += len(data)

    def _release(self) -> None:
        if self._session is not None:
            self._dropped_ms += self._session.dropped_ms
        if self._backlog is not None:
            self._backlog.stop()
            self._missed_bytes += self._backlog.size
            self._backlog = None
        self._line = self._session = None
        self._feed = self._away
