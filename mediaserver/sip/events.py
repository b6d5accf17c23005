"""What the SIP endpoint asks of its shell (`Send`) and tells its user (`Event`), and the flows both speak of."""

from dataclasses import dataclass
from typing import Literal

from mediaserver.sip.message import Request


@dataclass(frozen=True, slots=True)
class Flow:
    """Where bytes come from and go to: a UDP peer or one TCP connection; addresses are (IP literal, port).

    `local` is the address we can be reached at. `key` tells TCP connections apart; TCP with key 0 means whichever
    connection to `remote` the shell has or opens on the first `Send`.
    """

    transport: Literal["udp", "tcp"]
    remote: tuple[str, int]
    local: tuple[str, int]
    key: int = 0

    @property
    def reliable(self) -> bool:
        """The transport retransmits for us."""
        return self.transport != "udp"


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes for the wire: one whole message."""

    flow: Flow
    data: bytes


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """An INVITE began a call. Answer it with `provisional`, `answer` or `reject`; `offer` None: our 200 must offer."""

    leg: int
    request: Request
    flow: Flow
    offer: bytes | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller gave up before we answered (CANCEL); the 487 is sent and the leg is gone."""

    leg: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The ACK to our 200 arrived; `answer` is its body when our 200 carried the offer, else None."""

    leg: int
    answer: bytes | None


@dataclass(frozen=True, slots=True)
class Reinvited:
    """The peer wants to change the session: `answer_reinvite` or `reject_reinvite`; `offer` None: ours is wanted."""

    leg: int
    offer: bytes | None


@dataclass(frozen=True, slots=True)
class Ended:
    """The dialog is over and the leg is gone.

    `by_peer`: a BYE or a lost connection of the peer; `reason` is then its Reason header (RFC 3326) or what broke.
    Otherwise `status` is the final response to our BYE, or the one that showed the dialog to be dead.
    """

    leg: int
    by_peer: bool
    status: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """A provisional response other than 100 to our INVITE."""

    leg: int
    status: int
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Answered:
    """Our INVITE got its 2xx; `body` is the answer, or the offer when we sent none (then `acknowledge` is due)."""

    leg: int
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Our INVITE failed and the leg is gone: 408 for no answer, 503 for a broken transport, 487 after our CANCEL.

    `retry_after` in seconds, None when the peer named none.
    """

    leg: int
    status: int
    reason: str
    retry_after: int | None


@dataclass(frozen=True, slots=True)
class InfoReceived:
    """An INFO request in the dialog (RFC 6086), answered with 200 already."""

    leg: int
    content_type: str
    body: bytes


Event = IncomingCall | Cancelled | Acknowledged | Reinvited | Ended | Progress | Answered | Refused | InfoReceived
"""Everything the endpoint tells its user."""

Effect = Send | Event
"""Everything the endpoint gives its shell."""
