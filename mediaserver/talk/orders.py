"""What the call orders of the media plane and what it is told: plain values, which may cross to another process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mediaproviders.contract import Interruption
from mediaproviders.models import Price
from mediaserver.sdp.plan import MediaPlan
from mediaserver.talk.budget import Limits
from mediaserver.talk.digits import DigitSettings, Inband
from mediaserver.talk.echo import EchoGuarding
from mediaserver.talk.latency import TurnLatency
from mediaserver.talk.transfer import Transfer, TransferStyle
from mediaserver.talk.turn import TurnSettings


@dataclass(frozen=True, slots=True)
class Agent:
    """Who answers: the settings of one agent that a conversation needs."""

    name: str
    model: str
    prompt: str
    greeting: str | None = None
    voice: str | None = None
    interruption: Interruption = "provider"
    turn: TurnSettings = field(default_factory=TurnSettings)
    """How `interruption = "local"` decides."""
    echo: EchoGuarding = "auto"
    """Whether its own voice is kept from being taken for the caller when it comes back."""
    max_output_tokens: int | None = None
    temperature: float | None = None
    tools: tuple[str, ...] = ()
    """Async callables as "module:function"."""
    tool_timeout_s: float = 10.0
    stall_timeout_s: float = 12.0
    """How long a due answer may fail to come."""
    fault_audio: str | None = None
    """WAV file played when the model is lost; None: a tone."""
    advanced: Mapping[str, object] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    price: Price | None = None
    """Of its model, for the limits and the records; None: not known."""
    prices: Mapping[str, Price | None] = field(default_factory=dict)
    """Of the models that may speak for it, by name."""
    digits: DigitSettings = field(default_factory=DigitSettings)
    """What becomes of the caller's keys."""
    transfer: Transfer = field(default_factory=Transfer)
    """How "transfer_call" among its tools transfers."""


# --- orders: what the call wants ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Open:
    """Take a port for the call and get ready. Answered by its number, for our session description.

    A call that has one takes a further port, for another peer; which one media go by is as the plan is described.
    """

    call: str
    agent: Agent | None = None
    """None: a leg without a conversation, to be bridged."""
    inband: Inband | None = None
    """Whether keys are listened for in the audio, as the trunk has it; None: as the agent has it."""
    ufrag: str | None = None
    """Our user fragment of ICE: take a place on the port that all browsers share; None: a port pair of its own."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Open the model's session. `encoding` is the codec expected on the leg, by its SDP name ("PCMU", "OPUS")."""

    call: str
    encoding: str = "PCMU"


@dataclass(frozen=True, slots=True)
class Describe:
    """Media as now agreed: begins the stream, or changes it (re-INVITE)."""

    call: str
    plan: MediaPlan


@dataclass(frozen=True, slots=True)
class Greet:
    """The caller can hear us: the agent may speak."""

    call: str


@dataclass(frozen=True, slots=True)
class Press:
    """Play keys to the peer: ``0-9 * # A-D``, and pauses: ``w`` of 0.5 s, ``W`` of 1 s, ``,`` of 2 s."""

    call: str
    keys: str
    way: Literal["auto", "tones"] = "auto"
    """As events where they were agreed, else as tones; or as tones in any case."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """The caller pressed a key, and signalling told it (SIP INFO)."""

    call: str
    digit: str
    duration_ms: float = 100.0


@dataclass(frozen=True, slots=True)
class Ringback:
    """Have the peer hear that it rings elsewhere, or no longer; a bridge ends it too."""

    call: str
    on: bool


@dataclass(frozen=True, slots=True)
class Bridge:
    """Have the legs of two calls hear each other. A conversation of `call` is over with that; its leg stays."""

    call: str
    other: str


@dataclass(frozen=True, slots=True)
class Watch:
    """Somebody wants to see how the conversation goes, or no longer: `Noted` is reported meanwhile."""

    call: str
    on: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of something the agent wanted of signalling: `text` is the result of its tool call `tool_call`."""

    call: str
    tool_call: str
    text: str


@dataclass(frozen=True, slots=True)
class Close:
    """The call is over; release everything."""

    call: str


type Order = Connect | Describe | Greet | Press | Pressed | Ringback | Bridge | Watch | Outcome | Close


# --- reports: what the call is told ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """The model's session is configured: the call may be answered."""

    call: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The model could not be reached, or was lost for good; what the caller is to hear of it has been played."""

    call: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """The conversation is over, and the agent's last words have been played."""

    call: str
    message: str
    reason: str = "agent-hung-up"
    """Why: the agent's own wish, or a limit that was reached ("max-duration", "max-cost")."""


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing has come from the caller for `seconds`."""

    call: str
    seconds: float
    gone: bool = False
    """Nor any sign that it is there, which it would give even while it is on hold."""


@dataclass(frozen=True, slots=True)
class Left:
    """The caller has closed its media, and signalling has not said why."""

    call: str


@dataclass(frozen=True, slots=True)
class Unprotected:
    """Media will not flow as agreed: no way to the peer, no handshake, or with somebody else than was described."""

    call: str
    why: str


@dataclass(frozen=True, slots=True)
class Dialled:
    """The caller pressed a key."""

    call: str
    digit: str


@dataclass(frozen=True, slots=True)
class TransferWanted:
    """The agent wants the call transferred, and its last words have been heard. Answered by `Outcome` if it fails."""

    call: str
    tool_call: str
    target: str
    """A number or a SIP URI."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """For the INVITE or REFER that does it."""
    style: TransferStyle | None = None
    """How the agent has it done; None: as the trunk has it."""
    wait_result: bool = True
    """False: the agent is done with the call, whatever comes of the transfer."""


@dataclass(frozen=True, slots=True)
class KeysWanted:
    """The agent wants keys pressed, as in `Press`. Answered by `Outcome`."""

    call: str
    tool_call: str
    keys: str


@dataclass(frozen=True, slots=True)
class Noted:
    """What who watches the call is to know: `what` happened at `at` (monotonic seconds)."""

    call: str
    what: str
    at: float
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Turned:
    """The agent has answered a turn of the caller's, and how long that took."""

    call: str
    latency: TurnLatency


@dataclass(frozen=True, slots=True)
class Closed:
    """Everything is released. `counters` are the leg's, by name."""

    call: str
    counters: Mapping[str, float]


type Report = (
    Ready
    | Lost
    | HangUp
    | Silent
    | Left
    | Unprotected
    | Dialled
    | TransferWanted
    | KeysWanted
    | Noted
    | Turned
    | Closed
)
