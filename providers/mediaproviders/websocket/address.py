"""Where a URL leads."""

import ssl
from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """The URL leads to this machine, so no proxy may stand between."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def way_to(url: str, tls: ssl.SSLContext | None) -> dict[str, object]:
    """Options of a WebSocket to a service at `url` (its HTTP address, too): past the proxy, and whom to trust."""
    options: dict[str, object] = {}
    if is_loopback(url):
        options["proxy"] = None
    if tls is not None and url.startswith(("https:", "wss:")):
        options["ssl"] = tls
    return options
