"""The `[trunks.NAME]` tables: carriers, SBCs and PBXs that calls come from and go to."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from mediaserver.config.section import Network, OrNone, Section
from mediaserver.config.values import Codec, HeaderName, Host, Line, Pattern, Prefix, Uri

OURS = frozenset((
    "call-id", "contact", "content-length", "content-type", "cseq", "from", "max-forwards", "record-route",
    "route", "to", "via", "authorization", "proxy-authorization", "require", "supported", "allow",
))  # fmt: skip
"""Header fields that make the protocol work: not for a setting to write."""


class CallerId(Section):
    """Who our calls by a trunk say they come from, and what we believe of the calls that come by it."""

    number: OrNone[Line] = None
    """Number shown to who is called; empty: `user` of the trunk."""
    name: OrNone[Line] = None
    """Name shown."""
    numbers: tuple[Pattern, ...] = ()
    """Other numbers a call may be made as, as patterns; "*" for any."""
    from_user: Literal["caller", "account"] = "caller"
    """What stands in From: the number, or the trunk's `user` (the number then needs `identity`)."""
    identity: Literal["none", "asserted", "preferred"] = "none"
    """Say the number in P-Asserted-Identity (a trunk that trusts us) or P-Preferred-Identity (RFC 3325) too."""
    private: bool = False
    """Withhold the number on every call (Privacy: id, RFC 3323)."""
    trusted: bool = True
    """Believe the P-Asserted-Identity, Diversion and History-Info that come by this trunk."""


class TrunkSettings(Section):
    """One trunk."""

    host: OrNone[Host] = None
    """Name or IP address of the carrier, PBX or SBC; empty: calls only come from it."""
    port: int | None = Field(None, ge=1, le=65535)
    """Its port; none: what DNS says, or the transport's usual one."""
    transport: Literal["udp", "tcp", "tls", "ws", "wss"] | None = None
    """How it is reached; none: what DNS says (NAPTR, SRV), or UDP."""
    outbound_proxy: OrNone[Uri] = None
    """Where all requests go first, as in "sip:sbc.example.com;transport=tls"."""
    large_by_tcp: bool = True
    """Try requests above `sip.max_datagram` by TCP; false for one that takes no TCP and does not refuse it either."""
    domain: OrNone[Host] = None
    """Domain of our address there (From, To of REGISTER); empty: `host`."""
    user: OrNone[Line] = None
    """Our account or main number there."""
    auth_user: OrNone[Line] = None
    """Digest user where it is not `user`."""
    password: OrNone[SecretStr] = None
    """Digest password, or where it is kept: "env:NAME", "file:/path", …"""
    register_: bool = Field(False, alias="register")
    """Register there, so that calls come to us."""
    expires_s: int = Field(600, ge=60, le=86_400)
    """Seconds a registration is asked for."""
    outbound: bool = False
    """Register by the connection (RFC 5626): calls come by it through any NAT. Not every registrar bears that."""
    behind_nat: bool = False
    """A NAT stands between us and it: name the address it sees us at, once we are registered (RFC 3581)."""
    networks: tuple[Network, ...] = ()
    """Its addresses: calls from there are this trunk's and are not challenged."""
    from_host: bool = True
    """Calls from the addresses that `host` and `outbound_proxy` stand for are this trunk's; those that come by the
    flow it is registered by always are."""
    domains: tuple[Host, ...] = ()
    """Which trunk is meant when several come from the same address: the domain in Request-URI, To or From."""
    inbound_user: OrNone[Line] = None
    """Digest user the trunk has to be when it calls us; empty: it is known by its address."""
    inbound_password: OrNone[SecretStr] = None
    """Its password."""
    options_ping_s: float = Field(30.0, ge=0, le=3600)
    """Seconds between OPTIONS that ask whether `host` is there; 0: never. While it is not, calls go elsewhere."""
    agent: OrNone[str] = None
    """Who answers calls that nothing else decides; empty: the default agent."""
    numbers: dict[Pattern, str] = Field(default_factory=dict)
    """Which agent answers which called number: {"+4930555" = "clinic", "+49305*" = "shop"}; the first that fits."""
    destinations: tuple[Prefix, ...] = ()
    """How the numbers begin that are called by this trunk; empty: all that `outbound.allow` allows."""
    priority: int = Field(0, ge=0, le=1000)
    """Lower ones are tried first when several trunks take a number."""
    number_format: Literal["+e164", "e164", "00", "national", "as-dialled"] = "+e164"
    """How a number is written to it: +4930555, 4930555, 004930555, 030555 (see outbound), as given."""
    dial_prefix: str = Field("", pattern=r"^[0-9*#]{0,8}$")
    """Digits put before every number."""
    caller_id: CallerId = CallerId()
    headers: dict[HeaderName, Line] = Field(default_factory=dict)
    """Header fields added to every INVITE."""
    max_calls: int | None = Field(None, ge=1, le=10_000)
    """Calls at once, both ways; none: as many as the server takes."""
    max_calls_per_s: float | None = Field(None, gt=0, le=1000)
    """Calls a second that come by it; the next gets 503 with Retry-After."""
    codecs: tuple[Codec, ...] = ()
    """Codecs, most wanted first; empty: `rtp.codecs`."""
    ptime_ms: Literal[10, 20, 30, 40, 50, 60] | None = None
    """Packet length; none: `rtp.ptime_ms`."""
    srtp: Literal["never", "optional", "required"] | None = None
    """Encrypted media; none: `rtp.srtp`."""
    dtmf: Literal["auto", "rfc4733", "info", "inband"] = "auto"
    """How keys are sent: as events where agreed and else by INFO, or always in one way."""
    transfer: Literal["refer", "invite"] = "invite"
    """A transfer asks the trunk to do it, or makes a second call and stays in between."""
    late_offer: bool = False
    """Leave the offer of media to it: our INVITE has none (for gateways that want it so)."""
    strict_x509: bool = True
    """Demand what RFC 5280 does of certificates; false for the old ones of many PBXs, with a warning."""
    ca: OrNone[Path] = None
    """PEM file with the authorities its certificate may come from; empty: `sip.certificates.ca`."""
    certificate: OrNone[Path] = None
    """PEM file with our certificate for this trunk, where it wants one."""
    key: OrNone[Path] = None
    """PEM file with its key; empty: in the file of the certificate."""

    @field_validator("headers")
    @classmethod
    def _not_the_protocols(cls, headers: dict[str, str]) -> dict[str, str]:
        taken = [name for name in headers if name.lower() in OURS]
        if taken:
            raise ValueError(f"{', '.join(taken)} cannot be set: leave it out, the server writes it")
        return headers

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.host is None and not self.networks and self.inbound_user is None:
            raise ValueError("gives no way to know it: set host (to call it), networks (where it calls from), or both")
        if self.register_ and (self.host is None or self.user is None):
            raise ValueError("register needs host and user: set both, or register = false")
        for name in ("outbound", "behind_nat"):
            if getattr(self, name) and not self.register_:
                raise ValueError(f"{name} says how to register: set register = true too, or leave it out")
        if self.password is not None and self.user is None and self.auth_user is None:
            raise ValueError("password is set without user: set user or auth_user too")
        if (self.inbound_user is None) != (self.inbound_password is None):
            raise ValueError("inbound_user and inbound_password belong together: set both or neither")
        if self.caller_id.from_user == "account" and self.user is None:
            raise ValueError('caller_id.from_user is "account", but there is no user: set it')
        if self.key is not None and self.certificate is None:
            raise ValueError("key is set without certificate: set both, or neither")
        return self

    @property
    def calls_out(self) -> bool:
        """Whether we can call by it."""
        return self.host is not None

    @property
    def own_domain(self) -> str:
        """The domain of our address there."""
        return self.domain or self.host or ""
