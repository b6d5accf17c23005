"""What each mode of the benchmark is: which service, how it delivers, what callers offer and say, who interrupts."""

from dataclasses import dataclass, replace
from typing import Literal

from bench.services import SERVICES, Service, ServiceName
from bench.speech import SHORT_ANSWER_MS, SHORT_CYCLE_S, SHORT_SILENCE_MS, SILENCE_MS

type Mode = Literal[
    "constant", "webrtc", "local", "burst", "discontinuous", "azure", "xai", "gemini", "nova", "turns",
    "discontinuous-turns",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scenario:
    """One mode."""

    service: ServiceName = "openai"
    """Which one the server is connected to. The floor is always connected to OpenAI's."""
    burst: bool = False
    """The model sends a whole answer at once."""
    browser: bool = False
    """The callers are browsers: WHIP, ICE, DTLS, SRTP, Opus. The floor's are telephones all the same."""
    comfort_noise: bool = False
    """The callers offer it, so that the server leaves silence out. The floor never does."""
    interruption: Literal["provider", "local"] = "provider"
    """Who decides in the server that the caller interrupts. In the floor it is always the provider."""
    short: bool = False
    """Many short turns in few calls, without barge-ins."""
    same_floor: "Mode | None" = None
    """A mode that is the same to the floor: its floor rounds do for both."""
    cpu_of_floor: float | None = 1.6
    """The goal for CPU, times the floor's."""
    cpu_ms: float | None = None
    """The goal for CPU, in ms per call-second."""
    added_path_ms: float | None = 13.0
    """The goal for the median: half a packet's wait and 3 ms. None: longer messages make it longer."""
    lateness_ms: float | None = None
    """The goal for its 99th percentile. None: 3 ms more than the floor's."""
    memory_mb: float | None = None
    """The goal for what a call takes. None: there is none."""

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

    @property
    def connected(self) -> Service:
        """The service the server is connected to."""
        return SERVICES[self.service]

    def for_floor(self) -> "Scenario":
        """What it is to the floor."""
        return replace(self, service="openai", interruption="provider", browser=False)


SCENARIOS: dict[Mode, Scenario] = {
    "constant": Scenario(),
    "webrtc": Scenario(
        browser=True, same_floor="constant", cpu_of_floor=None, cpu_ms=12.0, lateness_ms=8.0, memory_mb=2.0
    ),
    "local": Scenario(interruption="local", same_floor="constant"),
    "burst": Scenario(burst=True),
    "discontinuous": Scenario(comfort_noise=True, added_path_ms=3.0),
    "azure": Scenario("azure", same_floor="constant"),
    "xai": Scenario("xai", same_floor="constant"),
    "gemini": Scenario("gemini", same_floor="constant", cpu_of_floor=2.0, added_path_ms=None),
    "nova": Scenario("nova", same_floor="constant", cpu_of_floor=None, cpu_ms=15.0, added_path_ms=None),
    "turns": Scenario(short=True),
    "discontinuous-turns": Scenario(short=True, comfort_noise=True, added_path_ms=3.0),
}

DEFAULT_MODES: tuple[Mode, ...] = (
    "constant", "webrtc", "local", "burst", "discontinuous", "azure", "xai", "gemini", "nova",
)  # fmt: skip
PROVIDER_MODES: tuple[Mode, ...] = ("constant", "azure", "xai", "gemini", "nova")
"""One for each service, alike but for that."""
