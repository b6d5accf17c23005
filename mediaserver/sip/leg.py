"""A leg: our side of one call, from its INVITE to the end of its dialog."""

from dataclasses import dataclass, field
from enum import Enum

from mediaserver.sip.dialog import Dialog
from mediaserver.sip.events import Flow
from mediaserver.sip.message import Request
from mediaserver.sip.transaction import Transaction

type Credentials = tuple[str, str]
"""User name and password."""


class LegState(Enum):
    """How far the call is."""

    RINGING = "the peer's INVITE waits for our final response"
    CALLING = "our INVITE waits for the peer's final response"
    ANSWERED = "our 2xx waits for its ACK"
    CONFIRMED = "the dialog stands"
    ENDING = "our BYE waits for its response"
    ENDED = "gone"


class LegAlarm(Enum):
    """What a leg waits for."""

    REPEAT_2XX = "T1 doubling to T2, until the ACK (13.3.1.4)"
    NO_ACK = "64*T1 after the 2xx"
    REPEAT_RINGING = "a provisional response every minute (13.3.1.1)"
    NO_FINAL = "64*T1 after the CANCEL (9.1)"


@dataclass(slots=True)
class Accepted:
    """A 2xx of ours that has no ACK yet; `interval` in seconds is what its next repetition waits."""

    cseq: int
    wire: bytes
    flow: Flow
    interval: float
    offered: bool
    """It carried an offer: the ACK owes the answer."""


@dataclass(slots=True, eq=False)
class Attempt:
    """Our INVITE: the request last sent (again after a challenge) and what came back."""

    request: Request
    transaction: Transaction
    offered: bool
    """The INVITE carried an offer; else the 2xx does and `acknowledge` sends the answer."""
    challenged: bool = False
    heard: bool = False
    """A provisional response came: a CANCEL may be sent (9.1)."""
    cancelled: bool = False
    answer_due: bool = False
    """A 2xx with an offer waits for `acknowledge`."""
    acks: dict[str, tuple[Flow, bytes]] = field(default_factory=dict)
    """The ACK sent to each 2xx by its To tag, for when that 2xx comes again."""


@dataclass(slots=True, eq=False)
class Leg:
    """One call as the endpoint's user sees it; `id` is the handle it is given."""

    id: int
    state: LegState
    flow: Flow
    """Where requests in the dialog are sent."""
    user: str | None = None
    """The user part of our Contact."""
    credentials: Credentials | None = None
    dialog: Dialog | None = None
    pending: Transaction | None = None
    """The peer's INVITE or re-INVITE that has no final response yet."""
    accepted: Accepted | None = None
    bye_wanted: bool = False
    bye_reason: str | None = None
    """The Reason of the BYE that waits until it may be sent (15)."""
    attempt: Attempt | None = None
