"""The addresses of this machine's network interfaces."""

import time
from collections.abc import Callable
from ipaddress import ip_address

import ifaddr

_KNOWN_S = 30.0
"""Interfaces come and go, though not between one call and the next."""


class Interfaces:
    """`find` tells the addresses as they are, by default of this machine; what it told is kept for a while."""

    def __init__(
        self, find: Callable[[], list[str]] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._find = find or _found
        self._clock = clock
        self._known: list[str] = []
        self._until: float | None = None

    def addresses(self) -> list[str]:
        """All that others can send to; those of a link alone (RFC 4291 2.5.6, RFC 3927) are left out."""
        now = self._clock()
        if self._until is None or now >= self._until:
            self._known, self._until = [each for each in self._find() if _usable(each)], now + _KNOWN_S
        return list(self._known)


def _usable(address: str) -> bool:
    return not ip_address(address).is_link_local


def _found() -> list[str]:
    """IPv6 addresses come with their scope, IPv4 ones alone."""
    return [
        str(each.ip) if isinstance(each.ip, str) else str(each.ip[0])
        for adapter in ifaddr.get_adapters()
        for each in adapter.ips
    ]
