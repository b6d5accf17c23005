"""Which of our addresses a peer can reach, and which one to send from."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from mediaserver.sip.events import Transport

type Address = tuple[str, int]
"""IP literal and port."""
type Advertised = tuple[str | None, int | None]
"""Host and port to be named in place of ours; None leaves ours."""

_REMEMBERED = 4096
_ANY_PORT = 9
_SIP_PORT = 5060


class Scopes:
    """On which interface each link-local IPv6 address was heard: without it nothing can be sent there (RFC 4007).

    Kept beside the addresses, for a scope means nothing to anybody else and has no place in SIP (RFC 6874).
    """

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def learn(self, host: str, scope: int) -> None:
        """Remember the interface of a link-local address."""
        if scope:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[host] = scope

    def full(self, address: Address) -> tuple[str, int] | tuple[str, int, int, int]:
        """The address as the socket needs it."""
        scope = self._known.get(address[0])
        return address if scope is None else (address[0], address[1], 0, scope)


SCOPES = Scopes()
"""Of this machine: interfaces are the same to every socket."""


class LocalAddress:
    """Our address as a given peer sees it: the bound one, or the one the route to the peer starts from."""

    def __init__(
        self,
        bound: Address,
        advertised: Advertised = (None, None),
        advertised_to: Callable[[str], str | None] | None = None,
    ) -> None:
        """`advertised_to` gives the host to name to a peer, None for what `advertised` says; it must not change."""
        self._advertised_to = advertised_to
        self.bound = (bound[0].partition("%")[0], bound[1])
        self.wildcard = ip_address(self.bound[0]).is_unspecified
        self._host, self._port = advertised[0], advertised[1] or bound[1]
        self._known: dict[str, Address] = {}
        self._seen: dict[str, Address] = {}

    def seen_as(self, remote: str, address: Address) -> None:
        """A peer has told where it sees us."""
        self._seen[remote] = address

    def towards(self, remote: str) -> Address:
        """The local address for a peer's IP literal; the bound one when there is no route."""
        if self._seen and (seen := self._seen.get(remote)) is not None:
            return seen
        if self._advertised_to is None and self._host is not None:
            return self._host, self._port
        if self._advertised_to is None and not self.wildcard:
            return self.bound[0], self._port
        known = self._known.get(remote)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()  # sources can be forged without end
            known = self._known[remote] = (self._host_for(remote), self._port)
        return known

    def _host_for(self, remote: str) -> str:
        host = None if self._advertised_to is None else self._advertised_to(remote)
        host = host or self._host
        if host is None and self.wildcard:
            host = source_towards(remote)
        return host or self.bound[0]


@dataclass(frozen=True, slots=True)
class _Bound:
    transport: Transport
    version: int
    local: LocalAddress


class LocalAddresses:
    """Every listener's address, and which one stands for us towards a peer by a given transport."""

    def __init__(self) -> None:
        self._bound: list[_Bound] = []
        self._seen: dict[tuple[Transport, str], Address] = {}

    def seen_as(self, transport: Transport, remote: str, address: Address) -> None:
        """A peer has told where it sees what we send by `transport`: name that to it, and to nobody else."""
        self._seen[transport, remote] = address
        local = self.best(transport, remote)
        if transport == "udp" and local is not None:
            local.seen_as(remote, address)  # what it sends comes to this very socket

    def add(self, transport: Transport, local: LocalAddress) -> None:
        """Take note of a listener."""
        self._bound.append(_Bound(transport, ip_address(local.bound[0]).version, local))

    def seen_by(self, remote: str) -> str | None:
        """Our host as a peer has told that it sees it; None if it has not."""
        return next((address[0] for (_, peer), address in self._seen.items() if peer == remote), None)

    def listens(self, transport: Transport) -> bool:
        """Whether we can be reached by this transport."""
        return any(each.transport == transport for each in self._bound)

    def best(self, transport: Transport, remote: str) -> LocalAddress | None:
        """The listener of `transport` that the route to `remote` starts from; None without one of its family."""
        version = ip_address(remote).version
        fitting = [each.local for each in self._bound if (each.transport, each.version) == (transport, version)]
        if len(fitting) < 2:
            return fitting[0] if fitting else None
        source = source_towards(remote)
        exact = [local for local in fitting if local.bound[0] == source]
        return (exact or [local for local in fitting if local.wildcard] or fitting)[0]

    def towards(self, transport: Transport, remote: str) -> Address:
        """What to write into Via and Contact: of the best listener, else of any that the peer could reach."""
        if (seen := self._seen.get((transport, remote))) is not None:
            return seen
        for each in (transport, *(other.transport for other in self._bound)):
            if (local := self.best(each, remote)) is not None:
                return local.towards(remote)
        return source_towards(remote) or "127.0.0.1", _SIP_PORT

    def source(self, transport: Transport, remote: str) -> str | None:
        """The address a connection to `remote` should be opened from; None leaves the choice to the system."""
        local = self.best(transport, remote)
        if local is None or local.wildcard:
            return None
        host = local.bound[0]
        return host if ip_address(host).is_loopback == ip_address(remote).is_loopback else None


def source_towards(remote: str) -> str | None:
    """The address of ours that the route to `remote` starts from; None without a route. Nothing is sent."""
    try:
        # Connecting a datagram socket only asks the kernel for a route.
        with socket.socket(family_of(remote), socket.SOCK_DGRAM) as probe:
            probe.connect(SCOPES.full((remote, _ANY_PORT)))
            return str(probe.getsockname()[0]).partition("%")[0]
    except OSError:
        return None


def family_of(host: str) -> socket.AddressFamily:
    """The address family of an IP literal."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def usable(remotes: Sequence[str]) -> list[str]:
    """Those addresses we have a route to."""
    return [remote for remote in remotes if source_towards(remote) is not None]
