"""What the SIP endpoint asks of its shell (`Send`) and tells its user (`Event`), and the flows both speak of."""

from dataclasses import dataclass
from typing import Literal

from mediaserver.sip.message import Request, Response
from mediaserver.sip.uri import NameAddr, SipUri

type Transport = Literal["udp", "tcp", "tls", "ws", "wss"]


@dataclass(frozen=True, slots=True)
class Flow:
    """Where bytes come from and go to: a UDP peer or one connection; addresses are (IP literal, port).

    `local` is the address we can be reached at. `key` tells connections apart; a connection with key 0 means whichever
    one to `remote` the shell has or opens on the first `Send`. What it opens by TLS has to have a certificate for
    `name`, which is also what it asks for (SNI); `profile` names the trunk whose TLS settings it uses.
    """

    transport: Transport
    remote: tuple[str, int]
    local: tuple[str, int]
    key: int = 0
    name: str = ""
    profile: str = ""

    @property
    def reliable(self) -> bool:
        """The transport retransmits for us."""
        return self.transport != "udp"

    @property
    def secure(self) -> bool:
        """Nobody between us and the peer reads or changes what passes: it may carry what is meant for a sips URI."""
        return self.transport in ("tls", "wss")


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes for the wire: one whole message."""

    flow: Flow
    data: bytes


@dataclass(frozen=True, slots=True)
class Resolve:
    """Look up where `uri`, the next hop of a leg, is (RFC 3263), and tell it by `resolved`; not if nowhere."""

    leg: int
    uri: SipUri
    profile: str


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """An INVITE began a call. Answer it with `provisional`, `answer` or `reject`; `offer` None: our 200 must offer.

    `trunk` and `user` say who calls, as far as the door has found out: the trunk the peer belongs to, and the digest
    user it has proved to be. `replaces`: the leg this call is to take the place of (RFC 3891). `proven`: the peer is
    where it says; else its address may be forged until its ACK, and whoever is there has not asked for our audio.
    """

    leg: int
    request: Request
    flow: Flow
    offer: bytes | None
    trunk: str | None = None
    user: str | None = None
    replaces: int | None = None
    proven: bool = True


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller gave up before we answered (CANCEL); the 487 is sent and the leg is gone.

    `reason` is the CANCEL's Reason header (RFC 3326): a fork that lost says "Call completed elsewhere" there.
    """

    leg: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The ACK to our 200 arrived; `answer` is its body when our 200 carried the offer, else None."""

    leg: int
    answer: bytes | None


@dataclass(frozen=True, slots=True)
class EarlyAnswer:
    """The peer's PRACK answered the offer of our reliable provisional response (RFC 3262 5)."""

    leg: int
    answer: bytes


@dataclass(frozen=True, slots=True)
class Reinvited:
    """The peer wants to change the session, by re-INVITE, UPDATE or PRACK: `answer_reinvite` or `reject_reinvite`.

    `offer` None: ours is wanted. By UPDATE or PRACK it may come before the call is answered.
    """

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
    """A provisional response other than 100 to our INVITE; `fork` is its To tag: each branch rings for itself.

    199 says that this branch has ended (RFC 6228). If our INVITE had no offer, `body` is one: `acknowledge` answers it.
    """

    leg: int
    status: int
    body: bytes | None
    fork: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """Our INVITE got its 2xx; `body` is the answer, or the offer when we sent none (then `acknowledge` is due).

    `fork` is its To tag: the branch that `Progress.fork` spoke of. A 2xx without a body confirms what this branch
    has answered before: then `body` is that.
    """

    leg: int
    body: bytes | None
    fork: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Our INVITE failed and the leg is gone: 408 for no answer, 503 for a broken transport, 487 after our CANCEL.

    `retry_after` in seconds, None when the peer named none. `contacts` are where a 3xx sends us,
    Contact values with the one to try first in front.
    """

    leg: int
    status: int
    reason: str
    retry_after: int | None
    contacts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InfoReceived:
    """An INFO request in the dialog (RFC 6086), answered with 200 already."""

    leg: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class SessionChanged:
    """The peer has agreed to a change of ours (`reinvite`); `body` is its answer, or its offer if ours had none.

    Comes unasked when the peer answered our refresh of the session with another SDP than before.
    """

    leg: int
    body: bytes | None


@dataclass(frozen=True, slots=True)
class ChangeRefused:
    """The peer has refused a change of ours: the session is as it was (14.1)."""

    leg: int
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """A REFER of the peer (RFC 3515): `transfers.accept`, then `progress` until the end; or `reject`.

    `replaces` is the value of Replaces in the target, unescaped; `referred_by` that of Referred-By.
    """

    leg: int
    target: NameAddr
    replaces: str | None
    referred_by: str | None


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """What became of our REFER so far, by NOTIFY; or its refusal. After `final` nothing more comes.

    A 202 that is not final says that the peer has taken it, if no NOTIFY has said so before.
    """

    leg: int
    status: int
    reason: str
    final: bool


@dataclass(frozen=True, slots=True)
class Replied:
    """The final response to a request of ours outside of calls; 408 for none, 503 for a broken transport."""

    request: int
    status: int
    reason: str
    response: Response | None


@dataclass(frozen=True, slots=True)
class BindingsChanged:
    """A user of the registrar can be called elsewhere than before: at so many contacts, 0 is nowhere any more."""

    user: str
    contacts: int
    why: Literal["registered", "unregistered", "expired", "connection closed"]


Event = (
    IncomingCall
    | Cancelled
    | Acknowledged
    | EarlyAnswer
    | Reinvited
    | Ended
    | Progress
    | Answered
    | Refused
    | InfoReceived
    | SessionChanged
    | ChangeRefused
    | TransferAsked
    | TransferProgress
    | Replied
    | BindingsChanged
)
"""Everything the endpoint tells its user."""

Effect = Send | Resolve | Event
"""Everything the endpoint gives its shell."""
