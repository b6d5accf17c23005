"""One trunk as it is now: whether it is there, how many calls it carries, and what its calls are like."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from mediaserver.call.call_rate import CallRate
from mediaserver.config.network import Networks
from mediaserver.config.trunks import TrunkSettings
from mediaserver.sdp.negotiate import Capabilities
from mediaserver.sip.events import Flow
from mediaserver.sip.uri import NameAddr, SipUri

_MISSES_TO_BE_DOWN = 3


class TrunkState(Enum):
    """Whether a trunk is there, by the OPTIONS it is asked."""

    UNKNOWN = "unknown"
    """Not asked yet, or never: calls are tried."""
    UP = "up"
    DEGRADED = "degraded"
    """It failed to answer of late, or does not let us register: calls are still tried."""
    DOWN = "down"
    """It does not answer: calls go by another."""


@dataclass(slots=True)
class Trunk:
    """A trunk. `password` and `inbound_password` are the secrets themselves; times are seconds on one clock."""

    name: str
    settings: TrunkSettings
    capabilities: Capabilities = field(default_factory=Capabilities)
    password: str | None = field(default=None, repr=False)
    inbound_password: str | None = field(default=None, repr=False)
    state: TrunkState = TrunkState.UNKNOWN
    registered: bool = False
    registered_by: Flow | None = None
    """The flow that calls come by because of that."""
    outbound: bool = False
    """The registrar keeps us by that flow (RFC 5626): calls of ours go by it as well."""
    service_route: tuple[NameAddr, ...] = ()
    """What the registrar wants calls to go by (RFC 3608)."""
    addresses: frozenset[str] = frozenset()
    """What its host and proxy stood for when they were last looked up."""
    outgoing: int = 0
    """Calls of ours by it."""
    shunned_until: float = 0.0
    """It asked to be left alone until then (Retry-After)."""
    networks: Networks[None] = field(init=False, repr=False)
    """Where its calls come from."""
    _misses: int = 0
    _register_refused: bool = False
    _rate: CallRate | None = None

    def __post_init__(self) -> None:
        self.networks = Networks.of(self.settings.networks)
        if self.settings.max_calls_per_s is not None:
            self._rate = CallRate(self.settings.max_calls_per_s)

    @property
    def contact_user(self) -> str:
        """The user of our Contact there: a call to it is this trunk's."""
        return self.settings.user or self.name

    @property
    def credentials(self) -> tuple[str, str] | None:
        """Digest user and password for what we ask of it."""
        user = self.settings.auth_user or self.settings.user
        return None if user is None or self.password is None else (user, self.password)

    @property
    def hop(self) -> SipUri:
        """Where requests to it go first; to be looked up."""
        settings = self.settings
        if settings.outbound_proxy is not None:
            return SipUri.parse(settings.outbound_proxy)
        transport = {} if settings.transport is None else {"transport": settings.transport}
        return SipUri("sip", None, settings.host or "", settings.port, transport)

    @property
    def proxy(self) -> NameAddr | None:
        """The outbound proxy as a Route value."""
        if self.settings.outbound_proxy is None:
            return None
        proxy = SipUri.parse(self.settings.outbound_proxy)
        return NameAddr(
            None, SipUri(proxy.scheme, proxy.user, proxy.host, proxy.port, {**proxy.parameters, "lr": None})
        )

    @property
    def preloaded(self) -> tuple[NameAddr, ...]:
        """Route header fields of a call by it: the outbound proxy, then what the registrar wants."""
        proxy = self.proxy
        if proxy is None:
            return self.service_route
        return (proxy, *(route for route in self.service_route if route.uri.host != proxy.uri.host))

    def uri(self, user: str | None) -> SipUri:
        """The address of `user` there."""
        settings = self.settings
        if settings.domain is not None:
            return SipUri("sip", user, settings.domain)
        return SipUri("sip", user, settings.host or "", settings.port)

    def is_at(self, host: str) -> bool:
        """Whether a host is the trunk itself: nobody else is told anything by its credentials."""
        proxy = self.proxy
        names = (self.settings.host, self.settings.domain, None if proxy is None else proxy.uri.host)
        return host in self.addresses or host.lower() in (name.lower() for name in names if name is not None)

    def available(self, now: float) -> bool:
        """Whether a call may be tried by it."""
        return self.settings.calls_out and self.state is not TrunkState.DOWN and now >= self.shunned_until

    def has_room(self, incoming: Callable[[str], int]) -> bool:
        """Whether it may carry one more call; `incoming` counts those that came by a trunk."""
        most = self.settings.max_calls
        return most is None or incoming(self.name) + self.outgoing < most

    def admits_call(self, now: float) -> bool:
        """Whether one more call may come by it within this second; it is counted if so."""
        return self._rate is None or self._rate.take(now)

    def shun(self, until: float) -> None:
        """Leave it alone until then."""
        self.shunned_until = max(self.shunned_until, until)

    # What is found out about it. Each says whether the state has changed.

    def answered(self) -> bool:
        """It answered an OPTIONS."""
        self._misses = 0
        return self._become(TrunkState.DEGRADED if self._register_refused else TrunkState.UP)

    def silent(self) -> bool:
        """An OPTIONS failed, or there was nowhere to send it."""
        self._misses += 1
        return self._become(TrunkState.DOWN if self._misses >= _MISSES_TO_BE_DOWN else TrunkState.DEGRADED)

    def registration(self, registered: bool) -> bool:
        """A registration succeeded or failed."""
        self.registered = registered
        self._register_refused = not registered
        if self.state is TrunkState.DOWN:
            return False
        if registered:
            return self._become(TrunkState.DEGRADED if self._misses else TrunkState.UP)
        return self._become(TrunkState.DEGRADED)

    def _become(self, state: TrunkState) -> bool:
        changed, self.state = self.state is not state, state
        return changed

    def snapshot(self, incoming: int) -> Mapping[str, object]:
        """How it stands, for metrics and people."""
        return {
            "state": self.state.value,
            "registered": self.registered if self.settings.register_ else None,
            "calls_in": incoming,
            "calls_out": self.outgoing,
        }
