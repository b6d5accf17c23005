"""A leg: our side of one call, from its INVITE to the end of its dialog."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from mediaserver.sip.dialog import Dialog
from mediaserver.sip.events import Flow
from mediaserver.sip.identity import OwnContact
from mediaserver.sip.message import Request
from mediaserver.sip.transaction import Transaction

type Credentials = tuple[str, str]
"""User name and password."""

type Acks = dict[str, tuple[Flow, bytes]]
"""The ACK sent to each 2xx by its To tag, for when that 2xx comes again."""


class LegState(Enum):
    """How far the call is."""

    RINGING = "the peer's INVITE waits for our final response"
    CALLING = "our INVITE waits for the peer's final response"
    EARLY = "one branch of our INVITE, that has not answered yet"
    ANSWERED = "our 2xx waits for its ACK"
    CONFIRMED = "the dialog stands"
    ENDING = "our BYE waits for its response"
    ENDED = "gone"


class LegAlarm(Enum):
    """What a leg waits for."""

    REPEAT_2XX = "T1 doubling to T2, until the ACK (13.3.1.4)"
    NO_ACK = "64*T1 after the 2xx"
    REPEAT_RINGING = "a provisional response every minute (13.3.1.1)"
    REPEAT_1XX = "T1 doubling, until the PRACK (RFC 3262 3)"
    NO_PRACK = "64*T1 after the reliable provisional response"
    EXPIRED = "what the INVITE's Expires allows (13.3.1)"
    UNANSWERED = "an UPDATE or PRACK whose offer our user does not answer"
    NO_FINAL = "64*T1 after the CANCEL (9.1)"
    RUNG_OUT = "timer C: provisional responses and nothing else (16.6)"
    CHANGE_AGAIN = "the wait after a 491 or 500 to our change (14.1)"
    CHANGE_STUCK = "timer C for our re-INVITE"
    REFRESH = "half the session interval (RFC 4028 10)"
    SESSION_ENDS = "the session interval, all but a margin (RFC 4028 10)"


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
    amended: set[int] = field(default_factory=set)
    """The refusals after which it was sent again: each is met once."""
    answered: int = 0
    """How many challenges were."""
    heard: bool = False
    """A provisional response came: a CANCEL may be sent (9.1)."""
    cancelled: bool = False
    rung_out: bool = False
    """Cancelled because nothing but provisional responses came."""
    answer_due: bool = False
    """A 2xx with an offer waits for `acknowledge`."""
    acks: Acks = field(default_factory=dict)
    lost: dict[str, Dialog] = field(default_factory=dict)
    """The branches that were not answered first, by their To tag: their 2xx gets a BYE."""


@dataclass(slots=True)
class Reliable:
    """A provisional response of ours that needs its PRACK (RFC 3262 3); `interval` in seconds as in `Accepted`."""

    rseq: int
    wire: bytes
    interval: float
    described: bool
    """It carries SDP: no 2xx before its PRACK."""
    offered: bool
    """Its SDP is an offer: the PRACK owes the answer."""


@dataclass(slots=True)
class Early:
    """What we have told a caller reliably before the answer, and what waits its turn."""

    cseq: int
    """That of the INVITE, which RAck names."""
    rseq: int
    """The RSeq given last."""
    status: int = 180
    """The status sent last."""
    unacknowledged: Reliable | None = None
    waiting: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Provisional responses, status and SDP, that wait for the PRACK of the one before."""
    final: bytes | None = None
    """The SDP of the 2xx that waits for it."""


@dataclass(slots=True, eq=False)
class Change:
    """A change of the session that we want, or a refresh of it: a re-INVITE or an UPDATE (14.1, RFC 3311)."""

    sdp: bytes | None
    """Our offer; None asks the peer for one, or in an UPDATE leaves the session as it is."""
    refresh: bool = False
    """Of the session timer's wanting: nobody is told how it ends."""
    method: Literal["INVITE", "UPDATE"] = "INVITE"
    under_way: bool = False
    """Sent and not answered; else it waits for its next try."""
    transaction: Transaction | None = None
    """Of the re-INVITE sent last."""
    tries: int = 0
    cancelled: bool = False
    ack: tuple[Flow, bytes] | None = None
    answer_due: bool = False
    """The 2xx brought an offer that waits for `acknowledge`."""


@dataclass(slots=True)
class SessionTimer:
    """The session timer both sides have agreed on (RFC 4028); `interval` in seconds."""

    interval: int
    ours: bool
    """We refresh."""


@dataclass(slots=True, eq=False)
class Leg:
    """One call as the endpoint's user sees it; `id` is the handle it is given.

    A branch of our INVITE that has not answered yet is a leg of its own (`state` EARLY) under the same handle.
    """

    id: int
    state: LegState
    flow: Flow
    """Where requests in the dialog are sent."""
    contact: OwnContact
    credentials: Credentials | None = None
    dialog: Dialog | None = None
    pending: Transaction | None = None
    """The peer's INVITE or re-INVITE that has no final response yet."""
    asked: Transaction | None = None
    """The peer's UPDATE or PRACK whose offer is not answered yet."""
    accepted: Accepted | None = None
    early: Early | None = None
    bye_wanted: bool = False
    bye_reason: str | None = None
    """The Reason of the BYE that waits until it may be sent (15), or of the CANCEL."""
    attempt: Attempt | None = None
    parent: "Leg | None" = None
    """Of a branch: the call it is of."""
    forks: dict[str, "Leg"] = field(default_factory=dict)
    """The branches that ring, by their To tag."""
    heard_rseq: tuple[int, int] | None = None
    """CSeq number of our INVITE and RSeq of the last reliable provisional response to it (RFC 3262 4)."""
    prack_due: str | None = None
    """The RAck of a provisional response whose offer waits for `acknowledge`."""
    refers: int = 0
    """How many REFERs the peer has sent."""
    settled: bool = False
    """Offer and answer were exchanged reliably before the INVITE's final response (RFC 3262 5)."""
    change: Change | None = None
    """Ours, under way or waiting for its next try."""
    changes: list[Change] = field(default_factory=list)
    """Those that wait for it."""
    said: bytes | None = None
    """The SDP we sent last that counts."""
    told: bytes | None = None
    """The peer's."""
    peer_allows: frozenset[str] = frozenset()
    """The methods of the peer's last Allow."""
    timer: SessionTimer | None = None
    min_se: int = 0
    """The largest Min-SE the peer's side has asked for, in seconds."""
    source: str = ""
    """The IP its INVITE came from, or went to: only there has the peer been shown to hear us."""

    def __post_init__(self) -> None:
        self.source = self.source or self.flow.remote[0]
