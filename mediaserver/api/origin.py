"""Where a request comes from: the page's origin (RFC 6454), the address, and whether that is this very machine."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from mediaserver.config.http import origin_of

_UNKNOWN = "0.0.0.0"
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def address_of(request: HTTPConnection) -> str:
    """The IP address of whoever asks; 0.0.0.0 if a proxy names none ("unknown", RFC 7239 6)."""
    if request.client is None:
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(request.client.host))
    except ValueError:
        return _UNKNOWN


def own_origin(request: HTTPConnection) -> str | None:
    """The origin of our pages, as this client reaches us; None if its Host cannot be read."""
    return _normal(f"{request.scope['scheme']}://{request.headers.get('host', '')}")


def page_of(request: HTTPConnection) -> str | None:
    """The origin of the page that asks; None: no page does. What is no origin ("null") stays as it is."""
    given = request.headers.get("origin")
    return None if given is None else _normal(given) or given


def is_here(request: HTTPConnection) -> bool:
    """It comes from this machine, and calls it by its own name.

    The name matters: a page elsewhere can have its own name resolved to 127.0.0.1, and would then be taken for ours.
    What a proxy has passed on comes from anywhere.
    """
    if any(name in request.headers for name in _FORWARDED):
        return False
    host = _host_of(own_origin(request) or "")
    return _is_loopback(address_of(request)) and (host == "localhost" or _is_loopback(host))


@dataclass(frozen=True, slots=True)
class Origins:
    """Pages that may call, besides our own."""

    listed: frozenset[str]

    @classmethod
    def of(cls, listed: Iterable[str]) -> "Origins":
        """Those listed."""
        return cls(frozenset(listed))

    def allow(self, request: HTTPConnection, page: str) -> bool:
        """Whether it may."""
        return page in self.listed or page == own_origin(request)


def _normal(text: str) -> str | None:
    try:
        return origin_of(text)
    except ValueError:
        return None


def _host_of(origin: str) -> str:
    host = origin.partition("://")[2]
    return host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text.strip("[]")).is_loopback
    except ValueError:
        return False
