"""What the agent says: one response for each of its turns, and one item in it."""

from collections.abc import Callable
from typing import Literal

from mediaproviders.contract import (
    AgentTranscript,
    Audio,
    AudioDone,
    Event,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    Usage,
)


class Bill:
    """Tokens since the last response."""

    def __init__(self) -> None:
        self._counts = [0, 0, 0, 0]

    def add(self, counts: tuple[int, int, int, int]) -> None:
        """New tokens: speech and text read, speech and text written."""
        self._counts = [a + b for a, b in zip(self._counts, counts, strict=True)]

    def settle(self) -> Usage | None:
        """What came since the last time; None if nothing did."""
        if not any(self._counts):
            return None
        heard, read, spoken, written = self._counts
        self._counts = [0, 0, 0, 0]
        return Usage(heard + read, spoken + written, heard, spoken)


class _Response:
    def __init__(self, response: str, item: str) -> None:
        self.id = response
        self.item = item
        self.void = False
        """Stopped by us: what still comes of it is dropped."""
        self.audible = False
        self.texts: list[str] = []
        """What was generated and reported."""
        self.ahead: list[str] = []
        """What was generated and whose audio has not begun."""


class Answers:
    """The response under way. `put` takes an event."""

    def __init__(self, put: Callable[[Event], None], new_id: Callable[[], str]) -> None:
        self._put, self._new_id = put, new_id
        self._now: _Response | None = None
        self._told = True
        self.bill = Bill()

    @property
    def active(self) -> bool:
        """The agent is in the middle of a turn."""
        return self._now is not None

    def words(self, text: str) -> None:
        """What the agent is about to say."""
        self._begun().ahead.append(text)

    def sounds(self) -> None:
        """A block of audio begins: it is what the words before it sound like."""
        response = self._begun()
        self._report_words(response)

    def audio(self, data: bytes) -> None:
        """A piece of audio."""
        response = self._begun()
        if not response.void:
            response.audible = True
            self._put(Audio(response.item, response.id, data))

    def uses_a_tool(self) -> bool:
        """A tool is wanted. False: by a turn that was stopped."""
        return not self._begun().void

    def completed(self) -> None:
        """The turn is over."""
        self._end("completed", None)

    def interrupted(self) -> None:
        """The caller took the floor. The service may say so twice, and after the end of a turn."""
        self._end("cancelled", "turn_detected")
        if not self._told:
            self._told = True
            self._put(Interrupted())

    def cancel(self) -> None:
        """Stop the turn for us: the service goes on speaking and is not heard."""
        response = self._now
        if response is not None and not response.void:
            response.ahead.clear()
            self._report("cancelled", "client_cancelled", response)
            response.void = True

    def _begun(self) -> _Response:
        if self._now is None:
            self._now = _Response(self._new_id(), self._new_id())
            self._told = False
            self._put(ResponseStarted(self._now.id))
        return self._now

    def _report_words(self, response: _Response) -> None:
        for text in response.ahead:
            piece = f" {text}" if response.texts else text
            response.texts.append(piece)
            if not response.void:
                self._put(AgentTranscript(response.item, piece, False))
        response.ahead.clear()

    def _end(self, status: Literal["completed", "cancelled"], reason: str | None) -> None:
        response, self._now = self._now, None
        if response is not None and not response.void:
            if status == "completed":
                self._report_words(response)
            self._report(status, reason, response)

    def _report(self, status: Literal["completed", "cancelled"], reason: str | None, response: _Response) -> None:
        if response.audible:
            self._put(AudioDone(response.item, response.id))
        if response.texts:
            self._put(AgentTranscript(response.item, "".join(response.texts), True))
        if (usage := self.bill.settle()) is not None:
            self._put(usage)
        self._put(ResponseDone(response.id, status, reason))
