"""The caller's turns by our own detector: what of the audio the service is given, and where a turn begins and ends.

With its own detector off, the service hears only what lies between an `activityStart` and an `activityEnd`, and the
start stops whatever the model is saying. Where the service is to decide, a turn is given to it as it is spoken. Where
we decide (`local`), one that begins while the model has the floor is held back until we know whether it is worth an
interruption: the model is kept talking through a cough.
"""

from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Final, Protocol

from mediaproviders.contract import AudioFormat, SpeechStarted, SpeechStopped, TurnCommitted
from mediaproviders.gemini_live.commands import ACTIVITY_END, ACTIVITY_START
from mediaproviders.hearing import Listener, Pace

MOST_HELD_MS: Final = 20_000


class Uplink(Protocol):
    """The way to the service."""

    def add_audio(self, data: bytes) -> None:
        """Caller audio."""

    def add_command(self, message: bytes) -> None:
        """A message of another kind."""

    def end_chunk(self) -> None:
        """Let what was given so far leave."""


class _Window(Enum):
    CLOSED = auto()
    OPEN = auto()
    HELD = auto()
    """There is a turn, and the service is not told of it yet."""


class Windows:
    """The windows of one session, of audio in the format `heard`.

    `emit` takes the turns; `floor` tells whether the model has it.
    """

    def __init__(
        self,
        listener: Listener,
        heard: AudioFormat,
        uplink: Uplink,
        emit: Callable[[SpeechStarted | SpeechStopped | TurnCommitted], None],
        floor: Callable[[], bool],
        *,
        local: bool,
        pace: Pace,
    ) -> None:
        self._listener = listener
        self._bytes_per_ms = heard.bytes_per_ms
        self._uplink = uplink
        self._emit = emit
        self._floor = floor
        self._local = local
        self._state = _Window.CLOSED
        self._speaking = False
        self._lead = _Reel((pace.lead_ms + pace.onset_ms + 64) * heard.bytes_per_ms)
        self._held = _Reel(MOST_HELD_MS * heard.bytes_per_ms)

    @property
    def speaking(self) -> bool:
        """The caller is in the middle of a turn."""
        return self._speaking

    @property
    def dropped_ms(self) -> float:
        """Audio of turns that was held back for too long, in ms."""
        return self._held.dropped / self._bytes_per_ms

    def hear(self, data: bytes) -> None:
        """Caller audio, any length."""
        if not data:
            return
        if self._speaking:
            self._give(data)
        else:
            self._lead.add(data)
        events = self._listener.hear(data)
        while True:
            for event in events:
                match event:
                    case SpeechStarted():
                        self._begin(event)
                    case SpeechStopped():
                        self._emit(event)
                    case TurnCommitted():
                        self._end(event)
                    case _:
                        pass
            if not self._listener.pending:
                return
            events = self._listener.hear(b"")

    def cancel(self, *, had_floor: bool) -> None:
        """The model's answer is void; if it had the floor, the service is told by the start of a turn."""
        if self._state is _Window.HELD or (self._state is _Window.CLOSED and had_floor):
            self._open(self._held.take())

    def answer(self) -> bool:
        """The turn so far is to be answered. False: there is none."""
        if self._state is _Window.CLOSED:
            return False
        if self._state is _Window.HELD:
            self._open(self._held.take())
        self._close()
        if self._speaking:
            # The caller has begun again meanwhile: that is another turn, and the answer has the floor.
            self._state = _Window.HELD
        return True

    def give_way(self) -> None:
        """Something else is to be said to the service: a turn that nobody answered is over."""
        if self._state is _Window.OPEN and not self._speaking:
            self._close()

    def _begin(self, event: SpeechStarted) -> None:
        self._speaking = True
        lead = self._lead.take()
        if self._state is _Window.OPEN:
            # The turn before was not worth an answer: this one joins it.
            self._uplink.add_audio(lead)
        else:
            self._held.take()
            if self._local and self._floor():
                self._state = _Window.HELD
                self._held.add(lead)
            else:
                self._open(lead)
        self._emit(event)

    def _end(self, event: TurnCommitted) -> None:
        self._speaking = False
        if not self._local:
            self._close()
        self._emit(event)

    def _give(self, data: bytes) -> None:
        if self._state is _Window.OPEN:
            self._uplink.add_audio(data)
        else:
            self._held.add(data)

    def _open(self, audio: bytes) -> None:
        self._state = _Window.OPEN
        self._uplink.add_command(ACTIVITY_START)
        if audio:
            self._uplink.add_audio(audio)

    def _close(self) -> None:
        self._state = _Window.CLOSED
        self._uplink.end_chunk()
        self._uplink.add_command(ACTIVITY_END)


class _Reel:
    """The latest audio, no more than so many bytes of it."""

    def __init__(self, most: float) -> None:
        self._most = int(most)
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self.dropped = 0
        """Bytes that were pushed out."""

    def add(self, data: bytes) -> None:
        self._chunks.append(data)
        self._size += len(data)
        while self._size - len(self._chunks[0]) >= self._most:
            oldest = self._chunks.popleft()
            self._size -= len(oldest)
            self.dropped += len(oldest)

    def take(self) -> bytes:
        """All of it; it is empty then."""
        taken = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        return taken
