"""Locating SIP servers (RFC 3263, RFC 2782): what a URI asks of the DNS, and in what order the answers count.

Pure: records in, targets out. The lookups themselves are `dns`'s, the order of questions `locator`'s.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import get_args

from mediaserver.sip.events import Transport
from mediaserver.sip.uri import SipUri

_DEFAULT_PORT: dict[Transport, int] = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}
_SERVICES: dict[str, Transport] = {
    "SIP+D2U": "udp",
    "SIP+D2T": "tcp",
    "SIPS+D2T": "tls",
    "SIP+D2W": "ws",
    "SIPS+D2W": "wss",
}
"""NAPTR services (RFC 3263 4.1, RFC 7118 9.3)."""
_SRV: dict[Transport, str] = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
_SECURED: dict[str, Transport] = {"tcp": "tls", "tls": "tls", "ws": "wss", "wss": "wss"}


class UnreachableError(OSError):
    """There is no way to a URI: the sentence says why."""


@dataclass(frozen=True, slots=True)
class Naptr:
    """A NAPTR record (RFC 3403)."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Srv:
    """A SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class Host:
    """A host whose addresses are wanted; an IP literal has itself."""

    transport: Transport
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Services:
    """SRV names to ask for, in order; if none of them has a record it is `fallback`."""

    names: tuple[tuple[Transport, str], ...]
    fallback: Host


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain to ask for NAPTR records; if it has none that serve, it is `fallback`."""

    name: str
    secure: bool
    fallback: Services


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send: an IP literal and a port."""

    transport: Transport
    host: str
    port: int


def begin(uri: SipUri, able: Sequence[Transport]) -> Host | Services | Domain:
    """What to ask first (4.1, 4.2). `able` are the transports we speak, those we prefer first.

    Raises UnreachableError for a URI we cannot speak to at all.
    """
    host = uri.parameters.get("maddr") or uri.host
    if uri.scheme not in ("sip", "sips") or not host:
        raise UnreachableError(f"{uri} is no SIP address: it has to be sip:… or sips:…")
    secure = uri.scheme == "sips"
    named = _named_transport(uri, secure)
    default: Transport = "tls" if secure else "udp" if "udp" in able else "tcp"
    if named is not None and named not in able:
        raise UnreachableError(f"cannot call {uri}: no {named} here, only {', '.join(able)}")
    if default not in able:
        raise UnreachableError(f"cannot call {uri}: no {default} here, only {', '.join(able)}")
    if is_address(host) or uri.port is not None:
        transport = named or default
        return Host(transport, host, uri.port or _DEFAULT_PORT[transport])
    if named is not None:
        return _services((named,), host, named)
    likely: tuple[Transport, ...] = ("tls",) if secure else ("udp", "tcp", "tls")
    return Domain(host, secure, _services([each for each in likely if each in able], host, default))


def by_naptr(domain: Domain, records: Iterable[Naptr], able: Sequence[Transport]) -> Services:
    """The services that NAPTR records name, those of the lowest order and preference first (4.1).

    The RFC stops at the first we are able to use; here the others follow, as further ways if that one fails.
    """
    names: list[tuple[Transport, str]] = []
    for record in sorted(records, key=lambda each: (each.order, each.preference)):
        transport = _SERVICES.get(record.service.upper())
        if record.flags.lower() != "s" or transport not in able or transport is None:
            continue
        if domain.secure and not record.service.upper().startswith("SIPS"):
            continue
        names.append((transport, record.replacement))
    return Services(tuple(names), domain.fallback.fallback) if names else domain.fallback


def by_srv(transport: Transport, records: Iterable[Srv], choose: Callable[[int], int]) -> list[Host]:
    """The hosts that SRV records name, lowest priority first, shuffled by weight within one (RFC 2782).

    `choose(n)` gives a number from 0 to n, both included. A sole target "." means that there is no such service.
    """
    hosts: list[Host] = []
    by_priority: dict[int, list[Srv]] = {}
    for record in records:
        if record.target not in ("", "."):
            by_priority.setdefault(record.priority, []).append(record)
    for priority in sorted(by_priority):
        # Those of weight 0 first, so that they have a chance, if a small one.
        left = sorted(by_priority[priority], key=lambda each: each.weight)
        while left:
            wanted = choose(sum(each.weight for each in left))
            running = 0
            for place, each in enumerate(left):
                running += each.weight
                if running >= wanted:
                    hosts.append(Host(transport, each.target, each.port))
                    del left[place]
                    break
    return hosts


def is_address(host: str) -> bool:
    """Whether a host is an IP literal."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _named_transport(uri: SipUri, secure: bool) -> Transport | None:
    named = (uri.parameters.get("transport") or "").lower()
    if not named:
        return None
    if secure:
        if named not in _SECURED:
            raise UnreachableError(f"cannot call {uri}: sips needs TLS, and {named} has none")
        return _SECURED[named]
    for transport in get_args(Transport.__value__):
        if named == transport:
            return transport  # type: ignore[no-any-return]
    raise UnreachableError(f"cannot call {uri}: unknown transport {named!r}")


def _services(transports: Sequence[Transport], host: str, default: Transport) -> Services:
    names = tuple((each, f"{_SRV[each]}.{host}") for each in transports if each in _SRV)
    return Services(names, Host(default, host, _DEFAULT_PORT[default]))
