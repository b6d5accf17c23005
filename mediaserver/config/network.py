"""Networks: which of them an address is in."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

type Network = IPv4Network | IPv6Network


@lru_cache(4096)
def address(text: str) -> IPv4Address | IPv6Address:
    """A peer's address without its zone; one that a socket for both families shows as IPv6 is the IPv4 one it is."""
    found = ip_address(text.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return found if mapped is None else mapped


@lru_cache(1024)
def network(text: str) -> Network:
    """A network, or one address as a network."""
    return ip_network(text, strict=False)


def width(peer: str, networks: Iterable[str]) -> int:
    """Length of the longest prefix of `networks` that the peer is in; -1 if it is in none."""
    host = address(peer)
    return max((found.prefixlen for each in networks if host in (found := network(each))), default=-1)


def of[T](peer: str, table: Mapping[str, T]) -> T | None:
    """What stands in `table` at the most specific network the peer is in; None if it is in none."""
    host = address(peer)
    fitting = [(found.prefixlen, value) for each, value in table.items() if host in (found := network(each))]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None
