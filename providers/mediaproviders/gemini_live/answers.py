"""The model's side of a conversation: what it is saying, what of it is void, and how long it is taken to be heard."""

from collections.abc import Callable
from typing import Final, Literal

from mediaproviders.contract import (
    AgentTranscript,
    Audio,
    AudioDone,
    Event,
    ResponseDone,
    ResponseStarted,
    ToolCall,
)

BYTES_PER_S: Final = 48_000
SLACK_S: Final = 1.0
"""How late the service may be in telling that everything was played."""
ASKED_S: Final = 10.0
"""An answer that was asked for and has not begun after so long is not coming."""

type Status = Literal["completed", "cancelled", "incomplete", "failed"]


class Answers:
    """One response at a time. `name` gives a new id for a kind of thing; times are seconds of one clock."""

    def __init__(self, emit: Callable[[Event], None], name: Callable[[str], str]) -> None:
        self._emit = emit
        self._name = name
        self.active: str | None = None
        """The response in progress."""
        self.void = False
        """What comes is of a response that was stopped."""
        self.calls: dict[str, str] = {}
        """Names of the tools the model waits for, by the id of the call."""
        self._item = ""
        self._words = ""
        self._audible = False
        self._last: tuple[str, str] | None = None
        self._late = False
        self._asked_at: float | None = None
        self._void_until_asked = False
        self._plays_until = 0.0

    # --- what the model does ---

    def begin(self) -> None:
        """A response begins; none is in progress, and none void."""
        self.active, self._item = self._name("response"), self._name("item")
        self._words, self._audible = "", False
        self._last, self._late = None, False
        self._asked_at = None
        self._emit(ResponseStarted(self.active))

    def audio(self, audio: bytes, now: float) -> None:
        """A piece of its voice, if there is a response."""
        if self.active is None:
            return
        self._audible = True
        self._plays_until = max(self._plays_until, now) + len(audio) / BYTES_PER_S
        self._emit(Audio(self._item, self.active, audio))

    def words(self, text: str) -> None:
        """A piece of what it says, if there is a response."""
        if self.active is None:
            return
        text = text if self._words else text.lstrip()
        if text:
            self._words += text
            self._emit(AgentTranscript(self._item, text, final=False))

    def is_late(self) -> bool:
        """Words that come now belong to the answer that was just completed."""
        return self.active is None and self._last is not None

    def late_words(self, text: str) -> None:
        """A piece of what was said by the answer that was just completed."""
        if self._last is not None:
            self._last = (self._last[0], self._last[1] + text)
            self._late = True

    def call(self, call: ToolCall) -> None:
        """It wants a tool run, if there is a response."""
        if self.active is not None:
            self.calls[call.call] = call.name
            self._emit(call)

    def end(self, status: Status = "completed", reason: str | None = None) -> None:
        """The response in progress has said all it will."""
        if self.active is None:
            return
        response, self.active = self.active, None
        if self._words:
            self._emit(AgentTranscript(self._item, self._words, final=True))
            self._last = (self._item, self._words)
        if self._audible and status == "completed":
            self._emit(AudioDone(self._item, response))
        self._emit(ResponseDone(response, status, reason))

    def played(self, *, empty: bool) -> None:
        """The service takes everything to be heard; `empty`: there was nothing, so nothing is due any more."""
        if self._last is not None and self._late:
            self._emit(AgentTranscript(*self._last, final=True))
        self.silenced()
        if empty:
            self.forget()
        self.resolved()

    def resolved(self) -> None:
        """The end of a stopped response has come: what follows is a new one."""
        self.void = self._void_until_asked = False

    def silenced(self) -> None:
        """What was not yet heard never will be."""
        self._last, self._late = None, False
        self._plays_until = 0.0

    # --- what is wanted of it ---

    def asked(self, now: float) -> None:
        """An answer was asked for."""
        self._asked_at = now
        if self._void_until_asked:
            self.resolved()

    def forget(self) -> None:
        """No answer is due any more."""
        self._asked_at = None

    def is_due(self, now: float) -> bool:
        """An answer was asked for and has not begun."""
        return self._asked_at is not None and now < self._asked_at + ASKED_S

    def holds_floor(self, now: float) -> bool:
        """The service takes the model to be speaking, or about to."""
        return self.busy or now < self.floor_until()

    @property
    def busy(self) -> bool:
        """It is saying something, or waits for a tool."""
        return self.active is not None or bool(self.calls)

    def floor_until(self) -> float:
        """When the model is taken to have been heard, should nobody say so; 0: it is."""
        due = self._asked_at + ASKED_S if self._asked_at is not None else 0.0
        return max(due, self._plays_until + SLACK_S if self._plays_until else 0.0)

    def cancel(self, now: float) -> bool:
        """Void the response in progress, or the one asked for. False: there is none."""
        if self.active is not None:
            response, self.active = self.active, None
            self.void = True
            self._emit(ResponseDone(response, "cancelled"))
        elif self.is_due(now):
            # Whether the service tells of the end of an answer that had not begun is not certain.
            self.void = self._void_until_asked = True
        else:
            return False
        self._asked_at = None
        self.silenced()
        return True
