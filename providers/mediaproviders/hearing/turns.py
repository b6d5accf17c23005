"""Where the caller's turns begin and end, by a detector's verdict on each frame. Pure: its clock is the audio."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto

from mediaproviders.contract import SpeechStarted, SpeechStopped, TurnCommitted


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon a turn begins and ends; all in ms of audio."""

    onset_ms: float = 60.0
    """Speech that makes a turn; less is a click."""
    guess_ms: float = 220.0
    """Silence after which recognition is begun, in the hope that the caller has finished."""
    end_ms: float = 500.0
    """Silence that ends a turn."""
    longest_ms: float = 30_000.0
    """A turn longer than this is ended while the caller speaks on."""
    lead_ms: float = 300.0
    """Audio kept from before the onset: the first consonant is often too soft for a detector."""

    def timed(self, onset_ms: float, end_ms: float) -> "Pace":
        """The same, with another beginning and end of turns."""
        return replace(self, onset_ms=onset_ms, end_ms=end_ms, guess_ms=min(self.guess_ms, end_ms / 2))


@dataclass(frozen=True, slots=True)
class Guess:
    """The turn of `item` may be over: what was heard so far is worth recognising."""

    item: str


@dataclass(frozen=True, slots=True)
class Unguess:
    """The caller speaks on: the guess about `item` is void."""

    item: str


type TurnEvent = SpeechStarted | SpeechStopped | TurnCommitted | Guess | Unguess


class _State(Enum):
    QUIET = auto()
    ONSET = auto()
    SPEAKING = auto()
    PAUSING = auto()
    GUESSING = auto()


class _Input(Enum):
    VOICE = auto()
    SILENCE = auto()
    VOICE_ENOUGH = auto()
    SILENCE_TO_GUESS = auto()
    SILENCE_TO_END = auto()
    TOO_LONG = auto()


_S, _I = _State, _Input
_TABLE: dict[_State, dict[_Input, tuple[_State, tuple[str, ...]]]] = {
    _S.QUIET: {_I.VOICE: (_S.ONSET, ()), _I.VOICE_ENOUGH: (_S.SPEAKING, ("start",))},
    _S.ONSET: {_I.VOICE_ENOUGH: (_S.SPEAKING, ("start",)), _I.SILENCE: (_S.QUIET, ())},
    _S.SPEAKING: {
        _I.SILENCE: (_S.PAUSING, ()),
        _I.SILENCE_TO_GUESS: (_S.GUESSING, ("guess",)),
        _I.SILENCE_TO_END: (_S.QUIET, ("stop", "commit")),
        _I.TOO_LONG: (_S.QUIET, ("stop", "commit")),
    },
    _S.PAUSING: {
        _I.VOICE: (_S.SPEAKING, ()),
        _I.VOICE_ENOUGH: (_S.SPEAKING, ()),
        _I.SILENCE_TO_GUESS: (_S.GUESSING, ("guess",)),
        _I.SILENCE_TO_END: (_S.QUIET, ("stop", "commit")),
        _I.TOO_LONG: (_S.QUIET, ("stop", "commit")),
    },
    _S.GUESSING: {
        _I.VOICE: (_S.SPEAKING, ("unguess",)),
        _I.VOICE_ENOUGH: (_S.SPEAKING, ("unguess",)),
        _I.SILENCE_TO_END: (_S.QUIET, ("stop", "commit")),
        _I.TOO_LONG: (_S.QUIET, ("stop", "commit")),
    },
}
"""State and input to the next state and what is done; what is not listed changes nothing."""


class Turns:
    """The turns of one caller. `name` gives each a new id."""

    def __init__(self, pace: Pace, name: Callable[[], str]) -> None:
        self._pace = pace
        self._name = name
        self._state = _State.QUIET
        self._now_ms = 0.0
        self._run_ms = 0.0
        self._voiced = False
        self._began_ms = 0.0
        self._item = ""

    @property
    def speaking(self) -> bool:
        """A turn is open."""
        return self._state not in (_State.QUIET, _State.ONSET)

    @property
    def now_ms(self) -> float:
        """Audio heard so far, in ms."""
        return self._now_ms

    def frame(self, voiced: bool, ms: float) -> list[TurnEvent]:
        """Take the verdict on the next `ms` of audio; what follows from it, in order."""
        self._now_ms += ms
        self._run_ms = self._run_ms + ms if voiced == self._voiced else ms
        self._voiced = voiced
        state, actions = _TABLE[self._state].get(self._input(), (self._state, ()))
        self._state = state
        return [self._act(action) for action in actions]

    def _input(self) -> _Input:
        if self.speaking and self._now_ms - self._began_ms >= self._pace.longest_ms:
            return _Input.TOO_LONG
        if self._voiced:
            return _Input.VOICE_ENOUGH if self._run_ms >= self._pace.onset_ms else _Input.VOICE
        if self._run_ms >= self._pace.end_ms:
            return _Input.SILENCE_TO_END
        return _Input.SILENCE_TO_GUESS if self._run_ms >= self._pace.guess_ms else _Input.SILENCE

    def _act(self, action: str) -> TurnEvent:
        match action:
            case "start":
                self._item = self._name()
                self._began_ms = max(0.0, self._now_ms - self._run_ms)
                return SpeechStarted(self._item, round(self._began_ms))
            case "stop":
                stopped = SpeechStopped(self._item, round(self._now_ms - (0.0 if self._voiced else self._run_ms)))
                # What follows without a pause belongs to the next turn from here on.
                self._run_ms = 0.0
                return stopped
            case "guess":
                return Guess(self._item)
            case "unguess":
                return Unguess(self._item)
            case _:
                return TurnCommitted(self._item)
