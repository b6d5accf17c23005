"""Who has the floor. Pure: what is heard and played goes in with its time, what to do comes out.

Under `provider` the model's own detector decides and we only obey. Under `local` we decide in three steps: *duck* on a
cheap early hint, *interrupt* when a detector has confirmed speech for long enough, *resume* from the very sample when
it was a cough.
"""

from dataclasses import dataclass
from enum import Enum, auto


class Floor(Enum):
    """Who is speaking."""

    OPEN = auto()
    """Nobody, or the caller: the agent has nothing to say."""
    AGENT = auto()
    """The agent is heard."""
    CONTESTED = auto()
    """The agent is ducked: something was heard that may be speech."""
    CALLER = auto()
    """The caller took the floor from the agent."""


class Input(Enum):
    """What can happen."""

    AGENT_BEGINS = auto()
    AGENT_ENDS = auto()
    HINT = auto()
    CONFIRMED = auto()
    NOTHING = auto()
    """The hint came to nothing."""
    PROVIDER_INTERRUPTS = auto()
    ANSWER = auto()
    """The model begins a new answer."""


class Action(Enum):
    """What is to be done about it."""

    DUCK = auto()
    RESUME = auto()
    INTERRUPT = auto()


type Row = dict[Input, tuple[Floor, Action | None]]

TABLE: dict[Floor, Row] = {
    Floor.OPEN: {
        Input.AGENT_BEGINS: (Floor.AGENT, None),
        # An answer may be generated and not yet audible: the provider's word still voids it.
        Input.PROVIDER_INTERRUPTS: (Floor.OPEN, Action.INTERRUPT),
    },
    Floor.AGENT: {
        Input.AGENT_ENDS: (Floor.OPEN, None),
        Input.HINT: (Floor.CONTESTED, Action.DUCK),
        Input.CONFIRMED: (Floor.CALLER, Action.INTERRUPT),
        Input.PROVIDER_INTERRUPTS: (Floor.CALLER, Action.INTERRUPT),
    },
    Floor.CONTESTED: {
        # It had said everything: what was heard is a turn like any other, and the next answer is not to be held back.
        Input.AGENT_ENDS: (Floor.OPEN, Action.RESUME),
        Input.CONFIRMED: (Floor.CALLER, Action.INTERRUPT),
        Input.NOTHING: (Floor.AGENT, Action.RESUME),
        Input.PROVIDER_INTERRUPTS: (Floor.CALLER, Action.INTERRUPT),
    },
    Floor.CALLER: {
        Input.ANSWER: (Floor.OPEN, None),
        Input.AGENT_BEGINS: (Floor.AGENT, None),
    },
}


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """When a noise is speech. All in ms of caller audio."""

    confirm_ms: int = 240
    """Speech within one contest that confirms an interruption; a cough or "mhm" is shorter."""
    release_ms: int = 350
    """Without any speech for this long a contest is over."""
    contest_ms: int = 1200
    """The longest a contest may last."""


class Turn:
    """The floor of one call. Feed it in order; it answers with an action or None."""

    def __init__(self, settings: TurnSettings | None = None) -> None:
        self.floor = Floor.OPEN
        self._settings = settings or TurnSettings()
        self._contest_began = 0.0
        self._last_voice = 0.0
        self._voiced_ms = 0.0

    def agent_begins(self) -> Action | None:
        """The first sample of an answer goes out."""
        return self._step(Input.AGENT_BEGINS)

    def agent_ends(self) -> Action | None:
        """Nothing is left to be played."""
        return self._step(Input.AGENT_ENDS)

    def answer(self) -> Action | None:
        """The model begins to answer."""
        return self._step(Input.ANSWER)

    def provider_interrupts(self) -> Action | None:
        """The provider's detector heard the caller, and the provider decides."""
        return self._step(Input.PROVIDER_INTERRUPTS)

    def hint(self, now: float) -> Action | None:
        """The gate heard something that may be speech. `now` in seconds."""
        if self.floor is Floor.AGENT:
            self._contest_began = self._last_voice = now
            self._voiced_ms = 0.0
            return self._step(Input.HINT)
        return None

    def voice(self, now: float, ms: float, speech: bool) -> Action | None:
        """The detector judged `ms` of audio ending at `now` to be speech or not."""
        if self.floor is not Floor.CONTESTED:
            return None
        if speech:
            self._last_voice = now
            self._voiced_ms += ms
            if self._voiced_ms >= self._settings.confirm_ms:
                return self._step(Input.CONFIRMED)
        return self.tick(now)

    def tick(self, now: float) -> Action | None:
        """Time passes: a contest ends by itself."""
        if self.floor is not Floor.CONTESTED:
            return None
        quiet_ms = (now - self._last_voice) * 1000
        contest_ms = (now - self._contest_began) * 1000
        if quiet_ms >= self._settings.release_ms or contest_ms >= self._settings.contest_ms:
            return self._step(Input.NOTHING)
        return None

    def _step(self, given: Input) -> Action | None:
        # What the table does not name changes nothing: an agent that ends while the caller has the floor, say.
        self.floor, action = TABLE[self.floor].get(given, (self.floor, None))
        return action
