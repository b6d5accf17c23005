"""One session of one candidate, in a task of its own: opened, read and left."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, Protocol

from mediaproviders.continuity.settings import Candidate
from mediaproviders.continuity.transcode import Downlink, choose, uplink
from mediaproviders.contract import Audio, Brief, Conversation, Event, ProviderError

_BURST_BYTES: Final = 64 * 1024
"""Audio that is taken in one turn of the loop."""


class Patron(Protocol):
    """Whom a session works for."""

    def take(self, line: "Line", event: Event) -> None:
        """It has an event, in the brief's format."""

    def crowded(self) -> Awaitable[None] | None:
        """What to wait for before it is read further, if anything."""

    def ended(self, line: "Line", error: Exception) -> None:
        """It is over, for another reason than our leaving."""


def suited(brief: Brief, candidate: Candidate, *, first: bool) -> Brief:
    """The brief as `candidate` can serve it.

    Raises ProviderError if its audio cannot be converted.
    """
    traits = candidate.provider.traits
    local = brief.interruption == "local" and traits.reversible_interrupt
    heard, spoken = brief.input_format, brief.output_format
    if brief.modality == "audio":
        heard, spoken = choose(heard, traits.input_formats), choose(spoken, traits.output_formats)
    return replace(
        brief,
        model=candidate.model,
        voice=candidate.voice or (brief.voice if first else None),
        advanced=candidate.advanced or (brief.advanced if first else {}),
        input_format=heard,
        output_format=spoken,
        interruption="local" if local else "provider",
    )


class Line:
    """A session by the candidate at `index`."""

    def __init__(self, index: int, candidate: Candidate, brief: Brief, patron: Patron) -> None:
        self.number = -1
        """Which of the conversation's sessions it is, counted from 0; -1 until it becomes one."""
        self.index = index
        self.name = candidate.name
        self.traits = candidate.provider.traits
        self.brief = suited(brief, candidate, first=index == 0)
        self.since = 0.0
        """When it was opened, in seconds of the loop's clock."""
        self.over = False
        """It can no longer be used."""
        self.error: Exception | None = None
        """Why it ended, if not by our leaving."""
        self.feed: Callable[[bytes], None] = _nowhere
        """Takes caller audio in the format of the conversation's brief."""
        self._candidate = candidate
        self._whole = brief
        self._patron = patron
        self._opened: asyncio.Future[Conversation] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self._live(), name=f"session by {candidate.name}")

    async def open(self, patience_s: float) -> Conversation:
        """Wait until it is ready. Raises ProviderError; whoever gives up has left it."""
        try:
            async with asyncio.timeout(patience_s):
                conversation = await asyncio.shield(self._opened)
            if self.error is not None:  # it was ready for no longer than it takes to hear of it
                raise self.error
            return conversation
        except TimeoutError as late:
            self.leave()
            said = f"{self.name} did not open a session within {patience_s:.3g} s"
            raise ProviderError(said, code="timeout", retryable=True) from late
        except BaseException:
            # Also when it became ready in the very turn of the loop in which it was given up.
            self.leave()
            raise

    @property
    def conversation(self) -> Conversation:
        """The open session."""
        return self._opened.result()

    @property
    def ending_at(self) -> float | None:
        """When the provider has said it will end it, in seconds of the loop's clock."""
        return self.conversation.ending_at

    @property
    def stands_in_for_local(self) -> bool:
        """It decides on turns and interruptions by itself, although the conversation was to be run otherwise."""
        return self._whole.interruption == "local" and self.brief.interruption == "provider"

    def leave(self) -> None:
        """Close it in the background; nothing more is heard of it."""
        if not self.over:
            self.over = True
            self.task.cancel()

    async def _live(self) -> None:
        try:
            async with self._candidate.provider.connect(self.brief) as conversation:
                self._ready(conversation)
                try:
                    await self._read(conversation)
                except ProviderError as error:
                    self._end(error)
                else:
                    self._end(ProviderError(f"{self.name} ended the session", code="connection_lost", retryable=True))
        except asyncio.CancelledError:
            self.over = True
            self._opened.cancel()
            raise
        except Exception as error:
            self._end(error)

    def _ready(self, conversation: Conversation) -> None:
        self.since = asyncio.get_running_loop().time()
        self.feed = uplink(self._whole.input_format, self.brief.input_format, conversation.send_audio)
        if not self._opened.cancelled():
            self._opened.set_result(conversation)

    async def _read(self, conversation: Conversation) -> None:
        put = self._take
        if self.brief.modality == "audio" and self.brief.output_format != self._whole.output_format:
            put = Downlink(self.brief.output_format, self._whole.output_format, self._take).put
        crowded = self._patron.crowded
        burst = 0
        async for event in conversation:
            put(event)
            if (wait := crowded()) is not None:
                await wait
            elif isinstance(event, Audio) and (burst := burst + len(event.data)) >= _BURST_BYTES:
                # A minute that comes at once is taken in slices: other calls share this loop.
                burst = 0
                await asyncio.sleep(0)

    def _take(self, event: Event) -> None:
        self._patron.take(self, event)

    def _end(self, error: Exception) -> None:
        """Tell of the end at once: leaving it may take a while."""
        if self.over:
            return
        self.over, self.error = True, error
        if not self._opened.done():
            self._opened.set_exception(error)
        elif not self._opened.cancelled():
            self._patron.ended(self, error)


def _nowhere(data: bytes) -> None:
    """Before a session is open nobody hears."""
