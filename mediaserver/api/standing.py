"""How the server stands at a moment: what is shown of it, and nothing that can be changed."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """Of calls, and of what they need."""

    calls: Mapping[str, int]
    """Those that are not over, by the way they came."""
    max_calls: int
    """As many as may be at once."""
    sessions: int
    """WHIP sessions that are not over."""
    lag_s: float
    """Seconds the event loop is late."""
    places: int = 0
    """Browsers on the UDP port that they share."""
    phones: int = 0
    """Phones that are registered."""
