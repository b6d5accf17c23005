"""Addresses of this machine: no proxy stands before them, and nobody listens on the way."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(url: str | None) -> bool:
    """Whether `url`, or a bare `host:port`, leads to this machine."""
    if url is None:
        return False
    host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
