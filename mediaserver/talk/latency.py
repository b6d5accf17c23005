"""How long an answer took, split by who took the time. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TurnLatency:
    """One answered turn, in ms; the stages add up to the total.

    *endpoint*: from the caller's last loud audio until the model closed the turn. *think*: until its first audio
    reached us. *playout*: until that audio's first packet left.
    """

    turn: int
    endpoint_ms: float
    think_ms: float
    playout_ms: float

    @property
    def total_ms(self) -> float:
        """From the caller's last word to the answer's first packet."""
        return self.endpoint_ms + self.think_ms + self.playout_ms


class Stopwatch:
    """Times turn after turn; all times are monotonic seconds."""

    def __init__(self) -> None:
        self._turns = 0
        self._voice_ended: float | None = None
        self._committed = 0.0
        self._first_audio: float | None = None

    def committed(self, now: float, voice_ended: float) -> None:
        """The model closed the caller's turn; the caller was last loud at `voice_ended`."""
        self._voice_ended = voice_ended if 0 < voice_ended <= now else now
        self._committed = now
        self._first_audio = None

    def audio(self, now: float) -> None:
        """Audio of an answer arrived."""
        if self._voice_ended is not None and self._first_audio is None:
            self._first_audio = now

    def played(self, now: float) -> TurnLatency | None:
        """An item's first packet left; the turn's figures if it is the answer's first."""
        if self._voice_ended is None or self._first_audio is None:
            return None
        self._turns += 1
        latency = TurnLatency(
            self._turns,
            endpoint_ms=(self._committed - self._voice_ended) * 1000,
            think_ms=(self._first_audio - self._committed) * 1000,
            playout_ms=(now - self._first_audio) * 1000,
        )
        self._voice_ended = self._first_audio = None
        return latency

    def void(self) -> None:
        """The answer was interrupted before it was heard."""
        self._voice_ended = self._first_audio = None
