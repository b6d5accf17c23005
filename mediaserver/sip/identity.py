"""What the endpoint says of itself: Contact, Via, Allow, User-Agent; and the settings that decide it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from mediaserver.sip.events import Flow
from mediaserver.sip.headers import Headers, Via
from mediaserver.sip.message import Request
from mediaserver.sip.timers import TimerSettings
from mediaserver.sip.uri import NameAddr, SipUri

SDP = "application/sdp"


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """How the endpoint presents itself and what it bears; times in seconds."""

    user_agent: str = "mediaserver"
    advertised_host: str | None = None
    """Written into Via and Contact instead of the flow's local address: the public side of a NAT."""
    advertised_port: int | None = None
    allow: tuple[str, ...] = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "PRACK", "UPDATE", "REFER", "NOTIFY")
    supported: tuple[str, ...] = ("199", "replaces", "norefersub")
    """Option tags (RFC 3261 19.2) besides those the settings below imply; see `extensions`."""
    reliable: Literal["off", "supported", "require"] = "supported"
    """Reliable provisional responses (RFC 3262): `supported` sends those with SDP so if the caller can, and all of them
    if it insists; `require` refuses callers that cannot (421) and calls nobody else."""
    session_timer: Literal["off", "accept", "request"] = "accept"
    """Session timers (RFC 4028): `accept` takes part when the peer wants one, `request` wants one itself."""
    session_expires: int = 1800
    """The session interval we ask for."""
    min_se: int = 90
    """The shortest session interval we accept, at least 90; below it the peer hears 422."""
    timer_c: float = 185.0
    """How long an INVITE of ours may ring without any news before it is cancelled (RFC 3261 16.6)."""
    unanswered: float = 10.0
    """How long our user may ponder over the offer of an UPDATE or PRACK before it is refused with 500."""
    timers: TimerSettings = field(default_factory=TimerSettings)
    max_transactions: int = 20000
    """Server transactions alive at once; above it new requests get a stateless 503."""
    retry_after: int = 5
    """What that 503 tells the caller to wait."""
    max_datagram: int = 1300
    """Bytes of a request over UDP; a larger one is tried by TCP first (18.1.1). 0: never."""
    datagrams_only: Callable[[str], bool] = lambda address: False
    """Whether an address is known to take no TCP: then it gets none."""
    ring_refresh: float = 60.0
    """How often the last provisional response is repeated, lest a proxy gives the call up (RFC 3261 13.3.1.1)."""

    @property
    def extensions(self) -> tuple[str, ...]:
        """Every option tag we understand; a request that requires any other is refused with 420."""
        reliable = () if self.reliable == "off" else ("100rel",)
        timer = () if self.session_timer == "off" else ("timer",)
        return (*reliable, *timer, *self.supported)


@dataclass(frozen=True, slots=True)
class OwnContact:
    """What a Contact of ours says besides the address."""

    user: str | None = None
    secure: bool = False
    """It is a sips URI: whoever was called or calls by one is answered by one (RFC 3261 12.1.1, RFC 5630 3.1.3)."""
    outbound: bool = False
    """The dialog is to come by the flow we have registered by, and no other way (`ob`, RFC 5626 4.3)."""


class Identity:
    """Composes the header fields that speak of us."""

    def __init__(self, settings: EndpointSettings) -> None:
        self._settings = settings
        self._allow = ", ".join(settings.allow)
        self._supported = ", ".join(settings.extensions)
        self._unreliable = ", ".join(tag for tag in settings.extensions if tag != "100rel")

    def address(self, flow: Flow) -> tuple[str, int]:
        """Host and port a peer of `flow` reaches us at."""
        host, port = flow.local
        return self._settings.advertised_host or host, self._settings.advertised_port or port

    def contact(self, flow: Flow, own: OwnContact) -> str:
        """Our Contact on `flow` (8.1.1.8); sips only where the flow is what that promises."""
        host, port = self.address(flow)
        secure = own.secure and flow.secure
        parameters: dict[str, str | None] = {"transport": flow.transport} if flow.reliable else {}
        if secure:
            # That it is TLS is what sips says already; `transport` names what carries it (RFC 5630 3.1.2).
            parameters = {"transport": "ws"} if flow.transport == "wss" else {}
        if own.outbound:
            parameters["ob"] = None
        return str(NameAddr(None, SipUri("sips" if secure else "sip", own.user, host, port, parameters)))

    def via(self, flow: Flow, branch: str) -> str:
        """Our Via on `flow`; rport asks for the response to come back the same way (RFC 3581 3)."""
        host, port = self.address(flow)
        return str(Via("SIP/2.0", flow.transport.upper(), host, port, {"rport": None, "branch": branch}))

    def capabilities(self, headers: Headers, *, reliable: bool = True) -> None:
        """Add Allow and Supported (8.2.1, 20.37; an empty Supported means: no extensions).

        Not `reliable`: provisional responses to this request need not be acknowledged.
        """
        headers.add("Allow", self._allow)
        headers.add("Supported", self._supported if reliable else self._unreliable)


def received_via(request: Request, flow: Flow) -> Via:
    """The top Via of a request as we pass it back: received and rport filled in (18.2.1, RFC 3581 4)."""
    via = request.via
    host, port = flow.remote
    if "rport" in via.parameters:
        return via.with_parameter("received", host).with_parameter("rport", str(port))
    return via if via.host == host else via.with_parameter("received", host)


def reply_flow(request: Request, flow: Flow) -> Flow:
    """Where responses to `request`, which came on `flow`, go (18.2.2, RFC 3581 4).

    Always back to the address it came from, whatever maddr or sent-by say: else anybody could aim us at anybody.
    """
    if flow.reliable:
        return flow
    via = request.via
    port = flow.remote[1] if "rport" in via.parameters else via.port or 5060
    return Flow(flow.transport, (flow.remote[0], port), flow.local, flow.key)
