"""Who counts calls: told of each refusal, answer and end, and of each turn of a conversation. Never of a packet."""

from collections.abc import Mapping
from typing import Protocol

from mediaserver.call.end import CallEnd
from mediaserver.talk.latency import TurnLatency


class Tally(Protocol):
    """The face of the metrics, seen from the calls. `way` is how a call came: a transport of SIP, "whip", or "out"."""

    def refused(self, way: str, reason: str) -> None:
        """No call was made of an attempt."""

    def answered(self, way: str, seconds: float) -> None:
        """A call was answered, so long after it began."""

    def turned(self, latency: TurnLatency) -> None:
        """An agent has answered a caller's turn."""

    def ended(self, way: str, end: CallEnd, spoken_s: float, counters: Mapping[str, float]) -> None:
        """A call is over, and the media plane has let go."""


class NoTally:
    """Nobody counts."""

    def refused(self, way: str, reason: str) -> None:
        """Nothing."""

    def answered(self, way: str, seconds: float) -> None:
        """Nothing."""

    def turned(self, latency: TurnLatency) -> None:
        """Nothing."""

    def ended(self, way: str, end: CallEnd, spoken_s: float, counters: Mapping[str, float]) -> None:
        """Nothing."""
