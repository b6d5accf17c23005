"""The configured ways out: trunks by number, phones by account, SIP URIs as they are; and how many calls they bear."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from mediaserver.call.call_rate import CallWindow
from mediaserver.call.caller_id import escaped, shown, written
from mediaserver.call.policy import Policy, ToNumber, ToPhone, ToUri
from mediaserver.call.route import KeyStyle, Route, RouteRefusedError, TransferStyle, Wanted
from mediaserver.call.trunk import Trunk
from mediaserver.call.trunk_choice import choose
from mediaserver.config.outbound import Outbound
from mediaserver.config.trunks import OURS
from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.negotiate import Capabilities
from mediaserver.sdp.security import SrtpPolicy
from mediaserver.sip.events import Flow
from mediaserver.sip.grammar import is_token
from mediaserver.sip.uri import NameAddr, SipUri

_LONGEST_SHUN_S = 600


@dataclass(frozen=True, slots=True)
class Binding:
    """Where one phone of an account is reached. `path`: the proxies before it (RFC 3327)."""

    contact: SipUri
    flow: Flow
    path: tuple[NameAddr, ...] = ()
    q: float = 1.0
    """How much it is preferred to others, up to 1."""
    device: str | None = None
    """What the phone says it is (+sip.instance), whatever way it has registered by."""


class Bindings(Protocol):
    """The phones that are registered."""

    def of(self, user: str) -> list[Binding]:
        """Those of an account, the most wanted first."""


class NoBindings:
    """No phone is registered."""

    def of(self, user: str) -> list[Binding]:
        """None."""
        return []


@dataclass(slots=True)
class _Place:
    """One call's place in the limits, held by the routes it may take."""

    routes: list[Route]
    trunk: Trunk | None


class WaysOut:
    """`call.route.Routes` by configuration. `incoming` counts the calls that came by a trunk; `clock` is in seconds.

    `own` is who calls to phones and URIs come from where the call says nothing, `srtp` what calls by no trunk want.
    """

    def __init__(
        self,
        outbound: Outbound,
        trunks: Mapping[str, Trunk],
        policy: Policy,
        capabilities: Capabilities,
        own: NameAddr,
        clock: Callable[[], float],
        phones: Bindings | None = None,
        incoming: Callable[[str], int] = lambda trunk: 0,
        srtp: SrtpPolicy = "optional",
    ) -> None:
        self._srtp = srtp
        self._outbound = outbound
        self._trunks = trunks
        self._policy = policy
        self._capabilities = capabilities
        self._own = own
        self._clock = clock
        self._phones = NoBindings() if phones is None else phones
        self._has_phones = phones is not None
        self._incoming = incoming
        self._window = CallWindow(outbound.max_calls_per_minute)
        self._places: dict[int, _Place] = {}
        self.refused: dict[str, int] = {}
        """How many calls were refused, by code."""

    @property
    def calls(self) -> int:
        """Calls that count towards `outbound.max_calls`."""
        return len({id(place) for place in self._places.values()})

    def out(self, wanted: Wanted) -> list[Route]:
        """The ways to try, in order; a place of the limits is taken until `over`. Raises RouteRefusedError."""
        try:
            return self._out(wanted)
        except RouteRefusedError as refusal:
            self.refused[refusal.code] = self.refused.get(refusal.code, 0) + 1
            raise

    def over(self, route: Route) -> None:
        """The call by `route`, or by another one that was given with it, is over: its place is free."""
        place = self._places.get(id(route))
        if place is None:
            return
        for each in place.routes:
            self._places.pop(id(each), None)
        if place.trunk is not None:
            place.trunk.outgoing -= 1

    def failed(self, route: Route, status: int, retry_after: int | None) -> None:
        """The INVITE by `route` got `status`: after a 503 its trunk is left alone for `retry_after` seconds if given.

        The call goes on by the next of its routes, whose trunk it is counted on from now on.
        """
        trunk = self._trunks.get(route.trunk or "")
        if trunk is not None and retry_after and status == 503:
            trunk.shun(self._clock() + min(retry_after, _LONGEST_SHUN_S))
        place = self._places.get(id(route))
        if place is None:
            return
        at = next(index for index, each in enumerate(place.routes) if each is route)
        if at + 1 < len(place.routes):
            self._count_on(place, self._trunks.get(place.routes[at + 1].trunk or ""))

    def transfer_style(self, trunk: str | None) -> TransferStyle:
        """As the trunk's settings say. Else we call, if we may call anybody: a phone could only call us."""
        found = self._trunks.get(trunk or "")
        if found is not None:
            return found.settings.transfer
        return "invite" if self._outbound.allow or self._outbound.domains or self._has_phones else "refer"

    def key_style(self, trunk: str | None) -> KeyStyle:
        """As the trunk's settings say."""
        found = self._trunks.get(trunk or "")
        return "auto" if found is None else found.settings.dtmf

    def capabilities(self, trunk: str | None) -> Capabilities:
        """As the trunk's settings say."""
        found = self._trunks.get(trunk or "")
        return self._capabilities if found is None else found.capabilities

    def srtp(self, trunk: str | None) -> SrtpPolicy:
        """As the trunk's settings say, or those of all calls."""
        found = self._trunks.get(trunk or "")
        own = None if found is None else found.settings.srtp
        return own or self._srtp

    # Within

    def _out(self, wanted: Wanted) -> list[Route]:
        headers = _checked(wanted.headers)
        if wanted.trunk is not None and wanted.trunk not in self._trunks:
            raise RouteRefusedError(
                f"there is no trunk {wanted.trunk!r}: add trunks.{wanted.trunk}", code="trunk-unknown"
            )
        match self._policy.judge(wanted.number):
            case ToPhone(user=user):
                return self._to_phone(user, wanted, headers)
            case ToUri(uri=uri):
                self._check_limits()
                named = self._trunks.get(wanted.trunk or "") or self._at(uri.host)
                routes = [
                    self._by_uri(uri, wanted, headers) if named is None else self._by(named, uri, wanted, headers)
                ]
                return self._take(routes)
            case ToNumber() as destination:
                self._check_limits()
                trunks = choose(self._trunks.values(), destination, wanted.trunk, self._incoming, self._clock())
                return self._take(
                    [self._by(trunk, self._target(trunk, destination), wanted, headers) for trunk in trunks]
                )

    def _to_phone(self, user: str, wanted: Wanted, headers: tuple[tuple[str, str], ...]) -> list[Route]:
        bindings = self._phones.of(user)
        if not bindings:
            raise RouteRefusedError(f"the phone {user!r} is not registered now", code="not-registered")
        from_ = self._caller(wanted)
        return [
            Route(
                each.contact,
                from_,
                each.contact,
                self._capabilities,
                flow=each.flow,
                preloaded=each.path,
                headers=headers,
                rank=each.q,
                device=each.device,
            )
            for each in bindings
        ]

    def _by_uri(self, uri: SipUri, wanted: Wanted, headers: tuple[tuple[str, str], ...]) -> Route:
        return Route(uri, self._caller(wanted), uri, self._capabilities, headers=headers)

    def _by(self, trunk: Trunk, target: SipUri, wanted: Wanted, headers: tuple[tuple[str, str], ...]) -> Route:
        says = shown(trunk, wanted, self._policy.plan)
        return Route(
            target,
            says.from_,
            _hop(trunk, target, redirected=wanted.redirected),
            trunk.capabilities,
            trunk.name,
            trunk.name,
            flow=trunk.registered_by if trunk.outbound else None,
            outbound=trunk.outbound,
            preloaded=trunk.preloaded,
            credentials=None if wanted.redirected and not trunk.is_at(target.host) else trunk.credentials,
            headers=(*says.headers, *trunk.settings.headers.items(), *headers),
            late_offer=trunk.settings.late_offer,
        )

    def _caller(self, wanted: Wanted) -> NameAddr:
        """Who a call to a phone or a URI comes from."""
        if wanted.private:
            return NameAddr("Anonymous", SipUri("sip", "anonymous", "anonymous.invalid"))
        if wanted.caller is None:
            return NameAddr(wanted.caller_name or self._own.display, self._own.uri)
        try:
            uri = SipUri.parse(wanted.caller)
        except RemoteProtocolError:
            uri = SipUri("sip", escaped(wanted.caller), self._own.uri.host)
        return NameAddr(wanted.caller_name, uri)

    def _target(self, trunk: Trunk, destination: ToNumber) -> SipUri:
        as_dialled = trunk.settings.number_format == "as-dialled"
        number = destination.given if as_dialled else written(destination.number, trunk, self._policy.plan)
        user = trunk.settings.dial_prefix + number
        # What the trunk makes of an innocent number must not be an emergency number either.
        self._policy.refuse_emergency(user)
        return trunk.uri(user)

    def _at(self, host: str) -> Trunk | None:
        return next(
            (each for each in self._trunks.values() if host in (each.settings.host, each.settings.domain)), None
        )

    def _check_limits(self) -> None:
        most = self._outbound
        if most.max_calls == 0 or most.max_calls_per_minute == 0:
            which = "max_calls" if most.max_calls == 0 else "max_calls_per_minute"
            raise RouteRefusedError(f"outgoing calls are off: outbound.{which} is 0", code="outbound-off")
        if self.calls >= most.max_calls:
            raise RouteRefusedError(
                f"{most.max_calls} outgoing calls are under way: outbound.max_calls would allow more", code="rate-limit"
            )
        if (wait := self._window.wait(self._clock())) > 0:
            raise RouteRefusedError(
                f"{most.max_calls_per_minute} calls were begun within a minute, the next may in {wait:.0f} s: "
                "outbound.max_calls_per_minute would allow more",
                code="rate-limit",
            )

    def _take(self, routes: list[Route]) -> list[Route]:
        """Nothing is waited for between the check and this: the place cannot be taken twice."""
        self._window.count(self._clock())
        place = _Place(routes, None)
        self._count_on(place, self._trunks.get(routes[0].trunk or ""))
        for route in routes:
            self._places[id(route)] = place
        return list(routes)

    def _count_on(self, place: _Place, trunk: Trunk | None) -> None:
        if place.trunk is not None:
            place.trunk.outgoing -= 1
        place.trunk = trunk
        if trunk is not None:
            trunk.outgoing += 1


def _hop(trunk: Trunk, target: SipUri, *, redirected: bool) -> SipUri:
    """Where a call by a trunk goes first: to its outbound proxy, to its host, or to where a 3xx points."""
    hop = trunk.hop
    if redirected and trunk.settings.outbound_proxy is None:
        hop = SipUri(target.scheme, None, target.host, target.port, {**hop.parameters, **target.parameters})
    # Who is called by a sips URI is called by TLS, or not at all.
    return hop if target.scheme == "sip" else replace(hop, scheme=target.scheme)


def _checked(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Header fields that the caller of `out` may add. Raises RouteRefusedError."""
    for name, value in headers.items():
        if not is_token(name) or not value.isprintable() or name.lower() in OURS:
            raise RouteRefusedError(
                f"the header field {name[:40]!r} cannot be added: choose another", code="bad-header"
            )
    return tuple(headers.items())
