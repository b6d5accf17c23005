"""What a conversation may be carried by, and how hard it is kept going."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mediaproviders.contract import Provider


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that can carry a conversation. The first of several is the one wanted, the others stand in for it.

    Without a voice or advanced settings of its own the first takes the brief's; the others take their providers'.
    """

    name: str
    """What it is called in reasons, logs and metrics."""
    provider: Provider
    model: str
    voice: str | None = None
    advanced: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContinuitySettings:
    """When sessions are renewed, and how hard lost ones are replaced."""

    lead_s: float = 30.0
    """The next session is opened so long before the end of the present one, or at half of its life if that is later."""
    force_s: float = 8.0
    """So long before the end they are exchanged even if there was no moment between turns; at most half of the lead."""
    connection_s: float | None = None
    """A limit on sessions below the provider's own; None: only the provider's."""

    delays_s: Sequence[float] = (0.0, 0.5, 1.5)
    """Waits before the attempts to replace a lost session; one attempt after each."""
    total_s: float = 6.0
    """All attempts with one candidate together."""
    steady_s: float = 10.0
    """A session that held so long, or has given an answer, has earned a full set of attempts again."""
    open_s: float = 10.0
    """The caller's patience at the start of the call, shared by the candidates."""

    preroll_ms: int = 600
    """The newest caller audio that a new session is given, so that an onset across the exchange is not lost."""
    onset_ms: int = 500
    """Caller audio before a reported start of speech that belongs to it."""
    heed_s: float = 4.0
    """A sentence that a session which does not tell of speech has not answered so long after its end was none."""
    replay_s: float = 8.0
    """The most of a turn in progress that a new session is given."""

    transcript_s: float = 3.0
    """How long the words of a closed turn are waited for."""
    answer_s: float = 12.0
    """An answer that did not begin so long after it was due is not expected any more."""
    look_s: float = 0.05
    """How often a moment between turns is looked for, once the next session stands ready."""

    def __post_init__(self) -> None:
        if min(self.lead_s, self.force_s, self.total_s, self.open_s, self.look_s) <= 0:
            raise ValueError("continuity: lead_s, force_s, total_s, open_s and look_s must be above 0")
        if self.connection_s is not None and self.connection_s <= 0:
            raise ValueError("continuity: connection_s must be above 0")
        if not self.delays_s or min(self.delays_s) < 0:
            raise ValueError("continuity: delays_s needs at least one delay, and none below 0")
