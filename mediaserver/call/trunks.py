"""All trunks, and which of them a request comes by."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping

from mediaserver.call.trunk import Trunk
from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.events import Flow
from mediaserver.sip.message import Request
from mediaserver.sip.uri import SipUri

_WHOLE_ADDRESS, _BY_REGISTRATION = 128, 129


class Trunks(Mapping[str, Trunk]):
    """The trunks by name."""

    def __init__(self, trunks: Iterable[Trunk] = ()) -> None:
        self._trunks = {trunk.name: trunk for trunk in trunks}

    def __getitem__(self, name: str) -> Trunk:
        return self._trunks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._trunks)

    def __len__(self) -> int:
        return len(self._trunks)

    @property
    def hosts(self) -> dict[str, str]:
        """Which trunk stands behind a host or domain."""
        settings = [(trunk.name, trunk.settings) for trunk in reversed(self._trunks.values())]
        return {host: name for name, each in settings for host in (each.host, each.domain) if host is not None}

    def of(self, request: Request, flow: Flow) -> Trunk | None:
        """The trunk a request comes by, by its source address alone; what it says of itself only chooses among several.

        A connection that we opened for a trunk is its own. Among those that know the address, the one whose Contact is
        called comes first, then the one whose domain is named, then the one that knows the address closest.
        """
        if flow.profile in self._trunks:
            return self._trunks[flow.profile]
        found = [(closeness, trunk) for trunk in self._trunks.values() if (closeness := _closeness(trunk, flow)) >= 0]
        if len(found) <= 1:
            return found[0][1] if found else None
        called, hosts = _called(request), _hosts(request)
        return max(found, key=lambda each: _fit(each[1], each[0], called, hosts))[1]

    def are_at(self, address: str, prefix: int) -> bool:
        """Whether calls of a trunk come from an address, as one of its own or of a network of `prefix` bits or more."""
        return any(
            address in trunk.addresses
            or (trunk.registered_by is not None and trunk.registered_by.remote[0] == address)
            or trunk.networks.width(address) >= prefix
            for trunk in self._trunks.values()
        )

    def take_no_tcp(self, address: str) -> bool:
        """Whether a trunk at an address has it set that large requests come by UDP all the same."""
        return any(
            not trunk.settings.large_by_tcp
            and (address in trunk.addresses or trunk.networks.width(address) >= 0 or address == trunk.settings.host)
            for trunk in self._trunks.values()
        )

    def snapshot(self, incoming: Callable[[str], int]) -> dict[str, Mapping[str, object]]:
        """How each stands; `incoming` counts the calls that came by one."""
        return {name: trunk.snapshot(incoming(name)) for name, trunk in self._trunks.items()}


def _closeness(trunk: Trunk, flow: Flow) -> int:
    """How well the trunk knows where a request comes from; -1 not at all."""
    by = trunk.registered_by
    if by is not None and by.remote == flow.remote and by.transport == flow.transport:
        return _BY_REGISTRATION
    width = trunk.networks.width(flow.remote[0])
    if trunk.settings.from_host and flow.remote[0] in trunk.addresses:
        return max(width, _WHOLE_ADDRESS)
    return width


def _fit(trunk: Trunk, closeness: int, called: str, hosts: frozenset[str]) -> tuple[bool, bool, int]:
    settings = trunk.settings
    domains = {*settings.domains, *filter(None, (settings.domain, settings.host))}
    return settings.register_ and trunk.contact_user == called, not domains.isdisjoint(hosts), closeness


def _called(request: Request) -> str:
    return request.uri.unescaped_user or ""


def _hosts(request: Request) -> frozenset[str]:
    """The domains a request names: in the Request-URI, To and From."""
    uris: list[SipUri] = [request.uri]
    with contextlib.suppress(RemoteProtocolError):
        uris.append(request.to.uri)
    with contextlib.suppress(RemoteProtocolError):
        uris.append(request.from_.uri)
    return frozenset(uri.host.lower() for uri in uris)
