"""The way out: by which trunk, or to which phone, a call of ours goes, and who may be called at all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from mediaserver.errors import MediaServerError
from mediaserver.sdp.negotiate import Capabilities
from mediaserver.sdp.security import SrtpPolicy
from mediaserver.sip.events import Flow
from mediaserver.sip.uri import NameAddr, SipUri

type TransferStyle = Literal["refer", "invite"]
"""A transfer by REFER leaves the call to the peer; by a second INVITE it stays anchored here."""

type KeyStyle = Literal["auto", "rfc4733", "info", "inband"]
"""How keys are sent: as events in RTP, by INFO, as tones; "auto": events where agreed, else INFO."""


class RouteRefusedError(MediaServerError):
    """Nobody may or can be called so. `code` is a word for the counters and the agent: forbidden-number, …"""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Route:
    """One way out. `hop` is looked up for where to send; `target` is the Request-URI."""

    target: SipUri
    from_: NameAddr
    hop: SipUri
    capabilities: Capabilities
    trunk: str | None = None
    profile: str = ""
    """TLS settings (see `Flow.profile`)."""
    flow: Flow | None = None
    """The connection of a registered phone, or the one we are registered by; None: look `hop` up."""
    outbound: bool = False
    """All of the call is to come by that flow (RFC 5626)."""
    preloaded: tuple[NameAddr, ...] = ()
    """Route header fields of the INVITE: an outbound proxy, a Path, a Service-Route."""
    credentials: tuple[str, str] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    late_offer: bool = False
    """The callee is to make the offer."""
    rank: float | None = None
    """Of a phone that is one of several. Those of one rank ring at once, the next rank after them; None: see `out`."""
    device: str | None = None
    """Which phone it is, if it says: another route to the same one is its second way, and does not ring by itself."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom to call and how. `number` is a number or a SIP URI; None leaves the choice to the configuration."""

    number: str
    trunk: str | None = None
    caller: str | None = None
    """The number or URI to call as."""
    caller_name: str | None = None
    private: bool = False
    """Withhold the caller's identity from the callee (RFC 3323)."""
    headers: Mapping[str, str] = field(default_factory=dict)
    redirected: bool = False
    """A 3xx sent us to this URI: it is called where it points, by whatever trunk (RFC 3261 8.1.3.4)."""
    by_agent: str | None = None
    """The agent that asked: emergency numbers are never called for one."""


class Routes(Protocol):
    """The configured ways out, with their limits; and how each trunk wants its calls, None being no trunk."""

    def out(self, wanted: Wanted) -> list[Route]:
        """The ways to try; a place of the limits is taken. Raises RouteRefusedError.

        More than one: trunks in order of preference, each tried if the one before cannot serve; or all the phones of an
        account, by `rank`.
        """

    def over(self, route: Route) -> None:
        """A call by `route` has ended, or was never made: its place is free."""

    def transfer_style(self, trunk: str | None) -> TransferStyle:
        """How a call that came by `trunk` is transferred."""

    def failed(self, route: Route, status: int, retry_after: int | None) -> None:
        """The INVITE by `route` got `status` (408, 503, …): with `retry_after` seconds its trunk is left alone so long.

        The place is not given back by this: `over` does that.
        """

    def key_style(self, trunk: str | None) -> KeyStyle:
        """How keys are sent on a call by `trunk`."""

    def capabilities(self, trunk: str | None) -> Capabilities:
        """What we negotiate on a call that came by `trunk`; for a call of ours it is in the `Route`."""

    def srtp(self, trunk: str | None) -> SrtpPolicy:
        """Whether media of a call by `trunk` are encrypted."""
