"""Networks: which of them an address is in. Asked for every request that comes, floods included."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

_BITS = {4: 32, 6: 128}


@lru_cache(4096)
def _number(text: str) -> tuple[int, int]:
    """Version and number of an address, without its zone; one that a socket for both families shows as IPv6 is IPv4."""
    found = ip_address(text.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    found = found if mapped is None else mapped
    return found.version, int(found)


class Networks[T]:
    """What stands at networks, each an address or "address/length"; the most specific one counts."""

    def __init__(self, table: Mapping[str, T]) -> None:
        rows = []
        for text, value in table.items():
            found = ip_network(text, strict=False)
            bits = _BITS[found.version]
            rest = bits - found.prefixlen
            rows.append((found.version, rest, int(found.network_address) >> rest, found.prefixlen, value))
        self._rows = sorted(rows, key=lambda row: -row[3])

    @classmethod
    def of(cls, networks: Iterable[str]) -> "Networks[None]":
        """Networks at which nothing stands."""
        return Networks(dict.fromkeys(networks))

    def width(self, peer: str) -> int:
        """Length of the longest prefix the peer is in; -1 if it is in none."""
        version, number = _number(peer)
        for its_version, rest, prefix, length, _ in self._rows:
            if its_version == version and number >> rest == prefix:
                return length
        return -1

    def at(self, peer: str) -> T | None:
        """What stands at the most specific network the peer is in; None if it is in none."""
        version, number = _number(peer)
        for its_version, rest, prefix, _, value in self._rows:
            if its_version == version and number >> rest == prefix:
                return value
        return None

    def __bool__(self) -> bool:
        return bool(self._rows)


def of[T](peer: str, table: Mapping[str, T]) -> T | None:
    """What stands in `table` at the most specific network the peer is in; None if it is in none."""
    return Networks(table).at(peer) if table else None
