"""What each mode of the benchmark is: how the model delivers, what callers offer and say, who decides interruptions."""

from dataclasses import dataclass
from typing import Literal

from bench.speech import SHORT_ANSWER_MS, SHORT_CYCLE_S, SHORT_SILENCE_MS, SILENCE_MS

type Mode = Literal["constant", "local", "burst", "discontinuous", "turns", "discontinuous-turns"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One mode."""

    burst: bool = False
    """The model sends a whole answer at once."""
    comfort_noise: bool = False
    """The callers offer it, so that the server leaves silence out. The floor never does."""
    interruption: Literal["provider", "local"] = "provider"
    """Who decides in the server that the caller interrupts. In the floor it is always the provider."""
    short: bool = False
    """Many short turns in few calls, without barge-ins."""
    same_floor: "Mode | None" = None
    """A mode that is the same to the floor: its floor rounds do for both."""
    added_path_ms: float = 13.0
    """The goal for the median: half a packet's wait and 3 ms."""

    @property
    def silence_ms(self) -> int:
        """Quiet audio after which the model ends a turn."""
        return SHORT_SILENCE_MS if self.short else SILENCE_MS

    @property
    def answer_ms(self) -> int:
        """Audio of one answer."""
        return SHORT_ANSWER_MS if self.short else 4000

    @property
    def turn_s(self) -> float:
        """What happens later than this after its cause belongs to another turn."""
        return SHORT_CYCLE_S - 0.1 if self.short else 3.0


SCENARIOS: dict[Mode, Scenario] = {
    "constant": Scenario(),
    "local": Scenario(interruption="local", same_floor="constant"),
    "burst": Scenario(burst=True),
    "discontinuous": Scenario(comfort_noise=True, added_path_ms=3.0),
    "turns": Scenario(short=True),
    "discontinuous-turns": Scenario(short=True, comfort_noise=True, added_path_ms=3.0),
}

DEFAULT_MODES: tuple[Mode, ...] = ("constant", "local", "burst", "discontinuous")
